"""What ticket.json and certificate.json must look like, and the sizes that must agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofs_check.certificate.exact import dyadic_text
from proofs_check.certificate.reader import Rejected, fit, integer, one_of, require, show

# Floats of 64 bits reach 2^-1074, their squares 2^-2148; no honest exponent is far below.
_EXPONENT = integer(-4096, 4096)
# Counters of the generator have 32 bits: a wider layer would repeat its entries.
_WIDTH = integer(1, (1 << 31) - 1)
_DYADIC = re.compile(r"(-?[0-9]{1,4000})\*2\^(-?[0-9]{1,4})")
_ACTIVATIONS = {"relu-diamond": ["relu"], "linear-diamond": ["linear"]}


@dataclass(frozen=True)
class Domain:
    """The ball of radius `upper` about 0 (then lower = -upper), or the box [lower, upper]."""

    is_ball: bool
    lower: Fraction
    upper: Fraction

    def __str__(self) -> str:
        if self.is_ball:
            return f"Euclidean ball of radius {dyadic_text(self.upper)} about 0"
        return f"box [{dyadic_text(self.lower)}, {dyadic_text(self.upper)}] in each coordinate"


def _dyadic(value: Any, where: str) -> Fraction:
    if type(value) is int:
        return Fraction(value)
    match = _DYADIC.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Rejected(f'{where} is an integer or "p*2^k": got {show(value)}')
    power: int = _EXPONENT(int(match[2]), f"exponent of {where}")
    return int(match[1]) * Fraction(2) ** power


def _bound(value: Any, where: str) -> Fraction:
    # A negative N would pass wherever only its square is compared, and then prove too much.
    claimed = _dyadic(value, where)
    require(claimed >= 0, f"{where} >= 0: got {show(value)}")
    return claimed


def _text(value: Any, where: str) -> str:
    require(isinstance(value, str), f"{where} is a string: got {show(value)}")
    return str(value)


def _domain(value: Any, where: str) -> Domain:
    if isinstance(value, dict) and value.get("kind") == "ball":
        radius = fit(value, {"kind": _text, "radius": _bound}, where)["radius"]
        return Domain(True, -radius, radius)
    box = fit(value, {"kind": one_of("box"), "lower": _dyadic, "upper": _dyadic}, where)
    # Over an empty domain every bound would hold.
    require(box["lower"] <= box["upper"], f"{where}: lower <= upper: got {show(value)}")
    return Domain(False, box["lower"], box["upper"])


_TICKET = {
    "format": one_of("strongltn-ticket"),
    "version": one_of(1),
    "construction": one_of("relu-diamond", "linear-diamond", "single-weight"),
    "layers": [{"name": _text, "inputs": _WIDTH, "outputs": _WIDTH, "bias": one_of(True, False)}],
    "source": {
        "generator": one_of("philox4x32-10"),
        "seed": integer(0),
        "law": one_of("uniform", "signed-constant", "gaussian"),
        "widths": [_WIDTH],
        "inner_activation": one_of("relu", "linear"),
    },
    "scale_exponents": [_EXPONENT],
    "samples_per_weight": integer(1),
    "sha256": {"target.safetensors": _text, "mask.safetensors": _text},
    "drawn_sha256": _text,
}
_METHOD = {"activation": [_bound], "error": [_bound], "difference": [_bound]}
_CERTIFICATE = {
    "format": one_of("strongltn-certificate"),
    "version": one_of(1),
    "ticket_sha256": _text,
    "witness_sha256": _text,
    "domain": _domain,
    "output_norm": one_of(2),
    "layers": [
        {
            **dict.fromkeys(
                ("weight_norm", "error_norm", "bias_error_norm", "center_radius"), _bound
            ),
            **dict.fromkeys(
                ("weight_witness_exponent", "error_witness_exponent", "center_exponent"), _EXPONENT
            ),
        }
    ],
    "methods": {"spectral-triangle": _METHOD, "centre-split": _METHOD},
    "upper_bound": _bound,
    "lower_bound": _bound,
    "attack_exponent": _EXPONENT,
}


def parse_ticket(value: Any) -> dict[str, Any]:
    """Return the content of ticket.json with sizes that agree, or reject."""
    ticket: dict[str, Any] = fit(value, _TICKET, "ticket.json")
    layers, source = ticket["layers"], ticket["source"]
    num, widths, activation = len(layers), source["widths"], source["inner_activation"]
    require(num >= 1, "there is at least one layer")
    sizes = [layers[0]["inputs"], *(layer["outputs"] for layer in layers)]
    good = len(widths) == 2 * num + 1 and widths[::2] == sizes
    require(good, f"widths are those of the layers, {show(sizes)}: got {show(widths)}")
    inputs = [layer["inputs"] for layer in layers]
    require(inputs == sizes[:-1], f"inputs are the outputs before: {show(inputs)}")
    require(len(ticket["scale_exponents"]) == num, f"scale_exponents has {num} entries")
    allowed = _ACTIVATIONS.get(ticket["construction"], [activation])
    require(activation in allowed, f"inner_activation is one of {allowed}: got {activation}")
    return ticket


def parse_certificate(value: Any, num_layers: int) -> dict[str, Any]:
    """Return the content of certificate.json for `num_layers` layers, or reject."""
    certificate: dict[str, Any] = fit(value, _CERTIFICATE, "certificate.json")
    lists = {"layers": certificate["layers"]}
    for name, method in certificate["methods"].items():
        lists.update({f"{name}: {key}": claims for key, claims in method.items()})
    for name, claims in lists.items():
        require(len(claims) == num_layers, f"{name} has {num_layers} entries: {len(claims)}")
    return certificate
