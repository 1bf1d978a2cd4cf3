"""From end to end: draw, prune and certify small networks, all in integers.

The weights are uniform on a grid of step 2^-20, fine beside the tolerances; the theorem speaks of
the continuous law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import lower_limit
from proofs_check.claims.rational_matrix import (
    Rationals,
    is_norm_at_most,
    norm_squared,
    rationals,
    relu,
)

_BITS = 20  # weights are integers times 2^-20, products times 2^-40
_SEARCHED = 12  # members of a group whose subsets are searched at a time
_EPSILON = Fraction(1, 4)
_DELTA = Fraction(1, 10)
_FALSE_ALARM = Fraction(1, 1000)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PrunedLayer:
    """One target layer in two source layers: a_jk of input j, b_ijk from it to output i.

    `kept` has the masks of b for the neurons with a > 0 and with a < 0 together.
    """

    a: Integers
    b: Integers
    kept: npt.NDArray[np.bool_]

    def __call__(self, x: Rationals) -> Rationals:
        """Return the layer's value at x, from the hidden neurons."""
        value = rationals(np.zeros(self.kept.shape[0], dtype=int))
        for i, j, k in np.argwhere(self.kept).tolist():
            hidden = max(int(self.a[j, k]) * x[j], Fraction(0))
            value[i] += int(self.b[i, j, k]) * hidden / (1 << 2 * _BITS)
        return value

    def effective(self) -> tuple[Rationals, Rationals]:
        """Return the matrices that act on s(x) and on s(-x)."""
        products = np.where(self.kept, self.b * np.abs(self.a), 0)
        halves = (np.where(sign, products, 0).sum(axis=2) for sign in (self.a > 0, self.a < 0))
        plus, minus = (rationals(half, 1 << 2 * _BITS) for half in halves)
        return plus, minus


def subset_for(samples: Integers, target: int, tolerance: int) -> npt.NDArray[np.bool_] | None:
    """Return a subset of the samples with a sum within tolerance of target, or None.

    Searches all subsets of twelve samples at a time: less than all, so a failure here may be none.
    """
    for start in range(0, samples.size, _SEARCHED):
        part = samples[start : start + _SEARCHED]
        sums = np.zeros(1, dtype=np.int64)
        for sample in part:
            sums = np.concatenate([sums, sums + sample])
        best = int(np.abs(sums - target).argmin())
        if abs(int(sums[best]) - target) <= tolerance:
            kept = np.zeros(samples.size, dtype=bool)
            kept[start : start + part.size] = [best >> i & 1 for i in range(part.size)]
            return kept
    return None


def prune(
    target: Rationals, num_neurons: int, *, rng: np.random.Generator, tolerance: int, is_first: bool
) -> PrunedLayer | None:
    """Draw a source layer and prune it to the target; None where a weight finds no subset.

    `tolerance` is in units of 2^-40. Inputs of later layers are >= 0: their minus half stays empty.
    """
    num_outputs, num_inputs = target.shape
    shape = num_outputs, num_inputs, num_neurons
    a, b = (rng.integers(-(1 << _BITS), (1 << _BITS) + 1, size) for size in (shape[1:], shape))
    kept = np.zeros(shape, dtype=bool)
    for (i, j), weight in np.ndenumerate(target):
        goal = round(weight * (1 << 2 * _BITS))
        for sign in (1, -1) if is_first else (1,):
            group = np.flatnonzero(sign * a[j] > 0)
            # The rounding of the goal costs less than one unit.
            samples = b[i, j, group] * np.abs(a[j, group])
            chosen = subset_for(samples, sign * goal, tolerance - 1)
            if chosen is None:
                return None
            kept[i, j, group] = chosen
    return PrunedLayer(a, b, kept)


def error_bound(target: Rationals, layer: PrunedLayer, is_first: bool) -> Fraction:
    """Return e with |layer(x) - target x| <= e |x|: Frobenius, the worse sign at each entry."""
    plus, minus = layer.effective()
    off = abs(plus - target)
    if is_first:
        off = np.maximum(off, abs(-minus - target))
    square = norm_squared(off)
    # The root rounded upwards, in units of 2^-40.
    root = math.isqrt(math.ceil(square * (1 << 4 * _BITS))) + 1
    return Fraction(root, 1 << 2 * _BITS)


