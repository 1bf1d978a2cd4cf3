r"""The difference network as quadratic constraints: its state, affine forms and relaxation.

Pre-activations z, d and the output are affine in the state w (see `state`); what holds of every
true state is in `constraints`.

Bound. For multipliers theta, >= 0 where the constraint is an inequality, let

    tau - ||output||^2 - sum theta_k constraint_k = w' Lambda w.

Lambda >= 0 proves sup ||output||^2 <= tau + sum over couplings of max(0, -theta) eps d_max^2 / 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.quadratic.constraints import (
    Family,
    Indices,
    Kinds,
    Sides,
    State,
    ball_constraint,
    box_constraints,
    constants,
    merged,
    modulus_on_ball,
    modulus_on_box,
    neuron_constraints,
    products_with_form,
)
from strongltn.errors import InvalidInputError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import (
    DyadicArray,
    apply,
    concatenate,
    matrix_product,
    negative,
    product,
)


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Everything that the bound needs of network and domain, exact.

    Attributes
    ----------
    num_inputs : int
        The first variables: inputs and absolute values, which meet one another in no product
        but their own squares.
    num_variables : int
        The last one is the constant 1.
    groups : tuple of int64 arrays
        Variables a' and D' of every layer in turn: a' of layer 0, D' of layer 0, a' of layer 1, ...
    forms : DyadicArray (num_forms, num_variables)
        For every layer in turn z' - a' and d' - D' of the neurons that have variables.
    output : DyadicArray (outputs, num_variables)
        In units of 2**`exponent`.
    exponent : int
        Differences are measured in units of eps, two to this power.
    families : tuple of Family
    sides : Sides
        The network's inputs are center + radius * y.
    sizes : float64 (num_variables,)
        About the largest value of every variable; only a hint.
    """

    num_inputs: int
    num_variables: int
    groups: tuple[Indices, ...]
    forms: DyadicArray
    output: DyadicArray
    exponent: int
    families: tuple[Family, ...]
    sides: Sides
    sizes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Multipliers:
    """A number for every constraint and tau: Lambda is positive definite, as far as floats tell.

    Attributes
    ----------
    theta : float64, one for each constraint, in the order of the families
    tau : float
    estimate : float
        tau and the penalties: nearly the bound on ||output||^2, in the relaxation's units.
    gap : float
        About the share of `estimate` that better multipliers could still win.
    """

    theta: NDArray[np.float64]
    tau: float
    estimate: float
    gap: float


def relax(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
) -> Relaxation:
    """Return the relaxation of the difference network over the domain.

    Parameters
    ----------
    network : DifferenceNetwork
    ranges : tuple of LayerRanges
        True of every input of the domain, one for each layer.

    Notes
    -----
    Rigor: exact, given rigorous `ranges`. Cost: products of the layers that neurons that are on
    connect. Randomness: none.
    """
    return _Builder(network, State(network, ranges=ranges)).relaxation()


def restrict(
    relaxation: Relaxation,
    coefficients: DyadicArray,
    limit: DyadicArray,
    *,
    is_equality: bool = False,
) -> Relaxation:
    """Return the relaxation over the inputs x of the domain with coefficients . x <= limit.

    The half-space enters as products of its slack with everything that is never negative: the
    constant 1 and the activations a'. The file format of certificates has no place for it; the
    bound of the result is proved by the same witness.

    Parameters
    ----------
    relaxation : Relaxation
    coefficients : DyadicArray (inputs,)
    limit : DyadicArray (1,)
    is_equality : bool
        Whether coefficients . x = limit; its products with the differences D' join in.

    Raises
    ------
    InvalidInputError
        `coefficients` has another length than the network's inputs.

    Notes
    -----
    Rigor: exact. Cost: one row. Randomness: none.
    """
    num = len(relaxation.sides.center.numerators)
    if coefficients.shape != (num,):
        raise InvalidInputError(
            "coefficients", got=f"shape {coefficients.shape}", allowed=f"({num},), one an input"
        )
    sides = relaxation.sides
    offset = limit - apply(coefficients[None, :], sides.center)
    slack = _placed(
        negative(product(coefficients, sides.radius))[None, :],
        0,
        offset,
        width=relaxation.num_variables,
    )
    one = relaxation.num_variables - 1
    groups = relaxation.groups if is_equality else relaxation.groups[::2]
    family = products_with_form(
        f"half-space {len(relaxation.families)}",
        np.concatenate([*groups, [one]]).astype(np.int64),
        relaxation.num_variables + relaxation.forms.shape[0],
        is_equality=is_equality,
    )
    return replace(
        relaxation,
        forms=concatenate([relaxation.forms, slack]),
        families=(*relaxation.families, family),
    )


