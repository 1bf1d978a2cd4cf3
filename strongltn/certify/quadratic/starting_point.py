"""Where the search for multipliers starts: a triangle bound, layer by layer from the output."""

from __future__ import annotations

import numpy as np

from strongltn.certify.quadratic.constraints import Indices
from strongltn.certify.quadratic.matrix_inequality import Floats, MatrixInequality
from strongltn.errors import UnsolvedError

_ABOVE = 3.0  # how far multipliers are above what dominates their part of two
_BESIDE = 1.2  # the same for a part that stands alone
_FLOOR, _TINY = 1e-6, 1e-30
_MAX_SHRINKS = 40


def starting_parameters(lmi: MatrixInequality) -> Floats:
    """Return parameters (theta, tau) with Lambda positive definite, as far as floats tell.

    The multipliers of every layer dominate what the layers behind it leave (a triangle bound);
    those of the inputs dominate the rest, and tau the constant.

    Raises
    ------
    UnsolvedError
        Numbers too far apart for float64.

    Notes
    -----
    Rigor: heuristic. Cost: eigenvalues of the blocks of the layers. Randomness: none.
    """
    theta = np.zeros(lmi.num_parameters)
    num = lmi.relaxation.num_variables
    remaining = lmi.output.T @ lmi.output
    # what nothing depends on counts little
    floor = max(_FLOOR * float(np.trace(remaining)), _TINY)
    groups = lmi.relaxation.groups
    ends = np.cumsum([0, *map(len, groups[::2])])
    for layer in reversed(range(len(groups) // 2)):
        pair = groups[2 * layer : 2 * layer + 2]
        added = np.zeros(lmi.num_parameters)
        for name, group in zip(("activation", "difference"), pair, strict=True):
            if len(group):
                begin = lmi.slices[name].start + ends[layer]
                block = remaining[np.ix_(group, group)]
                need = _dominating(block, lmi.relaxation.sizes[group], floor)
                added[begin : begin + len(group)] = _ABOVE * need
        theta += added
        remaining -= lmi.change(added).dense()[:num, :num]
        remaining = _eliminated(remaining, np.concatenate(pair))
    _dominate_inputs(lmi, theta, remaining, floor=floor)
    theta[-1] = _BESIDE * max(_least_constant(lmi, theta), floor)
    return _with_all_signs(lmi, theta)


def _dominate_inputs(
    lmi: MatrixInequality, theta: Floats, remaining: Floats, *, floor: float
) -> None:
    """Set the multipliers of the domain so that the inputs' part is negative."""
    num = lmi.num_inputs
    inputs = np.arange(num)
    if "ball" not in lmi.slices:
        block = np.abs(remaining[:num, :num]).sum(axis=1)
        theta[lmi.slices["box"]] = _BESIDE * (block + max(float(block.mean()), floor))
        return
    even, raw = 0.0, inputs
    if "modulus" in lmi.slices:
        part = lmi.slices["modulus"]
        raw, lifts = np.split(inputs, [num - (part.stop - part.start)])
        even = _ABOVE * _largest(remaining[np.ix_(lifts, lifts)], floor)
        theta[part] = even
    theta[lmi.slices["ball"]] = even + _ABOVE * _largest(remaining[np.ix_(raw, raw)], floor)


def _least_constant(lmi: MatrixInequality, theta: Floats) -> float:
    """Return the least tau with Lambda >= 0, given all other multipliers."""
    schur = lmi.matrix(theta).schur_complement()
    one = lmi.relaxation.num_variables - 1 - lmi.num_inputs
    others = np.delete(np.arange(len(schur)), one)
    crossed = schur[others, one]
    needed = crossed @ np.linalg.solve(schur[np.ix_(others, others)], crossed)
    return float(needed - schur[one, one])


def _with_all_signs(lmi: MatrixInequality, theta: Floats) -> Floats:
    """Make the multipliers of inequalities that are still 0 positive, small against tau."""
    is_open = lmi.is_signed & (theta == 0)
    if not is_open.any():
        return theta
    values = theta[-1] / (np.maximum(lmi.reach(), 1e-300) * int(is_open.sum()))
    share = 0.1
    for _ in range(_MAX_SHRINKS):
        trial = np.where(is_open, share * values, theta)
        trial[-1] *= 1 + share
        if lmi.matrix(trial).factor() is not None:
            return trial
        share /= 4
    raise UnsolvedError("the search for multipliers has no start in floats", result=theta[-1])


def _dominating(block: Floats, sizes: Floats, floor: float) -> Floats:
    """Return a diagonal matrix above a positive semidefinite one, small for values of such sizes.

    Either the largest eigenvalue everywhere, or sums of rows weighted by the sizes, which see that
    few of the values are large.
    """
    uniform = np.full(len(block), _largest(block, floor))
    rows = np.maximum(np.abs(block) @ sizes / sizes, floor)
    return min((uniform, rows), key=lambda each: float(each @ sizes**2))


def _largest(block: Floats, floor: float) -> float:
    """Return the largest eigenvalue of a positive semidefinite block, kept above `floor`."""
    return max(float(np.linalg.eigvalsh(block)[-1]), floor)


def _eliminated(quadratic: Floats, group: Indices) -> Floats:
    """Return the maximum over the variables of `group` as a form in the others."""
    rest = np.setdiff1d(np.arange(len(quadratic)), group)
    crossed = quadratic[np.ix_(group, rest)]
    result = np.zeros_like(quadratic)
    gained = crossed.T @ np.linalg.solve(-quadratic[np.ix_(group, group)], crossed)
    result[np.ix_(rest, rest)] = quadratic[np.ix_(rest, rest)] + gained
    return result