def targets(rng: np.random.Generator, num_blocks: int) -> list[Rationals]:
    """Return two matrices of spectral norm one with entries 0 and +-1/2: shuffled 4 x 4 blocks."""
    block = 2 * np.eye(4, dtype=int) - 1
    layers = []
    for _ in range(2):
        matrix = np.kron(np.eye(num_blocks, dtype=int), block)
        size = 4 * num_blocks
        matrix = matrix[rng.permutation(size)][:, rng.permutation(size)]
        layers.append(rationals(matrix * rng.choice([-1, 1], size), 2))
    return layers


def neurons_needed(size: int, tolerance: Fraction) -> int:
    """Return how many neurons an input needs: delta/2 a layer, by the union bound of 4.2.

    2 d^2 instances, each failing with probability at most (1 - rho/8)^m 2/tau^2: half of the
    neurons are in a sign group, and of those rho have the uniform component.
    """
    rate = 1 - constants.component_mass() * constants.MIXTURE_LOSS.numerator / (
        2 * constants.MIXTURE_LOSS.denominator
    )
    start = 4 * size * size / tolerance**2
    needed = (_ball(start * 2 / _DELTA)).log() / -rate.log()
    return math.ceil(float(needed.upper()))


def _ball(value: Fraction) -> Any:
    return arb(value.numerator) / value.denominator


def _end_to_end(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    is_certified = is_exact = is_norm = True
    failures, trials, worst, texts = 0, 0, Fraction(0), []
    # e_i = ln(5/4)/2, rounded down: (1 + e)^2 <= 5/4.
    layer_error = Fraction(11, 100)
    steps.step("(1 + e)^2 - 1 <= eps", (1 + layer_error) ** 2 - 1 <= _EPSILON)
    for num_blocks, num_networks in ((1, effort.pick(30, 3000)), (2, effort.pick(6, 300))):
        size = 4 * num_blocks
        tolerance = layer_error / size
        num_neurons = neurons_needed(size, tolerance)
        units = math.floor(tolerance * (1 << 2 * _BITS))
        texts.append(f"d = {size}: {num_neurons} neurons an input")
        for _ in range(num_networks):
            trials += 1
            matrices = targets(rng, num_blocks)
            is_norm &= all(is_norm_at_most(matrix, Fraction(1)) for matrix in matrices)
            layers = [
                prune(matrix, num_neurons, rng=rng, tolerance=units, is_first=first)
                for matrix, first in zip(matrices, (True, False), strict=True)
            ]
            first, second = layers
            if first is None or second is None:
                failures += 1
                continue
            errors = error_bound(matrices[0], first, True), error_bound(matrices[1], second, False)
            total = (1 + errors[0]) * (1 + errors[1]) - 1
            is_certified &= total <= _EPSILON
            worst = max(worst, total)
            x = rationals(rng.integers(-99, 100, size), 100)
            exact = matrices[1] @ relu(matrices[0] @ x)
            distance = norm_squared(second(relu(first(x))) - exact)
            is_exact &= distance <= total**2 * norm_squared(x)
    steps.step("targets have norm <= 1", is_norm)
    steps.step(
        f"sup error <= eps = {_EPSILON}, certified; largest {float(worst):.4f}", is_certified
    )
    steps.step("the pruned source itself obeys its certificate at random inputs", is_exact)
    text = f"{failures} of {trials} failed, delta = {_DELTA} ({', '.join(texts)})"
    limit = lower_limit(failures, trials, false_alarm=_FALSE_ALARM)
    steps.step(text, limit <= _DELTA)
    return steps.evidence(f"failure rate: false alarm {_FALSE_ALARM}; certificates exact")


CLAIMS = (
    Claim(
        "C24",
        "A random source of the width of the theorem has a mask within eps of the target, "
        "except with probability delta",
        Method.STATISTICAL,
        "in the form of Pensia et al. 2020, Theorem 1",
        _end_to_end,
    ),
)
