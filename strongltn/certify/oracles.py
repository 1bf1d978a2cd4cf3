r"""Relaxations as modelling code in cvxpy: oracles of the searches in `certify`, and a workshop.

No certificate comes from here. On small networks a general solver finds the optimum of the same
relaxation, so that a test sees how far a search has stayed behind it: of the linear relaxation of
backward bounds, and of the semidefinite program of `quadratic.relaxation` over all multipliers, for
states of up to a few hundred variables. What a user knows of the inputs beyond the domain, for
instance that they sum to at most one, is one more family of constraints (`relaxation.restrict`, or
a `Family` of his own). The floating dual is never trusted: `quadratic.proof.prove` turns it into a
proof, with a share of a strictly feasible point mixed in as large as the exact residual needs.

Examples
--------
Two inputs in [0, 1], two neurons, one output; then only inputs with x_1 + x_2 <= 1.

>>> import numpy as np
>>> from strongltn.certify.differential.backward import differential_interval
>>> from strongltn.certify.oracles import solve_relaxation
>>> from strongltn.certify.quadratic.proof import prove
>>> from strongltn.certify.quadratic.relaxation import relax, restrict
>>> from strongltn.networks import Box, DifferenceNetwork
>>> from strongltn.networks.target import ScaledLayer
>>> from strongltn.networks.weight_error import LayerError
>>> from strongltn.numerics.dyadic import DyadicArray
>>> def array(rows, exponent):
...     return DyadicArray(np.array(rows), exponent)
>>> layers = (
...     ScaledLayer(array([[3, -2], [-1, 3]], -2), None), ScaledLayer(array([[1, 1]], 0), None)
... )
>>> errors = (
...     LayerError(array([[1, 2], [1, 1]], -9), None, None),
...     LayerError(array([[1, -1]], -9), None, None),
... )
>>> network = DifferenceNetwork(layers, errors, Box(0, 1))
>>> (ranges,) = differential_interval(network).leaves
>>> whole = relax(network, ranges=ranges)
>>> limited = restrict(whole, array([1, 1], 0), array([1], 0))
>>> bounds = [float(prove(each, [solve_relaxation(each)]).bound) for each in (whole, limited)]
>>> bounds[1] < 0.9 * bounds[0]
True
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.quadratic.constraints import Family, float_estimates
from strongltn.certify.quadratic.relaxation import Multipliers, Relaxation
from strongltn.errors import UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray

Floats = NDArray[np.float64]


def solve_relaxation(relaxation: Relaxation, *, solver: str = "CLARABEL") -> Multipliers:
    """Return optimal multipliers from a semidefinite programming solver.

    Parameters
    ----------
    relaxation : Relaxation
    solver : str
        Name of a cvxpy solver for semidefinite programs: CLARABEL, or SCS for larger states.

    Raises
    ------
    UnsolvedError
        The solver ended without a solution.

    Notes
    -----
    Rigor: estimate. Cost: seconds at 50 variables, minutes at 200. Randomness: none.
    """
    import cvxpy

    cp: Any = cvxpy  # its types leave out most functions

    size = relaxation.num_variables
    scale = 1 / np.maximum(relaxation.sizes, 1e-12)  # variables of size 1 for the solver
    reach = np.concatenate([float_estimates(relaxation.output) / scale, np.zeros((0, size))])
    unit = float(np.linalg.norm(reach)) or 1.0
    forms = np.concatenate([np.eye(size), float_estimates(relaxation.forms)]) / scale
    tau = cp.Variable()
    quadratic: Any = (reach / unit).T @ (reach / unit)
    cost: Any = 0
    theta: list[Any] = []
    signs: list[Any] = []
    norms: list[Floats] = []
    for family in relaxation.families:
        matrices = _matrices(family, forms)
        norm = np.maximum(np.abs(matrices).max(axis=1), 1e-300)
        variable = cp.Variable(family.size)
        flat = cp.sum(cp.multiply(variable[:, None], matrices / norm[:, None]), axis=0)
        quadratic = quadratic + cp.reshape(flat, (size, size), order="C")
        if family.penalty is None:
            signs.append(variable >= 0)
        else:
            cost = cost + (float_estimates(family.penalty) / norm) @ cp.neg(variable)
        theta.append(variable)
        norms.append(norm)
    corner = np.zeros((size, size))
    corner[-1, -1] = 1
    inequality = tau * corner - quadratic
    problem = cp.Problem(cp.Minimize(tau + cost), [*signs, (inequality + inequality.T) / 2 >> 0])
    problem.solve(solver=solver)
    if problem.value is None or not np.isfinite(problem.value):
        raise UnsolvedError(f"{solver} ended with {problem.status}", result=problem.status)
    values = [
        np.asarray(variable.value, dtype=np.float64) * unit**2 / norm
        for variable, norm in zip(theta, norms, strict=True)
    ]
    signed = [
        np.maximum(value, 0) if family.penalty is None else value
        for value, family in zip(values, relaxation.families, strict=True)
    ]
    estimate = float(problem.value) * unit**2
    return Multipliers(np.concatenate(signed), float(tau.value) * unit**2, estimate, 0.0)


def _matrices(family: Family, forms: Floats) -> Floats:
    """Return the symmetric matrix of every constraint, flat (family.size, variables^2)."""
    size = forms.shape[1]
    result = np.zeros((family.size, size, size))
    for term in family.terms:
        weights = float_estimates(term.coefficient)
        for k, owner in enumerate(term.owner.tolist()):
            pair = np.outer(forms[term.left[k]], forms[term.right[k]])
            result[owner] += weights[k] * (pair + pair.T) / 2
    return result.reshape(family.size, size * size)


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
