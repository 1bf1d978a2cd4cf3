"""What a method is: how scores start, which mask they give, and what weight the network then has.

A method is a frozen dataclass: its repr is the record. The scores are the only thing trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

    from strongltn.models.initialization import LayerStreams


class Scope(Enum):
    """Among which weights the kept ones are selected."""

    LAYER = "layer"
    """Every layer has the density."""

    GLOBAL = "global"
    """The network as a whole has the density; a layer may lose all its weights."""


class ScoredLayer(Protocol):
    """What a method may ask of a layer after a step, in order to change its scores or weights."""

    @property
    def scores(self) -> torch.nn.Parameter:
        """What is trained, in the shape of the weight."""

    @property
    def streams(self) -> LayerStreams:
        """The random streams of the layer."""

    @property
    def selected_density(self) -> float:
        """The density that is selected for at present, in (0, 1]."""

    def selected_mask(self) -> torch.Tensor:
        """Return the mask of the scores as they are now; it changes with the next selection."""


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

    def after_step(self, weight: torch.Tensor, layer: ScoredLayer, *, num_steps: int) -> None:
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
