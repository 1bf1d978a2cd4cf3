"""Edge-popup and what was made of it: binary weights, weights drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.models.initialization import Init, fan_in_uniform, uniform_like
from strongltn.search.method import AbstractMethod, ScoredLayer

if TYPE_CHECKING:
    import torch


class InitialScores(Enum):
    """The half-width of the uniform law of the first scores."""

    FAN_IN = "fan-in"
    """1 / sqrt(fan_in): kaiming_uniform with a = sqrt(5), as edge-popup was published."""

    WEIGHT_SCALE = "weight-scale"
    """The root mean square of the layer's frozen weights (Pensia et al., experiment 2)."""


@dataclass(frozen=True)
class EdgePopup(AbstractMethod):
    """Keep the weights of the largest |score|, with a straight-through gradient.

    Parameters
    ----------
    by_magnitude
        Whether |score| ranks, as in the published code (the default), or the score itself.
    initial
        The law of the first scores.

    Source
    ------
    `ramanujan2020`, section 3.
    """

    by_magnitude: bool = True
    initial: InitialScores = InitialScores.FAN_IN

    name: ClassVar[str] = "edge-popup"

    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return uniform scores."""
        if self.initial is InitialScores.FAN_IN:
            return fan_in_uniform(weight, generator)
        half_width = float(weight.square().mean().sqrt())
        return uniform_like(weight, generator, low=-half_width, high=half_width)


@dataclass(frozen=True)
class Biprop(EdgePopup):
    """Search as edge-popup does, with binary weights: sign(weight) * the mean of the kept |weight|.

    Source
    ------
    `diffenderfer2021` (recalled).
    """

    name: ClassVar[str] = "biprop"
    settings: ClassVar[Mapping[str, Any]] = {"init": Init.KAIMING_NORMAL}

    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return mask * scale * sign(weight)."""
        scale = (weight * mask).abs().sum() / mask.count_nonzero().clamp(min=1)
        binary = scale.copysign(weight)
        return self.masked(binary, scores, mask)


@dataclass(frozen=True)
class IteRand(EdgePopup):
    """Search as edge-popup does, and draw some pruned weights anew, again and again.

    Every `period` steps each weight that is pruned then is replaced with probability `fraction`.
    What it is replaced by is a function of (seed, layer, index, round) alone. A kept weight keeps
    its bits.

    Parameters
    ----------
    period
        How many steps lie between two rounds, at least one.
    fraction
        The probability that a pruned weight is replaced in a round, in (0, 1].
    init
        The law of the new weights: that of the old ones.

    Source
    ------
    `chijiwa2021` (recalled).
    """

    period: int = 300
    fraction: float = 0.1
    init: Init = Init.KAIMING_NORMAL

    name: ClassVar[str] = "iterand"
    settings: ClassVar[Mapping[str, Any]] = {"init": Init.KAIMING_NORMAL}

    def __post_init__(self) -> None:
        if isinstance(self.period, bool) or not isinstance(self.period, int) or self.period < 1:
            raise InvalidInputError("period", got=self.period, allowed="an integer >= 1")
        if not 0 < self.fraction <= 1:
            raise InvalidInputError("fraction", got=self.fraction, allowed="in (0, 1]")

    def after_step(self, weight: torch.Tensor, layer: ScoredLayer, *, num_steps: int) -> None:
        """Draw weights anew if a round is due."""
        import torch

        round_, left = divmod(num_steps, self.period)
        if left:
            return
        generator = layer.streams.generator("redraw", round_)
        shape = tuple(weight.shape)
        is_chosen = generator.random(shape, dtype=np.float32) < self.fraction
        drawn = self.init.draw(shape, generator=generator, density=layer.selected_density)
        is_drawn = torch.from_numpy(is_chosen).to(weight.device) & ~layer.selected_mask()
        weight.copy_(torch.where(is_drawn, torch.from_numpy(drawn).to(weight), weight))
