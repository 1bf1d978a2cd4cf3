r"""How near what a search found comes to the target and the mask of a ground truth.

Agreement with the target is measured in float32 at finitely many inputs that the search was not
given: estimates, no bounds. Bounds over a whole domain are those of `strongltn.groundtruth.found`.

Overlap with the mask is intersection over union, beside what chance gives: within every layer, one
of the masks is replaced by a uniformly random one that keeps as many weights. With a and b kept of
N, the size of the intersection of that layer is hypergeometric, layers are independent, and the
expected intersection over union is

.. math:: \sum_k \Pr[I = k] \frac{k}{A + B - k}, \qquad I = \sum_{\text{layers}} I_l,

where A and B are the numbers kept in all layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.groundtruth.truth import GroundTruth
from strongltn.networks import TargetNetwork
from strongltn.process.default_state import in_default_state
from strongltn.rng import named_generator

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs to search on and to judge by, with classes where there are any.

    Attributes
    ----------
    train, test : float32 (count, inputs)
    train_labels, test_labels : int64 (count,), or None
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    train_labels: NDArray[np.int64] | None = None
    test_labels: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        labels = "" if self.train_labels is None else " with classes"
        inputs = self.train.shape[1]
        return f"Examples({len(self.train):,} and {len(self.test):,} of {inputs} inputs{labels})"

    @staticmethod
    def in_cube(
        target: TargetNetwork, *, count: int, seed: int, has_constant: bool, has_classes: bool
    ) -> Examples:
        """Return uniform points of the cube [-1, 1]^inputs, as many to search on as to judge by.

        Parameters
        ----------
        count : int >= 1
        seed : int in [0, 2^64)
        has_constant : bool
            Whether the last input is 1 throughout.
        has_classes : bool
            Whether the largest output of the target at a point is its class.
        """
        if count < 1:
            raise InvalidInputError("count", got=count, allowed="an integer >= 1")
        generator = named_generator(seed, name="ground truth examples")
        points = generator.uniform(-1, 1, (2, count, target.widths[0])).astype(np.float32)
        if has_constant:
            points[..., -1] = 1
        labels: list[Any] = [None, None]
        if has_classes:
            labels = [outputs_of(target, part).argmax(1).numpy() for part in points]
        return Examples(points[0], points[1], labels[0], labels[1])


@dataclass(frozen=True)
class Agreement:
    """How a network compares with the target f at the test inputs.

    Attributes
    ----------
    unexplained : float >= 0
        Mean squared distance to f over the variance of f: 0 is f itself, 1 as bad as its mean.
    largest_distance : float >= 0
        The largest Euclidean distance of outputs at a test input, in the units of f.
    accuracy : float in [0, 1], or None
        Share of the test inputs whose largest output is that of their class.
    is_dead : bool
        Whether all outputs are 0: no signal reaches them, and no gradient ever leaves them.
    """

    unexplained: float
    largest_distance: float
    accuracy: float | None
    is_dead: bool


@in_default_state()
def agreement_of(network: TargetNetwork, truth: GroundTruth, examples: Examples) -> Agreement:
    """Compare 2^K times a network, such as one that was found, with the target.

    Parameters
    ----------
    network : TargetNetwork
        With the inputs and outputs of the target.

    Notes
    -----
    Rigor: estimate.  Cost: two passes over the test inputs.  Randomness: none.
    """
    wanted = outputs_of(truth.target, examples.test)
    got = outputs_of(network, examples.test) * 2.0**truth.output_exponent
    distances = (got - wanted).norm(dim=1)
    accuracy = None
    if examples.test_labels is not None:
        accuracy = float(np.mean(got.argmax(1).numpy() == examples.test_labels))
    return Agreement(
        unexplained=float(distances.square().mean()) / variance(wanted),
        largest_distance=float(distances.max()),
        accuracy=accuracy,
        is_dead=not bool(got.count_nonzero()),
    )


@in_default_state()
def outputs_of(network: TargetNetwork, inputs: NDArray[np.float32]) -> torch.Tensor:
    """Return the outputs (count, outputs) of a network in its own type."""
    import torch

    with torch.no_grad():
        outputs: torch.Tensor = network.to_module()(torch.from_numpy(inputs))
    return outputs


def variance(outputs: torch.Tensor) -> float:
    """Return the mean squared distance of outputs (count, outputs) from their mean.

    Raises
    ------
    InvalidInputError
        They are all the same: there is nothing to explain.
    """
    found = float((outputs - outputs.mean(0)).square().sum(1).mean())
    if not found:
        raise InvalidInputError(
            "examples", got="one output at all inputs", allowed="inputs that the target tells apart"
        )
    return found


@dataclass(frozen=True)
class MaskOverlap:
    """How much two masks have in common.

    Attributes
    ----------
    intersection, union : int
        Weights kept by both, and by at least one.
    chance : float in [0, 1]
        Expected intersection over union of a random mask with as many kept in every layer.
    """

    intersection: int
    union: int
    chance: float

    @property
    def iou(self) -> float:
        """Intersection over union, in [0, 1]; 1 for two empty masks."""
        return self.intersection / self.union if self.union else 1.0


@in_default_state()
def mask_overlap(
    one: Sequence[NDArray[np.bool_]], other: Sequence[NDArray[np.bool_]]
) -> MaskOverlap:
    """Compare two masks of one network.

    Parameters
    ----------
    one, other : sequences of bool arrays, one for each layer, of the same shapes

    Raises
    ------
    InvalidInputError
        The shapes differ.

    Notes
    -----
    Rigor: counts are exact; `chance` is the exact expectation up to rounding in float64.
    Cost: one pass over the masks, and a convolution of short laws.  Randomness: none.

    Examples
    --------
    >>> overlap = mask_overlap([np.array([True, False])], [np.array([True, False])])
    >>> overlap.iou, overlap.chance
    (1.0, 0.5)
    """
    shapes = [[mask.shape for mask in masks] for masks in (one, other)]
    if shapes[0] != shapes[1]:
        raise InvalidInputError("other", got=f"shapes {shapes[1]}", allowed=f"shapes {shapes[0]}")
    pairs = list(zip(one, other, strict=True))
    kept = [(int(np.count_nonzero(a)), int(np.count_nonzero(b))) for a, b in pairs]
    total = sum(a + b for a, b in kept)
    intersection = sum(int(np.count_nonzero(a & b)) for a, b in pairs)
    least, chances = 0, np.ones(1)
    for (mask, _), (a, b) in zip(pairs, kept, strict=True):
        first, law = _intersection_law(mask.size, a, b)
        least, chances = least + first, np.convolve(chances, law)
    sizes = least + np.arange(len(chances))
    ratios = sizes / np.maximum(total - sizes, 1) if total else np.ones(1)
    return MaskOverlap(intersection, total - intersection, float(chances @ ratios))


def _intersection_law(size: int, one: int, other: int) -> tuple[int, NDArray[np.float64]]:
    """Return the least intersection of positive chance in float64, and the chances from there."""
    from scipy.stats import hypergeom

    least = max(0, one + other - size)
    chances = hypergeom.pmf(np.arange(least, min(one, other) + 1), size, one, other)
    positive = np.flatnonzero(chances)
    law: NDArray[np.float64] = chances[positive[0] : positive[-1] + 1]
    return least + int(positive[0]), law
