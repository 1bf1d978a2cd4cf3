"""What ticket.json and certificate.json must look like, and the sizes that must agree."""

import itertools
import re
from typing import Any

from proofs_check.certificate.exact import Dyadic
from proofs_check.certificate.reader import Rejected, fit, require, show

# Floats of 64 bits reach 2^-1074, their squares 2^-2148; no honest exponent is far below.
EXPONENT = range(-4096, 4097)
# Counters of the generator have 32 bits: a wider layer would repeat its entries.
_WIDTH = range(1, 1 << 31)
_DYADIC = re.compile(r"(-?[0-9]{1,4000})\*2\^(-?[0-9]{1,4})")


def _text(value: Any, where: str) -> str:
    require(isinstance(value, str), f"{where} must be a string: got {show(value)}")
    return str(value)


def _dyadic(value: Any, where: str) -> Dyadic:
    if type(value) is int:
        return Dyadic(value)
    match = _DYADIC.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Rejected(f'{where} must be an integer or "p*2^k": got {show(value)}')
    return Dyadic(int(match[1]), fit(int(match[2]), EXPONENT, f"exponent of {where}"))


def _bound(value: Any, where: str) -> Dyadic:
    # A negative N would pass wherever only its square is compared, and then prove too much.
    claimed = _dyadic(value, where)
    require(claimed >= 0, f"{where} must be >= 0: got {show(value)}")
    return claimed


_LAWS = ("uniform", "signed-constant", "gaussian")
_SOURCE = {"generator": ("philox4x32-10",), "seed": range(1 << 4096), "law": _LAWS}
_TICKET = {
    "format": ("strongltn-ticket",),
    "version": (1,),
    "construction": _text,
    "layers": [{"name": _text, "inputs outputs": _WIDTH, "bias": (True, False)}],
    "source": _SOURCE | {"widths": [_WIDTH], "inner_activation": ("relu", "linear")},
    "scale_exponents": [EXPONENT],
    "samples_per_weight": range(1, 1 << 31),
    "sha256": {"target.safetensors mask.safetensors": _text},
    "drawn_sha256 reading?": _text,
}
_DOMAIN = {"radius?": _bound, "lower? upper?": _dyadic, "exponent?": EXPONENT}
_NORMS = {"weight_norm error_norm bias_error_norm": _bound}
_GRIDS = {"weight_witness_exponent error_witness_exponent": EXPONENT}
_RECURSION = {"activation difference": [_bound]}
_RANGES = {"range_exponents": [[EXPONENT]], "multiplier_exponents": [EXPONENT]}
_METHODS = {  # in the order of their proofs
    "differential-interval backward-differential input-splitting?": _RECURSION | _RANGES,
    "spectral-triangle centre-split": _RECURSION,
    "quadratic?": {"unit_exponent factor_exponent": EXPONENT, "tau bound": _bound},
}
_CERTIFICATE = {
    "format": ("strongltn-certificate",),
    "version": (2,),
    "ticket_sha256 witness_sha256": _text,
    "domain": {"kind": ("ball", "box", "local-box")} | _DOMAIN,
    "output_norm": (2, "inf"),
    "layers": [_NORMS | _GRIDS],
    "methods": _METHODS,
    "upper_bound lower_bound": _bound,
    "attack_exponent": EXPONENT,
}


def parse_ticket(value: Any) -> dict[str, Any]:
    """Return the content of ticket.json with sizes that agree, or reject."""
    ticket: dict[str, Any] = fit(value, _TICKET, "ticket.json")
    layers, widths, scales = ticket["layers"], ticket["source"]["widths"], ticket["scale_exponents"]
    require(layers, "there are no layers")
    sizes = [layers[0]["inputs"], *(layer["outputs"] for layer in layers)]
    inputs = [layer["inputs"] for layer in layers]
    require(inputs == sizes[:-1], f"inputs must be the outputs before: {show(inputs)}")
    good = len(widths) == 2 * len(layers) + 1 and widths[::2] == sizes
    require(good, f"widths must be those of the layers, {show(sizes)}: got {show(widths)}")
    require(len(scales) == len(layers), f"scale_exponents must have {len(layers)} entries")
    totals = fit(list(itertools.accumulate(scales)), [EXPONENT], "sums of scale_exponents")
    return ticket | {"total_exponents": totals}


def parse_certificate(value: Any, num: int) -> dict[str, Any]:
    """Return the content of certificate.json for `num` layers, or reject."""
    certificate: dict[str, Any] = fit(value, _CERTIFICATE, "certificate.json")
    for name, method in {"norms": certificate, **certificate["methods"]}.items():
        for key, part in method.items():
            sizes = (0, num - 1) if key == "multiplier_exponents" else (num,)
            good = not isinstance(part, list) or len(part) in sizes
            require(good, f"{name}: {key} must have {sizes[-1]} entries")
    return certificate
