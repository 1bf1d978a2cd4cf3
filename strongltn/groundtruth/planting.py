r"""Planting: a small target hidden in a larger random network, by replacing some of its weights.

Let f have the weights W_1, ..., W_L and no biases, and let the source have as many layers, at least
as wide, with random weights theta. Layer by layer, every neuron i of f gets a neuron p(i) of the
source, so that in the pruned network

.. math:: \text{activation of } p(i) = 2^{k_i} \cdot \text{activation of } i;

inputs stay where they are, with k = 0. In the units of the source the row of a neuron of f is
w_j = W_{ij} 2^{-k_j}, over the columns p(j) of the layer before. A row of theta, seen at these
columns, resembles w by the cosine of the angle between them: no positive rescaling of either
matters, as none matters to a ReLU. The p(i) of a layer are the assignment with the largest sum of
cosines. Then 2^{k_i} w, with k_i such that its norm is nearest to that of the row of theta which it
replaces, takes the row's place where w is not zero, and the mask keeps those places alone. The last
layer keeps its order and has one k for all outputs: K = -k.

Powers of two make all of this exact: 2^K times the pruned network *is* f. No size gives the planted
weights away, but they were not drawn: this is a yardstick, not a strong ticket of a theorem.

Targets of known structure to plant are a ReLU unit, a circle and a helix. A bias of theirs is a
weight of the last input, which is 1 throughout, and is handed on by a hidden neuron of its own.

Source
------
`fischer2022` (recalled: planting by the best match after rescaling; the three tasks, whose networks
have biases and are not these ones). The assignment, the powers of two and the common scale of the
outputs are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.groundtruth.truth import GroundTruth, check_without_biases
from strongltn.models.initialization import Init
from strongltn.networks import LinearLayer, TargetNetwork
from strongltn.networks.target import TargetLike
from strongltn.process.default_state import in_default_state
from strongltn.rng import named_generator
from strongltn.values.arguments import IntegerLike, chosen, integer


@in_default_state()
def plant(
    target: TargetLike,
    hidden_widths: Sequence[int],
    *,
    seed: IntegerLike,
    init: Init = Init.KAIMING_NORMAL,
) -> GroundTruth:
    """Return a random network in which the target is hidden.

    Parameters
    ----------
    target : TargetNetwork, torch.nn.Module, state dict, or path
        float32, without biases; no hidden neuron without inputs, and not all of the last layer 0.
    hidden_widths : sequence of int
        The widths of the source: one for each hidden layer of the target, none smaller.
    seed : int in [0, 2^64)
    init : Init
        Law of the weights that stay random.

    Returns
    -------
    GroundTruth
        Its pruned network times 2^K is the target, exactly.

    Raises
    ------
    InvalidInputError
        Widths that are too small, a target that cannot be planted, a bad seed.

    Notes
    -----
    Rigor: exact.  Cost: one assignment problem a layer, cubic in its width.
    Randomness: one named stream of the seed for each layer.

    Examples
    --------
    >>> from strongltn.groundtruth import relu_unit
    >>> truth = plant(relu_unit(), (8,), seed=0)
    >>> [int(mask.sum()) for mask in truth.masks], truth.source.widths
    ([1, 1], (1, 8, 1))
    """
    target, init = TargetNetwork.of(target), chosen("init", init, Init)
    hidden_widths = tuple(integer("hidden_widths", width, low=1) for width in hidden_widths)
    check_without_biases("target", target)
    _check_widths(target, hidden_widths)
    widths = (target.widths[0], *hidden_widths, target.widths[-1])
    columns, exponents = np.arange(widths[0]), np.zeros(widths[0], dtype=np.int64)
    layers, masks = [], []
    for i, (layer, (num_inputs, num_outputs)) in enumerate(
        zip(target.layers, pairwise(widths), strict=True)
    ):
        generator = named_generator(seed, name=f"planting/{i}")
        weight = init.draw((num_outputs, num_inputs), generator=generator, density=1.0)
        wanted = np.ldexp(layer.weight.astype(np.float64), -exponents)
        seen = weight[:, columns].astype(np.float64)
        if i < len(hidden_widths):
            rows = _best_rows(layer.name, wanted, seen)
            shifts = _nearest_exponents(_lengths(seen[rows]), _lengths(wanted))
        else:
            rows = np.arange(num_outputs)
            shifts = _nearest_exponents(np.linalg.norm(seen), np.linalg.norm(wanted))
        mask = np.zeros(weight.shape, dtype=np.bool_)
        place = np.ix_(rows, columns)
        mask[place] = wanted != 0
        planted = np.ldexp(wanted, np.broadcast_to(shifts, len(rows))[:, None])
        weight[place] = np.where(mask[place], _exact(layer.name, planted), weight[place])
        layers.append(LinearLayer(layer.name, weight))
        masks.append(mask)
        columns, exponents = rows, shifts
    return GroundTruth(target, TargetNetwork(tuple(layers)), tuple(masks), -int(exponents))


def _best_rows(
    name: str, wanted: NDArray[np.float64], seen: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the row of `seen` that stands in for each of `wanted`."""
    from scipy.optimize import linear_sum_assignment

    lengths = _lengths(wanted)
    if not lengths.all():
        raise InvalidInputError(
            "target",
            got=f"{int((lengths == 0).sum())} neurons of {name} without inputs",
            allowed="a target whose hidden neurons all have inputs",
            hint="Leave such neurons out: they are 0 throughout.",
        )
    products = wanted @ seen.T
    cosines = products / (lengths[:, None] * np.maximum(_lengths(seen), np.finfo(float).tiny))
    rows: NDArray[np.int64] = linear_sum_assignment(cosines, maximize=True)[1]
    return rows


