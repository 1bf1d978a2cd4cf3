"""What one method of bounding has proved, and what of it stands in a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.bounds import Chain
from strongltn.certify.differential.bound import Differential
from strongltn.certify.differential.ranges import Range
from strongltn.certify.quadratic.witness import QuadraticWitness
from strongltn.networks.domain import OutputNorm
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import to_text
from strongltn.values.by_value import ByValue

SPECTRAL_TRIANGLE = "spectral-triangle"
CENTRE_SPLIT = "centre-split"
DIFFERENTIAL_INTERVAL = "differential-interval"
BACKWARD_DIFFERENTIAL = "backward-differential"
INPUT_SPLITTING = "input-splitting"
QUADRATIC = "quadratic"

Arrays = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Method(ByValue):
    """Bounds that one method has proved of the scaled networks, with their witnesses.

    Attributes
    ----------
    activation : tuple of Fraction, one for each layer, or empty
        X_i >= sup ||input of layer i||.
    difference : tuple of Fraction, one for each layer, or for the last alone
        D_i >= sup ||pre-activation of g' - pre-activation of f'|| at layer i.
    bound : Fraction
        >= sup ||f' - g'|| in the norm that was asked for.
    entry : dict
        What certificate.json says of the method.
    arrays : dict from name to int64 array
        Its part of witness.safetensors.
    """

    activation: tuple[Fraction, ...]
    difference: tuple[Fraction, ...]
    bound: Fraction
    entry: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Method(sup ||f' - g'|| <= {outward_text(self.bound, upwards=True)})"

    @staticmethod
    def from_chain(chain: Chain) -> Method:
        """Return the method of a recursion."""
        entry = _claims(chain.activation, chain.difference)
        return Method(chain.activation, chain.difference, chain.difference[-1], entry)

    @staticmethod
    def from_differential(name: str, proved: Differential, norm: OutputNorm) -> Method:
        """Return the method of a differential bound; its arrays bear `name`."""
        arrays: Arrays = {f"{name}.tree": proved.tree}
        exponents = []
        for i, first in enumerate(proved.leaves[0]):
            exponents.append([first.target.lower.exponent, first.difference.lower.exponent])
            for kind, exponent in zip(("target", "difference"), exponents[-1], strict=True):
                ends = [_ends(getattr(leaf[i], kind), exponent) for leaf in proved.leaves]
                arrays[f"{name}.{i}.{kind}"] = np.array(ends)
        for i, multipliers in enumerate(proved.multipliers):
            arrays[f"{name}.{i + 1}.multipliers"] = multipliers.numerators
        entry = _claims(proved.activation, proved.difference) | {
            "range_exponents": exponents,
            "multiplier_exponents": [array.exponent for array in proved.multipliers],
        }
        bound = proved.difference[-1]
        if norm is OutputNorm.INF:
            bound = min(bound, proved.largest_output)
        return Method(proved.activation, proved.difference, bound, entry, arrays)

    @staticmethod
    def from_quadratic(proved: QuadraticWitness) -> Method:
        """Return the method of a quadratic bound, which speaks of the last layer alone."""
        return Method((), (proved.bound,), proved.bound, proved.entry(), proved.arrays())


def _claims(
    activation: tuple[Fraction, ...], difference: tuple[Fraction, ...]
) -> dict[str, list[Any]]:
    return {
        "activation": [to_text(value) for value in activation],
        "difference": [to_text(value) for value in difference],
    }


def _ends(inside: Range, exponent: int) -> list[NDArray[np.int64]]:
    return [inside.lower.at(exponent), inside.upper.at(exponent)]
