"""The theorem that was proved, in words and as an object: of which networks, inputs and norm.

Nothing here proves anything: it says what `proofs_check.certificate` proved, and what was not
checked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from proofs_check.certificate.audit import Audit
from proofs_check.certificate.reader import parse_arrays
from proofs_check.domain_text import domain_record
from proofs_check.numbers_text import (
    lower_number,
    lower_text,
    upper_number,
    upper_text,
)

#: What is proved in which step; a refusal names the one in which it came.
STEPS = (
    "the files of the ticket",
    "the networks, their weights drawn again",
    "the norms",
    "the bounds of every method",
    "the two bounds of the certificate",
)

_LAWS = {
    "uniform": "uniform on the 2^24 midpoints of [-1, 1]",
    "signed-constant": "-1 or 1 in the first layer of each pair, in the second uniform on the 2^24 "
    "midpoints of [-1, 1]",
    "gaussian": "standard normal up to 1e-6 in total variation, cut at 8",
}
_NORMS = {2: "||f(x) - g(x)||_2", "inf": "||f(x) - g(x)||_inf"}
_NORM_WORDS = {
    2: "the Euclidean norm of the difference of the outputs",
    "inf": "the largest absolute difference of an output",
}
_EXACT = (
    "f has the stored weights exactly; the weights of g were drawn again from the seed and are "
    "multiples of 2^-24; all norms, ranges and sums were computed in integers, without rounding."
)
TARGET_FILE = "target.safetensors"
_WIDTH = 100
_MAX_SHOWN = 1000


def theorem(audit: Audit) -> dict[str, Any]:
    """Return what a certificate that was PROVED states, for JSON.

    Every number stands there exactly and as a float: lower bounds rounded down, upper bounds up.
    """
    if audit.upper_bound is None or audit.lower_bound is None:
        raise ValueError("nothing was proved")
    setting, norm = audit.facts["setting"], audit.facts["setting"].certificate["output_norm"]
    record = {
        "domain": domain_record(setting),
        "output_norm": norm,
        "target": _target(audit),
        "pruned": _pruned(audit),
        "bounds": {
            "lower": lower_number(audit.lower_bound),
            "upper": upper_number(audit.upper_bound),
            "method": audit.facts["method"],
        },
        "exact": _EXACT,
    }
    return {
        "theorem": _sentence(audit, record),
        **record,
        "not_checked": _not_checked(audit.facts["ticket"]),
    }


def theorem_lines(audit: Audit) -> list[str]:
    """Return the theorem that was PROVED as lines for people."""
    record, (lower, upper) = theorem(audit), _decimals(audit)
    exact = record["bounds"]
    parts = [
        ("theorem", record["theorem"]),
        ("f", _target_text(record["target"])),
        ("g", _pruned_text(record["pruned"])),
        ("domain", record["domain"]["text"] + "."),
        ("norm", f"{_NORM_WORDS[record['output_norm']]}."),
        ("lower bound", f"{lower}, rounded down from {_cut(exact['lower']['exact'])}."),
        (
            "upper bound",
            f"{upper}, rounded up from {_cut(exact['upper']['exact'])}; by {exact['method']}.",
        ),
        ("exact", record["exact"]),
        *(("not checked", text) for text in record["not_checked"]),
    ]
    return [line for name, text in parts for line in labelled(name, text)]


def refusal(audit: Audit) -> str:
    """Return why a certificate was REJECTED, in a line: what is wrong, and in which step."""
    fault = str(audit.rejected).replace(" + sqrt(0)", "")
    return f"{printable(fault)} (step {audit.step} of {len(STEPS)}: {STEPS[audit.step - 1]})"


def labelled(name: str, text: str) -> list[str]:
    """Return a text behind its label, as lines."""
    return textwrap.wrap(
        printable(text, most=1 << 20),
        _WIDTH,
        initial_indent=f"  {name:<13}",
        subsequent_indent=" " * 15,
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str, *, most: int = _MAX_SHOWN) -> str:
    """Return text of a stranger's file in ASCII, with its control characters escaped, and cut."""
    shown = ascii(text)[1:-1] if not (text.isascii() and text.isprintable()) else text
    return shown if len(shown) <= most else f"{shown[:most]}..."


def _decimals(audit: Audit) -> tuple[str, str]:
    if audit.upper_bound is None or audit.lower_bound is None:
        raise ValueError("nothing was proved")
    return lower_text(audit.lower_bound), upper_text(audit.upper_bound)


def _sentence(audit: Audit, record: dict[str, Any]) -> str:
    lower, upper = _decimals(audit)
    target, pruned, distance = record["target"], record["pruned"], _NORMS[record["output_norm"]]
    inner = "a ReLU" if pruned["inner_activation"] == "relu" else "nothing"
    return (
        f"For every x in {record['domain']['name']}, {distance} <= {upper}, and for one of them "
        f"{distance} >= {lower}. Here f is the ReLU network {_chain(target['widths'])} with the "
        f"weights and biases of target.safetensors (SHA-256 {target['sha256']}), and g is "
        f"2^{pruned['output_exponent']} times what the mask of mask.safetensors (SHA-256 "
        f"{pruned['mask_sha256']}) leaves of the random network {_chain(pruned['widths'])}, which "
        f"the generator {pruned['generator']} draws from seed {_cut(str(pruned['seed']))} and law "
        f"{pruned['law']}, with {inner} after the first layer of each pair."
    )


