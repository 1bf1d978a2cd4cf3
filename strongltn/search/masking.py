"""A frozen weight seen through a mask: a parametrization of torch, with what checkpoints need.

The weight itself becomes the parametrization's ``original``: it needs no gradient, so no optimizer
moves it, with momentum and weight decay or without. Importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from strongltn.errors import InvalidInputError
from strongltn.models.density import num_kept_of
from strongltn.models.initialization import LayerStreams
from strongltn.search.method import AbstractMethod, AbstractSampledMethod
from strongltn.search.selection import Bracket, top_fraction


class MaskedWeight(torch.nn.Module):
    """One layer's scores and mask; calling it turns the frozen weight into the effective one.

    Parameters
    ----------
    weight : tensor
        The frozen weight, for its shape, type and device.
    streams : LayerStreams
    method : AbstractMethod
    density : float in (0, 1]
        What the first scores may depend on.

    Attributes
    ----------
    scores : parameter, the shape of the weight
        What is trained.
    mask : bool buffer, the shape of the weight
        True = kept. As of the last selection; a state dict always holds that of its scores.
    density : float64 buffer, one element
    num_steps : int64 buffer, one element
        Both as of the last state dict; the living values are those of the group.
    group : ScoreGroup
        Set by the group.
    kept : callable (frozen weight) -> effective weight, or None
        Set by an optimiser that keeps the effective weight itself, as `ScoreSGD` does.
    """

    mask: torch.Tensor
    density: torch.Tensor
    num_steps: torch.Tensor
    group: ScoreGroup
    kept: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __init__(
        self, weight: torch.Tensor, streams: LayerStreams, method: AbstractMethod, *, density: float
    ) -> None:
        super().__init__()
        self.streams = streams
        drawn = method.initial_scores(
            weight.detach(), density=density, generator=streams.generator("scores")
        )
        self.scores = torch.nn.Parameter(drawn)
        self.register_buffer("mask", torch.ones_like(weight, dtype=torch.bool).contiguous())
        self.register_buffer("density", torch.tensor(density, dtype=torch.float64))
        self.register_buffer("num_steps", torch.tensor(0))
        self.register_state_dict_pre_hook(_before_saving)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_after_loading)  # type: ignore[no-untyped-call]

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the effective weight."""
        if self.kept is not None:
            return self.kept(weight)
        group, method = self.group, self.group.method
        if self.training and isinstance(method, AbstractSampledMethod):
            mask = method.drawn_mask(self.scores, key=self.streams.key("mask", group.num_steps))
            return method.effective_weight(weight, self.scores, mask)
        return method.effective_weight(weight, self.scores, self.selected_mask())

    @property
    def selected_density(self) -> float:
        """The density that the group selects for at present, in (0, 1]."""
        return self.group.density

    def selected_mask(self) -> torch.Tensor:
        """Return the mask of the scores as they are now; it changes with the next selection."""
        if not self.group.is_held:
            self.group.select()
        return self.mask


class ScoreGroup:
    """Layers whose scores compete for one number of kept weights: one layer, or all.

    Parameters
    ----------
    method : AbstractMethod
    members : list of MaskedWeight
        On one device, of one type of float.
    density : float in (0, 1]
        Of the group as a whole.

    Attributes
    ----------
    num_kept : int
    hint : Bracket
        Of the selections from these scores.
    num_steps : int
        Optimizer steps done.
    is_held : bool
        Whether masks stand still: a promise that scores do.
    """

    def __init__(
        self, method: AbstractMethod, members: list[MaskedWeight], *, density: float
    ) -> None:
        self.method = method
        self.members = members
        self.set_density(density)
        self.num_steps = 0
        self.is_held = False
        self.hint = Bracket()
        self._loaded: set[MaskedWeight] = set()
        for member in members:
            member.group = self

    def set_density(self, density: float) -> None:
        """Select for another density from now on."""
        self.num_kept = num_kept_of(density, sum(m.mask.numel() for m in self.members))
        self.density = density

    def select(self) -> None:
        """Write the mask of every member: that of evaluation."""
        method = self.method
        if isinstance(method, AbstractSampledMethod):
            for member in self.members:
                stream = member.streams.generator("evaluation")
                member.mask.copy_(method.standing_mask(member.scores, generator=stream))
            return
        found = top_fraction(
            self._scores(), self.num_kept, by_magnitude=method.by_magnitude, hint=self.hint
        )
        sizes = [member.mask.numel() for member in self.members]
        for member, part in zip(self.members, torch.split(found.mask.view(-1), sizes), strict=True):
            member.mask.copy_(part.view_as(member.mask))

    def before_saving(self) -> None:
        """Bring the buffers of all members up to date."""
        self.select()
        for member in self.members:
            member.density.fill_(self.density)
            member.num_steps.fill_(self.num_steps)

    def after_loading(self, member: MaskedWeight) -> None:
        """Take over what was loaded into a member; after the last one, check the masks."""
        self._loaded.add(member)
        if len(self._loaded) < len(self.members):
            return
        self._loaded.clear()
        self.set_density(float(member.density))
        self.num_steps = int(member.num_steps)
        loaded = [member.mask.clone() for member in self.members]
        self.select()
        if not all(torch.equal(m.mask, mask) for m, mask in zip(self.members, loaded, strict=True)):
            raise InvalidInputError(
                "state_dict",
                got=f"another mask in {', '.join(m.streams.layer for m in self.members)}",
                allowed="the mask that belongs to the scores",
                hint="The checkpoint is damaged, or of another method, scope or seed.",
            )

    def _scores(self) -> torch.Tensor:
        if len(self.members) == 1:
            return self.members[0].scores.detach()
        return torch.cat([member.scores.detach().reshape(-1) for member in self.members])


def _before_saving(module: torch.nn.Module, prefix: str, keep_vars: bool) -> None:
    if isinstance(module, MaskedWeight):
        module.group.before_saving()


def _after_loading(module: torch.nn.Module, incompatible_keys: Any) -> None:
    # where keys are missing, torch itself complains, or was told not to
    if isinstance(module, MaskedWeight) and not incompatible_keys.missing_keys:
        module.group.after_loading(module)
