"""Everything in order: files, draws, norms, enclosures, recursion, attack; then the verdict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check.certificate import bounds
from proofs_check.certificate.effective import Layer, effective_layer, read_mask, read_target
from proofs_check.certificate.exact import Dyadic, decimal
from proofs_check.certificate.generator import Source
from proofs_check.certificate.reader import (
    Array,
    NotATicketError,
    Rejected,
    parse_arrays,
    parse_json,
    read_file,
    require,
    show,
    take,
)
from proofs_check.certificate.schema import Domain, parse_certificate, parse_ticket

_ZERO = Fraction(0)
_ARRAYS = ("target.safetensors", "mask.safetensors", "witness.safetensors")
_DOCUMENTS = ("ticket.json", "certificate.json")


class Verdict(StrEnum):
    """PROVED: every statement was proved. REJECTED: one was not."""

    PROVED = "PROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Audit:
    """What was proved: lower_bound <= sup ||f(x) - g(x)||_2 <= upper_bound over the domain.

    f is the target of the stated digest in exact arithmetic, g the pruned network that seed and
    mask give. Bounds are None unless all was proved; `rejected` is the first false statement.
    `statements` holds what was proved with the seconds that it took, `facts` domain and counts.
    """

    verdict: Verdict
    upper_bound: Fraction | None
    lower_bound: Fraction | None
    rejected: str | None
    statements: tuple[tuple[str, float], ...]
    facts: dict[str, str | int]

    def __bool__(self) -> bool:
        raise TypeError("an Audit has no truth value: compare its verdict with Verdict.PROVED")


def verify(directory: str | Path, *, progress: Callable[[str], None] | None = None) -> Audit:
    """Prove or reject what the ticket in `directory` claims, in exact arithmetic.

    Parameters
    ----------
    directory : str or Path
        A ticket directory as FORMAT.md describes it. Nothing in it is trusted.
    progress : callable, optional
        Called with a line of text after each group of statements that was proved.

    Returns
    -------
    Audit
        The verdict with both bounds, or with the first false statement.

    Raises
    ------
    NotATicketError
        `directory` holds no ticket.json.

    Notes
    -----
    Rigor: exact (integers and rationals).  Cost: a draw per kept entry, four matrix products per
    layer.  Randomness: none, the seed is in the ticket.

    Source
    ------
    FORMAT.md, version 1.
    """
    folder = Path(directory)
    if not (folder / "ticket.json").exists():
        raise NotATicketError(f"no ticket directory (there is no ticket.json): {folder}")
    run = _Run(folder, progress)
    try:
        upper, lower = run.prove()
    except Rejected as reason:
        statements = tuple(run.statements)
        return Audit(Verdict.REJECTED, None, None, str(reason), statements, run.facts)
    if lower > upper:
        raise ArithmeticError("both bounds were proved but contradict each other: a checker bug")
    return Audit(Verdict.PROVED, upper, lower, None, tuple(run.statements), run.facts)


@dataclass
class _Run:
    """One verification: proves in order and remembers what was proved so far."""

    folder: Path
    progress: Callable[[str], None] | None
    statements: list[tuple[str, float]] = field(default_factory=list)
    facts: dict[str, str | int] = field(default_factory=dict)
    since: float = field(default_factory=time.perf_counter)

    def proved(self, text: str) -> None:
        """Record a group of statements."""
        now = time.perf_counter()
        self.statements.append((text, now - self.since))
        self.since = now
        if self.progress is not None:
            self.progress(text)

    def prove(self) -> tuple[Fraction, Fraction]:
        """Prove all statements in the order of FORMAT.md; return (upper_bound, lower_bound)."""
        exists = (self.folder / "certificate.json").exists()
        require(exists, "no certificate: nothing is claimed")
        # Each file is read once: the bytes that are hashed are the bytes that are parsed.
        raw = {name: read_file(self.folder / name) for name in (*_DOCUMENTS, *_ARRAYS)}
        ticket = parse_ticket(parse_json(raw["ticket.json"], "ticket.json"))
        document = parse_json(raw["certificate.json"], "certificate.json")
        certificate = parse_certificate(document, len(ticket["layers"]))
        stated = {
            "ticket.json": certificate["ticket_sha256"],
            "witness.safetensors": certificate["witness_sha256"],
            **ticket["sha256"],
        }
        for name, expected in stated.items():
            found = hashlib.sha256(raw[name]).hexdigest()
            require(found == expected, f"SHA-256 of {name} is {found}: stated {show(expected)}")
        domain = certificate["domain"]
        self.facts.update(domain=str(domain), target_sha256=stated["target.safetensors"])
        self.proved("the files have the stated digests")
        arrays = {name: parse_arrays(raw[name], name) for name in _ARRAYS}
        layers = self.rebuild(ticket, domain, arrays=arrays)
        witness = arrays["witness.safetensors"]
        regions = self.prove_layers(layers, domain, witness=witness, claims=certificate["layers"])
        attack = take(witness, "attack", "i8", shape=(ticket["layers"][0]["inputs"],))
        for name, rest in arrays.items():
            require(not rest, f"{name} has no further arrays: {show(sorted(rest))}")
        for name, method in certificate["methods"].items():
            bounds.prove_recursion(
                name, layers, regions, claims=certificate["layers"], method=method
            )
            self.proved(f"{name}: activation, error and difference of every layer")
        scale = Fraction(2) ** sum(ticket["scale_exponents"])
        last = min(method["difference"][-1] for method in certificate["methods"].values())
        upper: Fraction = certificate["upper_bound"]
        bounds.require_bound("upper_bound >= 2^K min D", upper, [(scale * last, _ZERO)])
        point = Dyadic(attack.astype(object), certificate["attack_exponent"])
        square = scale**2 * bounds.prove_attack(layers, point, domain)
        lower: Fraction = certificate["lower_bound"]
        sides = f"{decimal(lower**2, 20)} against {decimal(square, 20)}"
        require(lower**2 <= square, f"lower_bound^2 <= ||f(x*) - g(x*)||^2: {sides}")
        self.proved("upper_bound and lower_bound")
        return upper, lower

    def rebuild(
        self, ticket: dict[str, Any], domain: Domain, *, arrays: dict[str, dict[str, Array]]
    ) -> list[Layer]:
        """Return the exact layers of f' and g' from target, seed and mask."""
        network, drawn = ticket["source"], hashlib.sha256()
        is_linear = network["inner_activation"] == "linear"
        source = Source(network["seed"], network["law"], is_linear)
        layers, total, num_weights, num_kept = [], 0, 0, 0
        for i, shape in enumerate(ticket["layers"]):
            scale = ticket["scale_exponents"][i]
            total += scale
            # W' = 2^-k_i W, b' = 2^-(k_0 + ... + k_i) b.
            target = read_target(arrays["target.safetensors"], i, shape, exponents=(-scale, -total))
            num_hidden = network["widths"][2 * i + 1]
            mask = read_mask(arrays["mask.safetensors"], i, shape, num_hidden=num_hidden)
            # Behind a ReLU no input is negative.
            is_signed = i == 0 and domain.lower < 0
            layer = effective_layer(
                i, target, mask, source=source, is_signed=is_signed, feed=drawn.update
            )
            layers.append(layer)
            num_weights += shape["outputs"] * (shape["inputs"] + shape["bias"])
            num_kept += mask.hidden.size + int(np.bitwise_count(mask.kept).sum(dtype=np.int64))
            self.proved(f"layer {i}: target, mask, and the effective weights drawn again")
        found, stated = drawn.hexdigest(), ticket["drawn_sha256"]
        require(found == stated, f"drawn_sha256 is {found}: stated {show(stated)}")
        self.facts.update(target_weights=num_weights, kept_source_weights=num_kept)
        return layers

    def prove_layers(
        self,
        layers: list[Layer],
        domain: Domain,
        *,
        witness: dict[str, Array],
        claims: list[dict[str, Any]],
    ) -> list[bounds.Region]:
        """Prove norms, enclosure and centre of every layer; return the regions of the inputs."""
        regions: list[bounds.Region] = []
        for i, (layer, claim) in enumerate(zip(layers, claims, strict=True)):
            for kind, matrix in (("weight", layer.weight), ("error", layer.error)):
                n = min(matrix.numerators.shape)
                size, key = n * (n + 1) // 2, f"{kind}_witness"
                L = _vector(witness, f"{i}.{key}", size, exponent=claim[f"{key}_exponent"])
                statement, norm = f"layer {i}: {kind}_norm", claim[f"{kind}_norm"]
                bounds.prove_spectral_norm(statement, matrix, claimed=norm, witness=L)
            norm, square = claim["bias_error_norm"], layer.bias_error.norm_squared()
            bounds.require_bound(f"layer {i}: bias_error_norm", norm, [(_ZERO, square)])
            self.proved(f"layer {i}: norms of the weights, of their errors and of the bias error")
            inputs, grid = layer.weight.numerators.shape[1], claim["center_exponent"]
            center = _vector(witness, f"{i}.center", inputs, exponent=grid)
            if i == 0:
                region = bounds.input_region(domain, center, claim["center_radius"])
            else:
                lower = _vector(witness, f"{i}.lower", inputs, exponent=grid)
                upper = _vector(witness, f"{i}.upper", inputs, exponent=grid)
                region = bounds.Region(lower, upper, center, claim["center_radius"], None)
                bounds.prove_enclosure(i, region, before=regions[-1], layer=layers[i - 1])
            bounds.prove_center(i, region)
            regions.append(region)
            self.proved(f"layer {i}: enclosure and centre of its input")
        return regions


def _vector(arrays: dict[str, Array], key: str, size: int, *, exponent: int) -> Dyadic:
    return Dyadic(take(arrays, key, "i8", shape=(size,)).astype(object), exponent)
