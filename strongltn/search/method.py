"""What a method is: how scores start, which mask they give, and what weight the network then has.

A method is a frozen dataclass: its repr is the record. The scores are the only thing trained.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import torch

    from strongltn.search.masking import MaskedWeight


class AbstractMethod(ABC):
    """A way of searching for a mask: derive a frozen dataclass from this.

    Attributes
    ----------
    by_magnitude : bool
        Whether |score| ranks, not the score.
    masks_weight : bool, class attribute
        Whether the effective weight is mask * weight and nothing else has part in the gradient of
        the scores: `ScoreSGD` is quicker then.
    """

    masks_weight: ClassVar[bool] = False

    @property
    def by_magnitude(self) -> bool:
        """Whether |score| ranks, not the score."""
        return False

    @abstractmethod
    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return the first scores: shape, type and device of the weight."""

    @abstractmethod
    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the weight that the network has, differentiable in the scores."""

    def penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """Return what the scores of one layer add to the loss."""
        return scores.new_zeros(())

    def after_step(self, weight: torch.Tensor, layer: MaskedWeight, *, num_steps: int) -> None:
        """Change scores or frozen weight of a layer in place, after step number `num_steps` >= 1.

        Called without gradients. By default nothing.
        """
        return


class AbstractSampledMethod(AbstractMethod):
    """A method whose masks are drawn at random: how many weights they keep, the scores say."""

    @abstractmethod
    def drawn_mask(self, scores: torch.Tensor, *, key: int) -> torch.Tensor:
        """Return the mask of one training step, a function of scores and key."""

    @abstractmethod
    def standing_mask(
        self, scores: torch.Tensor, *, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return the mask of evaluation: one draw, a function of the scores and the stream."""


def uniform_scores(
    weight: torch.Tensor, generator: np.random.Generator, *, low: float, high: float
) -> torch.Tensor:
    """Return scores uniform in [low, high): shape, type and device of the weight."""
    import torch

    drawn = low + (high - low) * generator.random(tuple(weight.shape))
    return torch.from_numpy(drawn).to(dtype=weight.dtype, device=weight.device)


def fan_in_scores(weight: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Return scores uniform between +-1 / sqrt(fan_in): kaiming_uniform with a = sqrt(5)."""
    half_width = 1 / math.sqrt(max(1, math.prod(weight.shape[1:])))
    return uniform_scores(weight, generator, low=-half_width, high=half_width)


def masked_weight(
    scores: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, *, by_magnitude: bool
) -> torch.Tensor:
    """Return mask * values with a straight-through gradient of the scores."""
    from strongltn.search.straight_through import masked, straight_through

    return straight_through(scores, values, masked(values, mask), by_magnitude=by_magnitude)
