"""Targets of known structure for planting: a ReLU unit, a circle, a helix.

The tasks are those of Fischer and Burkholz (recalled; their networks have biases and are not these
ones). Here a bias is a weight of the last input, which is 1 throughout, and is handed on by a
hidden neuron of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks import LinearLayer, TargetNetwork


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
        Of equal length in t.
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
