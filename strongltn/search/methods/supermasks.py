"""Masks that are drawn, signed or regularised: supermasks and Gem-Miner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from strongltn.errors import InvalidInputError
from strongltn.models.initialization import fan_in_uniform, uniform_like
from strongltn.search.method import AbstractMethod, AbstractSampledMethod, ScoredLayer

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class LearnedSupermask(AbstractSampledMethod):
    """Keep each weight with probability sigmoid(score), drawn anew at every training step.

    In evaluation the mask is one such draw, always the same: weight i is kept if a uniform number
    that follows from the seed, the layer and i alone is below sigmoid(score i). (The largest scores
    up to the expected number would be another network, which nothing has trained.) The density
    given is the first probability of every weight; training then moves it.

    Parameters
    ----------
    rescales
        Whether the kept weights of a layer are multiplied by size / number kept ("dynamic
        rescaling").

    Source
    ------
    `zhou2019` (recalled).
    """

    rescales: bool = True

    name: ClassVar[str] = "learned-supermask"
    settings: ClassVar[Mapping[str, Any]] = {"learning_rate": 100.0, "weight_decay": 0.0}

    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return the logit of the density, which must be below 1."""
        if density == 1:
            raise InvalidInputError(
                "density", got=density, allowed="in (0, 1) for LearnedSupermask: a probability"
            )
        return weight.new_full(weight.shape, math.log(density / (1 - density)))

    def drawn_mask(self, scores: torch.Tensor, *, key: int) -> torch.Tensor:
        """Return independent draws."""
        import torch

        generator = torch.Generator(scores.device).manual_seed(key)
        draws = torch.rand(
            scores.shape, generator=generator, device=scores.device, dtype=scores.dtype
        )
        return draws < scores.detach().sigmoid()

    def standing_mask(
        self, scores: torch.Tensor, *, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return one draw: where the score exceeds the logit of a uniform number.

        The logit, because sigmoid rounds differently from device to device.
        """
        import numpy as np
        import torch

        draws = generator.random(tuple(scores.shape))
        with np.errstate(divide="ignore"):  # 0 has the logit -inf, which every score exceeds
            logits = np.log(draws) - np.log1p(-draws)
        return scores.detach() > torch.from_numpy(logits).to(scores)

    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return mask * weight, rescaled; the gradient goes through sigmoid(score)."""
        values = weight
        if self.rescales:
            values = weight * (mask.numel() / mask.count_nonzero().clamp(min=1))
        return self.masked(values, scores.sigmoid(), mask)


@dataclass(frozen=True)
class SignedSupermask(AbstractMethod):
    """Keep or flip weights, by masks in {-1, 0, 1}: of the largest |score|, by the score's sign.

    This is the form of the paper with an exact density in the place of its thresholds.

    Source
    ------
    `koster2022` (recalled).
    """

    name: ClassVar[str] = "signed-supermask"

    @property
    def by_magnitude(self) -> bool:
        """True: the sign of a score is that of its mask."""
        return True

    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return uniform scores, half of them negative."""
        return fan_in_uniform(weight, generator)

    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return mask * sign(score) * weight, where the sign of 0 is +."""
        flipped = weight.clone()
        flipped[scores.detach() < 0] *= -1
        return self.masked(flipped, scores, mask)


@dataclass(frozen=True)
class GemMiner(AbstractMethod):
    """Train regularised scores in [0, 1]; round them to the nearest mask with the wanted ones.

    That mask keeps the largest scores. With a density that falls from 1
    (`strongltn.models.density.Schedule`) the rounding becomes stricter step by step. This is the
    form of the paper, not its exact schedule.

    Parameters
    ----------
    l1, l2
        The factors of the sum of the scores and of that of their squares in the loss, >= 0.

    Source
    ------
    `sreenivasan2022` (recalled).
    """

    l1: float = 0.0
    l2: float = 1e-4

    name: ClassVar[str] = "gem-miner"

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise InvalidInputError(name, got=value, allowed="finite and >= 0")

    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return scores uniform in [0, 1]."""
        return uniform_like(weight, generator, low=0.0, high=1.0)

    def penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """Return l1 * sum of the scores + l2 * sum of their squares."""
        return self.l1 * scores.sum() + self.l2 * scores.square().sum()

    def after_step(self, weight: torch.Tensor, layer: ScoredLayer, *, num_steps: int) -> None:
        """Clip the scores to [0, 1]."""
        layer.scores.clamp_(0, 1)
