"""Compiled loops over all weights of a layer. Importing this module imports numba.

The loops over all entries have no branch inside, so that they become vector code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strongltn.process.compiled import compiled

_U64 = np.uint64  # of indices: it spares the compiled code the test for Python's negative ones
_BLOCK = np.uint64(128)  # entries looked at one by one where one of them is a candidate

# Candidates wanted on either side of the threshold: a fraction of the scores, and at least some.
_SCORES_PER_CANDIDATE = 4096
_MIN_CANDIDATES = 16
_MOVES = 4  # the threshold may move by so many times its last move


@compiled()
def num_beside(size: int) -> int:
    """Return how many candidates are wanted on either side of the threshold."""
    return max(_MIN_CANDIDATES, size // _SCORES_PER_CANDIDATE)


@compiled()
def move_bracket(
    ends: NDArray[np.float64], threshold: float, radius: float, largest: float
) -> None:
    """Lay a bracket about a threshold: `radius` wide, or a few of its last moves.

    The two ends are written; they are NaN before the first threshold. `largest` is the largest
    finite number of the scores' type.
    """
    moved = abs(threshold - (ends[0] / 2 + ends[1] / 2))
    if _MOVES * moved > radius:
        radius = _MOVES * moved
    ends[0] = max(threshold - radius, -largest)
    ends[1] = min(threshold + radius, largest)


class Descent(NamedTuple):
    """One step of SGD with momentum, for scores whose straight-through gradient it takes itself.

    The gradient (n,) is that of the effective weight; the velocity (n,), the momentum buffer, is
    written.
    """

    gradient: NDArray[Any]
    velocity: NDArray[Any]
    learning_rate: float
    momentum: float
    weight_decay: float


@compiled()
def _descend(scores, values, descent, by_magnitude, part):  # type: ignore[no-untyped-def]
    """Move the scores of a part, and their velocity."""
    number = scores.dtype.type
    rate, momentum = number(descent.learning_rate), number(descent.momentum)
    decay, zero = number(descent.weight_decay), number(0)
    gradient, velocity = descent.gradient, descent.velocity
    for i in range(part[0], part[1]):
        score, slope = scores[i], gradient[i] * values[i]
        if by_magnitude:
            slope = slope if score > zero else (-slope if score < zero else zero)
        moved = momentum * velocity[i] + (slope + decay * score)
        velocity[i] = moved
        scores[i] = score - rate * moved


# Counts of a block are whole numbers in floats of the scores' width, so that they become vectors
# like the scores; no other sum is there to be reordered.
@compiled(fastmath={"reassoc"})
def _count(scores, ends, by_magnitude, out, values, part):  # type: ignore[no-untyped-def]
    """Keep what is above both ends; count what is above, what is not below, and what is finite."""
    lower, upper = ends
    largest = np.finfo(scores.dtype).max
    zero, one = scores.dtype.type(0), scores.dtype.type(1)
    num_above, num_least, num_finite = zero, zero, zero
    for i in range(part[0], part[1]):
        magnitude = abs(scores[i])
        rank = magnitude if by_magnitude else scores[i]
        if values is None:
            out[i] = rank > upper
        else:
            out[i] = values[i] if rank > upper else zero
        num_above += one if rank > upper else zero
        num_least += one if rank >= lower else zero
        num_finite += one if magnitude <= largest else zero
    return int(num_above), int(num_least), int(num_finite)


@compiled()
def _split(scores, ends, by_magnitude, out, values, descent, candidates):  # type: ignore[no-untyped-def]
    """Keep the entries above both ends, list those between; count these, those, and the finite."""
    lower, upper = ends
    num_above, num_within, num_finite = 0, 0, 0
    size = _U64(scores.size)
    for start in range(_U64(0), size, _BLOCK):
        end = min(start + _BLOCK, size)
        if descent is not None:  # here, where the block stays in the cache
            _descend(scores, values, descent, by_magnitude, (start, end))
        above, least, finite = _count(scores, ends, by_magnitude, out, values, (start, end))
        num_above += above
        num_finite += finite
        if least != above and num_within + _BLOCK <= candidates.size:
            for i in range(start, end):  # appended without a branch, which would be mispredicted
                rank = abs(scores[i]) if by_magnitude else scores[i]
                candidates[num_within] = i
                num_within += (rank >= lower) & (rank <= upper)
        elif least != above:
            num_within += candidates.size
    return num_above, num_within, num_finite


@compiled()
def select_within(
    scores: NDArray[Any],
    num_kept: int,
    bracket: NDArray[np.float64],
    by_magnitude: bool,
    out: NDArray[Any],
    values: NDArray[Any] | None,
    descent: Descent | None,
) -> tuple[int, bool, float]:
    """Keep the `num_kept` largest if the threshold is within a bracket, and move the bracket.

    Parameters
    ----------
    bracket
        The lower and the upper end, which both belong to it. They move if the threshold is within.
    by_magnitude
        Whether entries rank by |score|, not by score.
    out
        The values that are kept and zeros elsewhere, or the mask where there are no values. It is
        written, and of use only if the threshold is within the bracket and all scores are finite.
    descent
        A step that the scores make first, whatever comes of the bracket.

    Returns
    -------
    tuple
        How many scores are finite; whether the threshold is within the bracket; the threshold.
    """
    ends = scores.dtype.type(bracket[0]), scores.dtype.type(bracket[1])
    candidates = np.empty(scores.size // 32 + 8 * int(_BLOCK), np.int64)
    num_above, num_within, num_finite = _split(
        scores, ends, by_magnitude, out, values, descent, candidates
    )
    num_wanted = num_kept - num_above
    if not 0 < num_wanted <= num_within <= candidates.size:
        return num_finite, False, 0.0
    ranks = np.empty(num_within, scores.dtype)
    for k in range(num_within):
        score = scores[candidates[k]]
        ranks[k] = abs(score) if by_magnitude else score
    place = num_within - num_wanted
    threshold = np.partition(ranks, place)[place]
    num_ties = num_wanted - (ranks > threshold).sum()
    for k in range(num_within):
        is_kept = ranks[k] > threshold
        if ranks[k] == threshold and num_ties > 0:
            is_kept = True
            num_ties -= 1
        if is_kept:  # else it is left out already
            i = candidates[k]
            out[i] = True if values is None else values[i]
    change = 2 * num_beside(scores.size) / num_within
    radius = (bracket[1] / 2 - bracket[0] / 2) * min(max(change, 0.75), 2.0)
    move_bracket(bracket, threshold, radius, np.finfo(scores.dtype).max)
    return num_finite, True, threshold


@compiled()
def apply_mask(values: NDArray[Any], mask: NDArray[np.bool_], out: NDArray[Any]) -> None:
    """Write the kept `values` and zeros elsewhere into `out`, all of shape " n"."""
    zero = values.dtype.type(0)
    for i in range(_U64(values.size)):
        out[i] = values[i] if mask[i] else zero


@compiled()
def signed_product(
    gradient: NDArray[Any], values: NDArray[Any], scores: NDArray[Any], out: NDArray[Any]
) -> None:
    """Write gradient * values * sign(scores) into `out`, all of shape " n"."""
    zero = values.dtype.type(0)
    for i in range(_U64(values.size)):
        product = gradient[i] * values[i]
        out[i] = product if scores[i] > 0 else (-product if scores[i] < 0 else zero)