def _target(audit: Audit) -> dict[str, Any]:
    ticket, arrays = audit.facts["ticket"], parse_arrays(audit.facts["target"], TARGET_FILE)
    layers = ticket["layers"]
    return {
        "sha256": ticket["sha256"]["target.safetensors"],
        "widths": [layers[0]["inputs"], *(layer["outputs"] for layer in layers)],
        "biases": [layer["bias"] for layer in layers],
        "dtypes": [arrays[f"{i}.weight"].dtype.name for i in range(len(layers))],
        "num_weights": sum(array.size for array in arrays.values()),
        "names_as_stated": [layer["name"] for layer in layers],
        "as_stated": ticket.get("reading"),
    }


def _pruned(audit: Audit) -> dict[str, Any]:
    ticket, setting = audit.facts["ticket"], audit.facts["setting"]
    source, scales = ticket["source"], ticket["scale_exponents"]
    kept = [layer.num_kept for layer in setting.layers]
    return {
        **source,
        "mask_sha256": ticket["sha256"]["mask.safetensors"],
        "drawn_sha256": ticket["drawn_sha256"],
        "num_weights": _num_source_weights(source["widths"], ticket["layers"]),
        "num_kept": sum(kept),
        "num_kept_by_pair": kept,
        "scale_exponents": scales,
        "output_exponent": sum(scales),
        "construction_as_stated": ticket["construction"],
        "samples_per_weight_as_stated": ticket["samples_per_weight"],
    }


def _num_source_weights(widths: Sequence[int], layers: Sequence[dict[str, Any]]) -> int:
    return sum(
        widths[2 * i + 1] * (widths[2 * i] + layer["bias"] + widths[2 * i + 2])
        for i, layer in enumerate(layers)
    )


def _target_text(target: dict[str, Any]) -> str:
    last = len(target["widths"]) - 2
    formula = (
        "f(x) = W_0 x + b_0"
        if not last
        else (f"z_0 = W_0 x + b_0, z_i = W_i s(z_(i-1)) + b_i, f(x) = z_{last}, s(t) = max(t, 0)")
    )
    return (
        f"the target network {_chain(target['widths'])}: {formula}; biases in "
        f"{_biases(target['biases'])}; {target['num_weights']:,} weights and biases, "
        f"{' and '.join(sorted(set(target['dtypes'])))}, taken exactly. "
        f"SHA-256 of target.safetensors: {target['sha256']}."
    )


def _pruned_text(pruned: dict[str, Any]) -> str:
    inner = "a ReLU" if pruned["inner_activation"] == "relu" else "nothing"
    return (
        f"2^{pruned['output_exponent']} times the random network {_chain(pruned['widths'])} under "
        f"the mask, which keeps {pruned['num_kept']:,} of its {pruned['num_weights']:,} weights. "
        f"Two layers for each of f: after the first {inner}, after the second a ReLU, at the end "
        "none; for a bias of f the first has a constant input 1. The weights: generator "
        f"{pruned['generator']}, seed {_cut(str(pruned['seed']))}, law {pruned['law']} "
        f"({_LAWS[pruned['law']]}). Pair i stands in for layer i of f divided by 2^k_i, k = "
        f"{_cut(str(pruned['scale_exponents']))}. SHA-256 of mask.safetensors: "
        f"{pruned['mask_sha256']}."
    )


def _not_checked(ticket: dict[str, Any]) -> list[str]:
    """Return what the files say, or a reader may think, without anybody having checked it."""
    reading = ticket.get("reading")
    names = ", ".join(layer["name"] for layer in ticket["layers"])
    return [
        "Whether f is what its author meant. How the author's file was read, as stated: "
        + ("not stated" if reading is None else printable(reading))
        + f" (layers, as stated: {printable(names)}). Compare with your own file: --target FILE.",
        f"How the mask was found: construction {printable(ticket['construction'], most=200)!r}, "
        f"{ticket['samples_per_weight']} samples for each weight, as stated.",
        "What f and g give in floating-point arithmetic, which rounds.",
        "report.json, which is not read.",
    ]


def _chain(widths: Sequence[int]) -> str:
    return _cut("-".join(map(str, widths)))


def _biases(biases: Sequence[bool]) -> str:
    if all(biases):
        return "every layer"
    places = [str(i) for i, has_bias in enumerate(biases) if has_bias]
    return (
        f"layers {', '.join(places)} only (elsewhere b_i = 0)" if places else "no layer (b_i = 0)"
    )


def _cut(text: str, *, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
