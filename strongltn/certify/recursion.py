"""Upper bounds on sup ||f' - g'|| by recursion: norms with witnesses, triangle and centre split.

The target layer W x + b and the pruned pair W x + b + E(x) + e differ on inputs x and y = x + Delta
by (W + E) Delta + E(x) + e. With N_W >= ||W||, N_E >= ||E||, T >= sup ||E(x) + e||:

    D_0 = T_0,   D_i = (N_W + N_E) D_{i-1} + T_i.

Two methods bound T: the triangle N_E sup||x|| + ||e||, and the centre split ||E(c) + e|| + N_E
sup||x - c||, c the middle of where x lies. All numbers are rationals rounded upwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from strongltn.certify.differential.ranges import LayerRanges, Range
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray, round_up, upper_sqrt
from strongltn.numerics.norms import NormWitness, spectral_norm_bound
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class LayerBounds(ByValue):
    """Norms of one layer.

    Attributes
    ----------
    weight_norm, error_norm : NormWitness
        >= ||W||, >= ||E||.
    bias_error_norm : Fraction
        >= ||e||.
    """

    weight_norm: NormWitness
    error_norm: NormWitness
    bias_error_norm: Fraction

    def __repr__(self) -> str:
        norms = (self.weight_norm.bound, self.error_norm.bound, self.bias_error_norm)
        weight, error, bias = (outward_text(norm, upwards=True) for norm in norms)
        return f"LayerBounds(||W|| <= {weight}, ||E|| <= {error}, ||e|| <= {bias})"


@dataclass(frozen=True)
class Chain:
    """One recursion's bounds, layer by layer, each >= the supremum over the domain.

    Attributes
    ----------
    activation : tuple of Fraction
        X_i >= sup ||input of layer i||.
    difference : tuple of Fraction
        D_i >= sup ||pre-activation of g' - pre-activation of f'|| at layer i.
    """

    activation: tuple[Fraction, ...]
    difference: tuple[Fraction, ...]


@dataclass(frozen=True, eq=False)
class _Middle:
    """The centre of where the input of a layer lies, its distance from all of it, and their norm.

    `norm` is >= the norm of every input there.
    """

    center: DyadicArray
    radius: Fraction
    norm: Fraction


def layer_bounds(network: DifferenceNetwork) -> tuple[LayerBounds, ...]:
    """Return the norms of every layer.

    Notes
    -----
    Rigor: rigorous bounds. Cost: one Gram matrix and one eigenvalue problem of the smaller side for
    each of W and E. Randomness: none.
    """
    return tuple(
        LayerBounds(
            spectral_norm_bound(layer.weight),
            spectral_norm_bound(error.matrix),
            _norm(error.bias),
        )
        for layer, error in zip(network.layers, network.errors, strict=True)
    )


def difference_chain(
    network: DifferenceNetwork,
    bounds: tuple[LayerBounds, ...],
    *,
    ranges: tuple[LayerRanges, ...] | None = None,
) -> Chain:
    """Return a recursion over the layers: the spectral triangle, or with `ranges` the centre split.

    Parameters
    ----------
    bounds : tuple of LayerBounds, one for each layer
    ranges : tuple of LayerRanges, one for each layer, optional
        Where the pre-activations lie. With them the better of both methods is taken at every step.

    Notes
    -----
    Rigor: rigorous bounds. Cost: with `ranges` two exact matrix-vector products a layer.
    Randomness: none.
    """
    middles = None if ranges is None else _middles(network, ranges)
    activation = [network.domain.norm_bound(network.num_inputs)]
    difference: list[Fraction] = []
    parts = zip(network.layers, network.errors, bounds, strict=True)
    for i, (layer, error, bound) in enumerate(parts):
        terms = [bound.error_norm.bound * activation[-1] + bound.bias_error_norm]
        images = [bound.weight_norm.bound * activation[-1] + _norm(layer.bias)]
        if middles is not None:
            center, radius = middles[i].center, middles[i].radius
            terms.append(_norm(error(center)) + bound.error_norm.bound * radius)
            images.append(_norm(layer(center)) + bound.weight_norm.bound * radius)
            images += [middle.norm for middle in middles[i + 1 : i + 2]]
        moved = Fraction(0)
        if difference:
            moved = (bound.weight_norm.bound + bound.error_norm.bound) * difference[-1]
        difference.append(round_up(moved + min(terms)))
        activation.append(round_up(min(images)))
    return Chain(tuple(activation[:-1]), tuple(difference))


def _norm(vector: DyadicArray | None) -> Fraction:
    return Fraction(0) if vector is None else upper_sqrt(vector.squared_norm())


def _middles(network: DifferenceNetwork, ranges: tuple[LayerRanges, ...]) -> list[_Middle]:
    """Return where the input of every layer lies."""
    domain, num_inputs = network.domain, network.num_inputs
    first = _Middle(*domain.middle_of(num_inputs), domain.norm_bound(num_inputs))
    insides = [pair.activation() for pair in ranges[:-1]]
    return [first, *(_middle(inside, _norm(inside.upper)) for inside in insides)]


def _middle(inside: Range, norm: Fraction) -> _Middle:
    center = (inside.lower + inside.upper).scaled(-1)
    return _Middle(center, _norm((inside.upper - inside.lower).scaled(-1)), norm)