class _Builder:
    """Carries activation and difference of one layer after the other as forms in the state."""

    def __init__(self, network: DifferenceNetwork, state: State) -> None:
        self.layers, self.errors, self.state = network.layers, network.errors, state

    def relaxation(self) -> Relaxation:
        families = self._input_families()
        forms = [DyadicArray(np.zeros((0, self.state.num_variables), dtype=np.int64), 0)]
        parts: list[list[Family]] = []
        target, difference = self._input_forms()
        for i, kind in enumerate(self.state.kinds):
            neurons = self.state.neurons(
                i, first_form=self.state.num_variables + sum(map(_rows, forms))
            )
            parts.append(
                neuron_constraints(neurons, one=self.state.one, exponent=self.state.exponent)
            )
            sign = DyadicArray(kind.sign[kind.switching][:, None], 0)
            for affine, group in ((target, neurons.activation), (difference, neurons.difference)):
                forms.append(product(affine[kind.switching], sign) - self._unknowns(group))
            activation = self._behind(target, kind, neurons.activation)
            moved = self._behind(difference, kind, neurons.difference)
            layer, error = self.layers[i + 1], self.errors[i + 1]
            small = error.plus.scaled(-self.state.exponent)
            target = self._plus_bias(matrix_product(layer.weight, activation), layer.bias)
            difference = matrix_product(layer.weight + error.plus, moved)
            difference = difference + matrix_product(small, activation)
            difference = self._plus_bias(difference, _scaled(error.bias, -self.state.exponent))
        families += [merged(same) for same in zip(*parts, strict=True)]
        return Relaxation(
            num_inputs=self.state.num_inputs,
            num_variables=self.state.num_variables,
            groups=tuple(self.state.groups),
            forms=concatenate(forms),
            output=difference,
            exponent=self.state.exponent,
            families=tuple(family for family in families if family.size),
            sides=self.state.sides,
            sizes=self.state.sizes,
        )

    def _input_families(self) -> list[Family]:
        raw, lifts = (
            np.arange(self.state.num_raw),
            np.arange(self.state.num_raw, self.state.num_inputs),
        )
        if self.state.box is None:
            radius = DyadicArray.from_floats(np.array([self.state.radius]))
            return [
                ball_constraint(radius, raw, self.state.one),
                modulus_on_ball(self.state.lifted, lifts),
            ]
        return [
            box_constraints(np.arange(self.state.num_inputs), self.state.one),
            modulus_on_box(self.state.lifted, lifts, sides=self.state.sides, one=self.state.one),
        ]

    def _input_forms(self) -> tuple[DyadicArray, DyadicArray]:
        """Return pre-activation and difference of layer 0 as forms."""
        layer, error = self.layers[0], self.errors[0]
        plus, lifted = error.plus, None
        if error.minus is not None:
            # E+ s(x) + E- s(-x) = (E+ - E-) x / 2 + (E+ + E-) |x| / 2, with |x| = x or -x if known
            even = (error.plus + error.minus).scaled(-1)
            known = np.ones(self.state.num_raw, dtype=np.int64)
            if self.state.box is not None:
                known[self.state.box.lower < 0] = -1
            known[self.state.lifted] = 0
            plus = (error.plus - error.minus).scaled(-1) + product(even, DyadicArray(known, 0))
            lifted = even[:, self.state.lifted]
        target = self._input_rows(layer.weight)
        excess = self._input_rows(plus)
        if lifted is not None and len(self.state.lifted):
            # on a ball |x| = q, on a box |x| = half (1 + q)
            half = self.state.sides.half[self.state.lifted]
            scale = constants(1, len(self.state.lifted)) if self.state.box is None else half
            block, offset = product(lifted, scale), apply(lifted, half)
            excess = excess + _placed(
                block, self.state.num_raw, offset, width=self.state.num_variables
            )
        return self._plus_bias(target, layer.bias), self._plus_bias(
            excess.scaled(-self.state.exponent), _scaled(error.bias, -self.state.exponent)
        )

    def _input_rows(self, matrix: DyadicArray) -> DyadicArray:
        block, offset = (
            product(matrix, self.state.sides.radius),
            apply(matrix, self.state.sides.center),
        )
        return _placed(block, 0, offset, width=self.state.num_variables)

    def _plus_bias(self, forms: DyadicArray, bias: DyadicArray | None) -> DyadicArray:
        if bias is None:
            return forms
        empty = DyadicArray(np.zeros((forms.shape[0], 0), dtype=np.int64), 0)
        return forms + _placed(empty, 0, bias, width=self.state.num_variables)

    def _unknowns(self, group: Indices) -> DyadicArray:
        """Return one row for each variable of `group`: the variable itself."""
        unit = np.zeros((len(group), self.state.num_variables), dtype=np.int64)
        unit[np.arange(len(group)), group] = 1
        return DyadicArray(unit, 0)

    def _behind(self, forms: DyadicArray, kind: Kinds, group: Indices) -> DyadicArray:
        """Return forms behind the ReLU: the form where the neuron is on, plus its variable."""
        passed = product(forms, DyadicArray(kind.is_passed[:, None].astype(np.int64), 0))
        unit = np.zeros(forms.shape, dtype=np.int64)
        unit[kind.switching, group] = 1
        return passed + DyadicArray(unit, 0)


def _placed(block: DyadicArray, start: int, offset: DyadicArray, *, width: int) -> DyadicArray:
    """Return forms with `block` from the column `start` on, and `offset` for the constant."""
    rows, columns = block.shape
    left = DyadicArray(np.zeros((rows, start), dtype=np.int64), block.exponent)
    gap = DyadicArray(np.zeros((rows, width - 1 - start - columns), np.int64), block.exponent)
    last = DyadicArray(offset.numerators[:, None], offset.exponent)
    return concatenate([left, block, gap, last], axis=1)


def _rows(array: DyadicArray) -> int:
    return int(array.shape[0])


def _scaled(array: DyadicArray | None, power: int) -> DyadicArray | None:
    return None if array is None else array.scaled(power)
