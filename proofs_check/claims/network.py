"""From end to end: draw, prune and certify small networks, all in integers.

The weights are uniform on a grid of step 2^-20, fine beside the tolerances; the theorem speaks of
the continuous law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from proofs_check.claims import union_bound
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
    for i, j, sign in union_bound.instances(target.shape, is_first):
        goal = round(target[i, j] * (1 << 2 * _BITS))
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


def _layer_steps(steps: Steps, rng: np.random.Generator) -> None:
    """Check the parts of the certificate at cases whose answer is known."""
    unit = 1 << _BITS
    # One neuron of each sign for each input; the targets are missed by (3, 4) and (5, 12) units.
    a = np.array([[unit, -unit], [unit, -unit]])
    b = np.array([[[3, -5], [4, -12]], [[0, 0], [0, 0]]])
    layer = PrunedLayer(a, b, np.ones((2, 2, 2), dtype=bool))
    nothing = rationals(np.zeros((2, 2), dtype=int))
    found = [error_bound(nothing, layer, is_first) * unit for is_first in (False, True)]
    holds = all(
        known < e <= known + Fraction(1, unit) for known, e in zip((5, 13), found, strict=True)
    )
    steps.step("errors of 5 and, with negative inputs, of 13 units, rounded up", holds)
    samples = rng.integers(-99, 100, 9)
    sums = {
        sum(int(x) for x, k in zip(samples, kept, strict=True) if k)
        for kept in product((0, 1), repeat=9)
    }
    holds = True
    for target in range(-200, 201, 7):
        least = min(abs(value - target) for value in sums)
        kept = subset_for(samples, target, least)
        holds &= kept is not None and abs(int(samples[kept].sum()) - target) == least
        holds &= least == 0 or subset_for(samples, target, least - 1) is None
    steps.step("subsets found are the best of nine samples", holds)


def _end_to_end(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    union_bound.count_steps(steps)
    _layer_steps(steps, rng)
    is_certified = is_exact = is_norm = is_within = True
    failures, trials, worst, texts = 0, 0, Fraction(0), []
    for num_blocks, num_networks in ((1, effort.pick(30, 3000)), (2, effort.pick(6, 300))):
        size = 4 * num_blocks
        tolerance = union_bound.weight_tolerance(size)
        num_neurons = union_bound.neurons_needed(size, tolerance)
        units = math.floor(tolerance * (1 << 2 * _BITS))
        texts.append(f"d = {size}: {num_neurons} neurons an input")
        for _ in range(num_networks):
            trials += 1
            matrices = targets(rng, num_blocks)
            for matrix in matrices:
                is_norm &= is_norm_at_most(matrix, Fraction(1))
                is_norm &= not is_norm_at_most(matrix, Fraction(99, 100))
                is_norm &= max(abs(matrix).ravel()) == Fraction(1, 2)
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
            is_certified &= total <= union_bound.EPSILON
            worst = max(worst, total)
            x = rationals(rng.integers(-99, 100, size), 100)
            exact = matrices[1] @ relu(matrices[0] @ x)
            distance = norm_squared(second(relu(first(x))) - exact)
            is_exact &= distance <= total**2 * norm_squared(x)
            plus, minus = first.effective()
            is_exact &= bool((first(x) == plus @ relu(x) + minus @ relu(-x)).all())
            off = (plus - matrices[0], minus + matrices[0], second.effective()[0] - matrices[1])
            is_within &= all(max(abs(part).ravel()) <= tolerance for part in off)
    steps.step("targets have norm 1 and entries up to 1/2", is_norm)
    steps.step("each weight is within tau, for both signs of the input", is_within)
    steps.step(
        f"sup error <= eps = {union_bound.EPSILON}, certified; largest {float(worst):.4f}",
        is_certified,
    )
    steps.step("the pruned source itself obeys its certificate at random inputs", is_exact)
    text = f"{failures} of {trials} failed, delta = {union_bound.DELTA} ({', '.join(texts)})"
    limit = lower_limit(failures, trials, false_alarm=_FALSE_ALARM)
    steps.step(text, limit <= union_bound.DELTA)
    return steps.evidence(f"failure rate: false alarm {_FALSE_ALARM}; the other steps are exact")


CLAIMS = (
    Claim(
        "C24",
        "Targets x -> W2 s(W1 x), s the ReLU, without biases, W1 and W2 of size d x d, spectral "
        "norm <= 1 and entries <= 1/2 in size (d = 4, 8). A source of independent U[-1, 1] weights "
        "with m neurons for each input of each target layer has, except with probability 1/10 over "
        "its draw, a mask within |x|/4 of the target for all x, both norms Euclidean. m is the "
        "least with 2 d^2 (1 - ln(2)/16)^m 2/tau^2 <= 1/20, tau = 11/(100 d). Looked at: the "
        "parts of the bound exactly; weights on a grid of step 2^-20 at random targets",
        Method.STATISTICAL,
        "in the form of Pensia et al. 2020, Theorem 1",
        _end_to_end,
    ),
)
