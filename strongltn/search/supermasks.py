"""Masks that are drawn, signed or regularised: supermasks and Gem-Miner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongltn.errors import InvalidInputError
from strongltn.models.initialization import fan_in_uniform, uniform_like
from strongltn.search.method import AbstractMethod, AbstractSampledMethod, ScoredLayer

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class LearnedSupermask(AbstractSampledMethod):
    """Keep each weight with probability sigmoid(score), drawn anew at every training step.

    In evaluation it is one such draw, always the same: weight i is kept if a uniform number that
    follows from the seed, the layer and i alone is below sigmoid(score i). (The largest scores up
    to the expected number would be another network, which nothing has trained.) The density given
    is the first probability of every weight; training then moves it.

    Parameters
    ----------
    rescales : bool
        Multiply the kept weights by size / number kept, in each layer ("dynamic rescaling").

    Source
    ------
    `zhou2019` (recalled).
    """

    rescales: bool = True

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
        from strongltn.search.masking import masked_weight

        values = weight
        if self.rescales:
            values = weight * (mask.numel() / mask.count_nonzero().clamp(min=1))
        return masked_weight(scores.sigmoid(), values, mask, by_magnitude=False)


@dataclass(frozen=True)
class SignedSupermask(AbstractMethod):
    """Masks in {-1, 0, 1}: the largest |score| are kept, and a negative score flips its weight.

    The form of the paper with an exact density in the place of its thresholds.

    Source
    ------
    `koster2022` (recalled).
    """

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
        from strongltn.search.masking import masked_weight

        flipped = weight.clone()
        flipped[scores.detach() < 0] *= -1
        return masked_weight(scores, flipped, mask, by_magnitude=True)


@dataclass(frozen=True)
class GemMiner(AbstractMethod):
    """Scores in [0, 1], regularised, rounded to the nearest mask with the wanted number of ones.

    That mask keeps the largest scores. With a density that falls from 1 (see
    `strongltn.search.schedule`) the rounding becomes stricter step by step. In the form of the
    paper, not its exact schedule.

    Parameters
    ----------
    l1, l2 : float >= 0
        Weights of the sum of the scores and of their squares in the loss.

    Source
    ------
    `sreenivasan2022` (recalled).
    """

    l1: float = 0.0
    l2: float = 1e-4

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

    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return mask * weight."""
        from strongltn.search.masking import masked_weight

        return masked_weight(scores, weight, mask, by_magnitude=False)

    def penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """Return l1 * sum of the scores + l2 * sum of their squares."""
        return self.l1 * scores.sum() + self.l2 * scores.square().sum()

    def after_step(self, weight: torch.Tensor, layer: ScoredLayer, *, num_steps: int) -> None:
        """Clip the scores to [0, 1]."""
        layer.scores.clamp_(0, 1)
