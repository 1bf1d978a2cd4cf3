"""Everything in order: files, draws, norms, ranges, recursions, attack; then the verdict."""

import hashlib
import time
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check.certificate import bounds, reader
from proofs_check.certificate.effective import Source, effective_layer, read_mask, read_target
from proofs_check.certificate.exact import Dyadic, require_bound
from proofs_check.certificate.ranges import Setting, prove_ranges
from proofs_check.certificate.reader import NotATicketError, Rejected, require, show
from proofs_check.certificate.schema import parse_certificate, parse_ticket


class Verdict(StrEnum):
    """PROVED: every statement was proved. REJECTED: one was not."""

    PROVED = "PROVED"
    REJECTED = "REJECTED"


@dataclass
class Audit:
    """What was proved: lower_bound <= sup ||f(x) - g(x)|| <= upper_bound over the domain.

    f is the target in exact arithmetic, g the pruned network that seed and mask give. Bounds are
    None unless all was proved; `rejected` says what is wrong with `statement`, begun in `step`.
    """

    verdict: Verdict = Verdict.REJECTED
    upper_bound: Fraction | None = None
    lower_bound: Fraction | None = None
    rejected: str | None = None
    step: int = 0
    statement: str = ""
    since: float = 0.0
    statements: list[tuple[str, float]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def begin(self, step: int = 0, statement: str = "") -> None:
        """Count the statement before as proved, and begin with the next one."""
        now = time.perf_counter()
        if self.statement:
            self.statements.append((self.statement, now - self.since))
        self.step, self.statement, self.since = step, statement, now

    def __bool__(self) -> bool:
        raise TypeError("an Audit has no truth value: compare its verdict with Verdict.PROVED")


def verify(directory: str | Path, certificate: str = "certificate.json") -> Audit:
    """Prove or reject what a certificate claims of the ticket in `directory`, in exact arithmetic.

    Nothing in it (FORMAT.md) is trusted. Raises NotATicketError if there is no ticket.json.
    """
    folder = Path(directory)
    if not (folder / "ticket.json").exists():
        raise NotATicketError(f"no ticket directory (there is no ticket.json): {folder}")
    audit = Audit()
    try:
        _prove(folder, certificate, audit)
    except (Rejected, OSError, RecursionError) as reason:
        audit.rejected = str(reason)
    return audit


def _prove(folder: Path, file: str, audit: Audit) -> None:
    """Read the files, draw the networks again and prove all claims, group by group."""
    audit.begin(1, "the files have the stated digests and the form that FORMAT.md asks for")
    # Each file is read once: the bytes that are hashed are the bytes that are parsed.
    raw = {name: reader.read_file(folder / name) for name in ("ticket.json", file)}
    ticket = parse_ticket(reader.parse_json(raw["ticket.json"], "ticket.json"))
    certificate = parse_certificate(reader.parse_json(raw[file], file), len(ticket["layers"]))
    stated = certificate["witness_sha256"]
    require(stated.isalnum(), f"witness_sha256 must be a digest: got {show(stated)}")
    names = [f"witness-{stated[:16]}.safetensors", "witness.safetensors"]
    found = [name for name in names if (folder / name).exists()] or names
    arrays = ["target.safetensors", "mask.safetensors", found[0]]
    raw |= {name: reader.read_file(folder / name) for name in arrays}
    digests = {"ticket.json": certificate["ticket_sha256"], **ticket["sha256"], arrays[2]: stated}
    for name, stated in digests.items():
        digest = hashlib.sha256(raw[name]).hexdigest()
        require(digest == stated, f"SHA-256 of {name} is {digest}, not {show(stated)} as stated")
    targets, masks, witness = (reader.parse_arrays(raw[name], name) for name in arrays)
    # All other sizes follow from the arrays of the target.
    layers = [read_target(targets, i, ticket) for i in range(len(ticket["layers"]))]
    setting = Setting(certificate, witness, layers[0][0].numerators.shape[1])
    source = Source(ticket["source"])
    for i, layer in enumerate(layers):
        audit.begin(2, f"layer {i}: target, mask, and the effective weights drawn again")
        mask = read_mask(masks, i, ticket)
        # Behind a ReLU no input is negative.
        is_signed = i == 0 and bool((setting.ends < 0).any())
        setting.layers.append(effective_layer(i, layer, mask, source=source, is_signed=is_signed))
    digest, stated = source.drawn.hexdigest(), ticket["drawn_sha256"]
    require(digest == stated, f"drawn_sha256 is {digest}, not {show(stated)} as stated")
    method = _prove_claims(setting, sum(ticket["scale_exponents"]), audit)
    for name, rest in zip(arrays, (targets, masks, witness), strict=True):
        require(not rest, f"{name} must have no further arrays: {show(sorted(rest))}")
    audit.begin()
    audit.facts = {"ticket": ticket, "setting": setting, "target": raw[arrays[0]], "method": method}
    upper, lower = (certificate[key].fraction() for key in ("upper_bound", "lower_bound"))
    if lower > upper:
        raise ArithmeticError("both bounds were proved but contradict each other: a checker bug")
    audit.verdict, audit.upper_bound, audit.lower_bound = Verdict.PROVED, upper, lower


def _prove_claims(setting: Setting, scale: int, audit: Audit) -> str:
    """Prove all claims about the networks; return the method that gave the least bound."""
    certificate, outputs = setting.certificate, setting.layers[-1].outputs
    for i in range(len(setting.layers)):
        audit.begin(3, f"layer {i}: norms of the weights, of their errors and of the bias error")
        bounds.prove_norms(setting, i)
    least, ranges = dict[str, Any](), dict[str, Any]()
    is_euclidean = certificate["output_norm"] == 2
    for name, method in certificate["methods"].items():
        audit.begin(4, f"{name}: all of its bounds")
        if name == "quadratic":
            bounds.prove_quadratic(setting, ranges["backward-differential"])
        elif "range_exponents" in method:
            ranges[name] = prove_ranges(setting, name)
        else:
            split = ranges["backward-differential"] if name == "centre-split" else []
            bounds.prove_recursion(setting, name, split)
        least[name] = method["bound"] if name == "quadratic" else method["difference"][-1]
        if name in ranges and not is_euclidean:
            largest = abs(ranges[name][-1][:, :, outputs:]).map(np.max)
            least[name] = min(least[name], largest, key=Dyadic.fraction)
    audit.begin(5, "upper_bound and lower_bound")
    best = min(least, key=lambda name: least[name].fraction())
    upper, lower = certificate["upper_bound"], certificate["lower_bound"]
    require_bound("upper_bound >= 2^K min D", upper, (least[best].scaled(scale), 0, 0))
    d = bounds.difference_at(setting).scaled(scale)
    square = d.square_sum() if is_euclidean else (d * d).map(np.max)
    require_bound("||f(x*) - g(x*)||^2 >= lower_bound^2", square, (lower * lower, 0, 0))
    return best
