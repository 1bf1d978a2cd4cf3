"""The difference network as a linear program: oracle of backward bounds on small networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.errors import UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray

Floats = NDArray[np.float64]


def solve_linear_relaxation(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
    output: int,
) -> float:
    """Return the largest value of one output of g' - f' over a linear relaxation.

    The triangle of every ReLU on the ranges of z and of z + d, and D between 0 and d: an oracle for
    backward bounds on small networks.

    Parameters
    ----------
    network : DifferenceNetwork
        A ball is replaced by the box around it.
    ranges : tuple of LayerRanges, one for each layer
    output : int
        Index of the output.

    Raises
    ------
    UnsolvedError
        The solver ended without a solution.

    Notes
    -----
    Rigor: estimate. Cost: one linear program, solved by HiGHS. Randomness: none.
    """
    import cvxpy

    cp: Any = cvxpy
    num = network.num_inputs
    box = network.domain.enclosing_box(num)
    inputs = cp.Variable(num)
    constraints: list[Any] = [inputs >= box.lower, inputs <= box.upper]
    activation, moved = inputs, np.zeros(num)
    difference: Any = None
    for i, (layer, error) in enumerate(zip(network.layers, network.errors, strict=True)):
        weight, plus = layer.weight.to_floats(), error.plus.to_floats()
        target = weight @ activation + _offset(layer.bias)
        excess = plus @ activation
        if error.minus is not None:
            halves = [cp.Variable(num), cp.Variable(num)]  # ReLU(x), ReLU(-x)
            constraints.append(halves[0] - halves[1] == inputs)
            for half, low, high in (
                (halves[0], box.lower, box.upper),
                (halves[1], -box.upper, -box.lower),
            ):
                value = inputs if half is halves[0] else -inputs
                constraints += _triangle(cp, value, half, (low, high))
            excess = plus @ halves[0] + error.minus.to_floats() @ halves[1]
        difference = (weight + plus) @ moved + excess + _offset(error.bias)
        if i + 1 == len(network.layers):
            break
        z, d = ranges[i].target, ranges[i].difference
        ends = z.lower.to_floats(), z.upper.to_floats()
        shift = d.lower.to_floats(), d.upper.to_floats()
        after, activation = cp.Variable(len(ends[0])), cp.Variable(len(ends[0]))
        moved = after - activation
        constraints += [target >= ends[0], target <= ends[1]]
        constraints += [difference >= shift[0], difference <= shift[1]]
        constraints += _triangle(cp, target, activation, ends)
        both = ends[0] + shift[0], ends[1] + shift[1]
        constraints += _triangle(cp, target + difference, after, both)
        # D lies between 0 and d: the chords of its range
        constraints += _between(cp, moved, difference, shift)
    problem = cp.Problem(cp.Maximize(difference[output]), constraints)
    problem.solve(solver="HIGHS")
    if problem.value is None or not np.isfinite(problem.value):
        raise UnsolvedError(f"HIGHS ended with {problem.status}", result=problem.status)
    return float(problem.value)


def _triangle(cp: Any, value: Any, relu: Any, ends: tuple[Floats, Floats]) -> list[Any]:
    """Return the convex hull of ReLU on an interval."""
    low, high = ends
    width = np.maximum(high - low, 1e-300)
    slope = np.where(high <= 0, 0.0, np.where(low >= 0, 1.0, high / width))
    offset = np.where((low < 0) & (high > 0), -low, 0.0)
    return [relu >= 0, relu >= value, relu <= cp.multiply(slope, value + offset)]


def _between(cp: Any, moved: Any, difference: Any, ends: tuple[Floats, Floats]) -> list[Any]:
    """Return the convex hull of all pairs with D between 0 and d."""
    low, high = ends
    width = np.maximum(high - low, 1e-300)
    up = np.where(low >= 0, 1.0, np.where(high <= 0, 0.0, high / width))
    down = np.where(high <= 0, 1.0, np.where(low >= 0, 0.0, -low / width))
    middle = np.where((low < 0) & (high > 0), -low * high / width, 0.0)
    return [
        moved <= cp.multiply(up, difference) + middle,
        moved >= cp.multiply(down, difference) - middle,
    ]


def _offset(bias: DyadicArray | None) -> Any:
    return 0.0 if bias is None else bias.to_floats()