def _nearest_exponents(
    lengths: NDArray[np.float64] | np.floating, wanted: NDArray[np.float64] | np.floating
) -> NDArray[np.int64]:
    """Return the k for which 2^k * wanted is nearest to the lengths, on a logarithmic scale."""
    if not np.all(wanted):
        raise InvalidInputError(
            "target", got="a last layer of zeros", allowed="a target that is not 0 throughout"
        )
    return np.asarray(np.rint(np.log2(lengths) - np.log2(wanted)), dtype=np.int64)


def _lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1)
    return lengths


def _exact(name: str, planted: NDArray[np.float64]) -> NDArray[np.float32]:
    rounded = planted.astype(np.float32)
    if (rounded != planted).any():
        raise InvalidInputError(
            "target",
            got=f"weights of {name} that float32 does not hold",
            allowed="float32 weights of moderate size",
        )
    return rounded


def _check_widths(target: TargetNetwork, hidden_widths: tuple[int, ...]) -> None:
    least = target.widths[1:-1]
    fits = len(hidden_widths) == len(least)
    if not fits or any(width < need for width, need in zip(hidden_widths, least, strict=True)):
        raise InvalidInputError(
            "hidden_widths", got=hidden_widths, allowed=f"{len(least)} widths, at least {least}"
        )


def relu_unit() -> TargetNetwork:
    """Return max(x, 0): one weight in each of two layers."""
    return _network(np.ones((1, 1)), np.ones((1, 1)))


def circle(num_directions: int = 8) -> TargetNetwork:
    r"""Return a classifier of the points of the square [-1, 1]^2: inside of a circle, or outside.

    Inputs are (x, y, 1), outputs r - N(x, y) and its negative, where

    .. math:: N(p) = \frac{\pi}{k} \sum_{i<k} \max(\langle u_i, p \rangle, 0)

    with k evenly spread unit vectors is 1 in the mean over the unit circle. The radius r = sqrt(2 /
    pi) halves the square.

    Parameters
    ----------
    num_directions : int >= 3
        k, the number of hidden neurons but one.
    """
    if num_directions < 3:
        raise InvalidInputError("num_directions", got=num_directions, allowed="an integer >= 3")
    angles = 2 * np.pi * np.arange(num_directions) / num_directions
    directions = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    directions[np.abs(directions) < 1e-9] = 0  # cos and sin of right angles
    slopes = np.full(num_directions, -math.pi / num_directions)
    radial = np.append(slopes, math.sqrt(2 / math.pi))
    return _network(np.vstack([directions, [0, 0, 1]]), np.stack([radial, -radial]))


def helix(num_pieces: int = 8) -> TargetNetwork:
    """Return a broken line through points of the helix (cos 2 pi t, sin 2 pi t, t), t in [-1, 1].

    Inputs are (t, 1), one hidden neuron for each piece and one for the constant.

    Parameters
    ----------
    num_pieces : int >= 3
        The number of pieces, of equal length in t.
    """
    if num_pieces < 3:
        raise InvalidInputError("num_pieces", got=num_pieces, allowed="an integer >= 3")
    knots = np.linspace(-1, 1, num_pieces + 1)
    points = np.stack([np.cos(2 * np.pi * knots), np.sin(2 * np.pi * knots), knots])
    slopes = np.diff(points, axis=1) / np.diff(knots)
    bends = np.concatenate([slopes[:, :1], np.diff(slopes, axis=1)], axis=1)
    bends[np.abs(bends) < 1e-9] = 0  # a coordinate that goes straight on needs no weight
    first = np.stack([np.ones(num_pieces), -knots[:-1]], axis=1)
    second = np.concatenate([bends, points[:, :1]], axis=1)
    second[np.abs(second) < 1e-9] = 0
    return _network(np.vstack([first, [0, 1]]), second)


def _network(*weights: NDArray[Any]) -> TargetNetwork:
    """Return the network with these weights, rounded to float32."""
    layers = [
        LinearLayer(f"fc{i + 1}", weight.astype(np.float32)) for i, weight in enumerate(weights)
    ]
    return TargetNetwork(tuple(layers))
