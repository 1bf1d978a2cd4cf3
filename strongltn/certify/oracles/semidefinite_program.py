r"""The bounds of a difference network as modelling code: oracle of the searches, and a workshop.

cvxpy states the semidefinite program of `relaxation` and a general solver (Clarabel, SCS) solves
it: the exact optimum over all multipliers, for states of up to a few hundred variables. What a user
knows of the inputs beyond the domain, for instance that they sum to at most one, is one more
family of constraints (`relaxation.restrict`, or a `Family` of his own). The floating dual is never
trusted: `certified` turns it into a proof, with a share of a strictly feasible point mixed in as
large as the exact residual needs.

Examples
--------
Two inputs in [0, 1], two neurons, one output; then only inputs with x_1 + x_2 <= 1.

>>> import numpy as np
>>> from strongltn.certify.differential.backward import differential_interval
>>> from strongltn.certify.quadratic.relaxation import relax, restrict
>>> from strongltn.certify.oracles.semidefinite_program import certified, solve_relaxation
>>> from strongltn.networks import Box, DifferenceNetwork
>>> from strongltn.networks.layer import ScaledLayer
>>> from strongltn.networks.difference import LayerError
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
>>> bounds = [float(certified(each, solve_relaxation(each)).bound) for each in (whole, limited)]
>>> bounds[1] < 0.9 * bounds[0]
True
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.quadratic.constraints import Family
from strongltn.certify.quadratic.proof import QuadraticWitness, prove
from strongltn.certify.quadratic.relaxation import Multipliers, Relaxation
from strongltn.certify.quadratic.state import float_estimates
from strongltn.errors import UnsolvedError

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


def certified(relaxation: Relaxation, found: Multipliers) -> QuadraticWitness:
    """Return the bound that a solver's multipliers give, repaired and proved in integers.

    Raises
    ------
    UnsolvedError
        The multipliers are too far from feasible.

    Notes
    -----
    Rigor: rigorous bound. Cost: a few factors and products of the size of the state.
    Randomness: none.
    """
    return prove(relaxation, [found])


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
