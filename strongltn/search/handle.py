"""Attaching a search to a module, and the one value through which it is driven.

Importing this module imports torch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.utils import parametrize

from strongltn.models.density import Scope, check_density
from strongltn.models.initialization import LayerStreams
from strongltn.models.layers import maskable_layers
from strongltn.process.default_state import in_default_state
from strongltn.rng import checked_seed
from strongltn.search.masking import MaskedWeight, ScoreGroup
from strongltn.search.method import AbstractMethod
from strongltn.values.arguments import IntegerLike, RealLike, chosen, instance


@dataclass(frozen=True, eq=False)
class SearchHandle:
    """Drive a search from a training loop of your own; `attach` makes one.

    Attributes
    ----------
    module
        The searched network. Its masked weights are parametrized; only scores need a gradient.
    method
        What turns scores into masks.
    scope
        Where the density holds.
    layers
        Scores and mask of each masked weight, by the weight's name.
    groups
        The layers whose scores compete: each on its own, or all of them.
    """

    module: torch.nn.Module
    method: AbstractMethod
    scope: Scope
    layers: dict[str, MaskedWeight]
    groups: tuple[ScoreGroup, ...]

    def __repr__(self) -> str:
        weights = sum(layer.scores.numel() for layer in self.layers.values())
        return (
            f"SearchHandle({type(self.method).__name__}, density {self.density:.4g} by "
            f"{self.scope.value}, {weights:,} weights of {len(self.layers)} layers)"
        )

    @property
    def density(self) -> float:
        """The density that is selected for, in (0, 1]."""
        return self.groups[0].density

    @property
    def num_steps(self) -> int:
        """Optimizer steps done, counted by `after_step`."""
        return self.groups[0].num_steps

    def set_density(self, density: float) -> None:
        """Select for another density from now on.

        Raises
        ------
        InvalidInputError
            `density` is outside (0, 1].
        """
        check_density(density)
        for group in self.groups:
            group.set_density(density)

    def score_parameters(self) -> list[torch.nn.Parameter]:
        """Return what an optimizer is to train: the scores, and nothing else."""
        return [layer.scores for layer in self.layers.values()]

    def masks(self) -> dict[str, torch.Tensor]:
        """Return the mask of each weight, by name: bool tensors, True = kept; copies."""
        for group in self.groups:
            group.select()
        return {name: layer.mask.clone() for name, layer in self.layers.items()}

    def kept_density(self) -> float:
        """Return the fraction of the masked weights that is kept now."""
        masks = self.masks().values()
        return sum(int(mask.count_nonzero()) for mask in masks) / sum(m.numel() for m in masks)

    def penalty(self) -> torch.Tensor:
        """Return what the method adds to the loss, differentiable; 0 for most methods."""
        parts = [self.method.penalty(scores) for scores in self.score_parameters()]
        return torch.stack(parts).sum()

    @contextmanager
    def held_masks(self) -> Iterator[None]:
        """Select once, for as long as no score changes: the forward and backward of one batch.

        Only time is saved, and only where weights are read more than once between two steps:
        in evaluation, or with `Scope.GLOBAL`, where each layer would select for all. Neither a
        score nor the density may be changed inside.
        """
        for group in self.groups:
            group.select()
            group.is_held = True
        try:
            yield
        finally:
            for group in self.groups:
                group.is_held = False

    def after_step(self) -> None:
        """Count an optimizer step and do what the method does after one; call it after each."""
        for group in self.groups:
            group.num_steps += 1
        if type(self.method).after_step is AbstractMethod.after_step:
            return  # nothing is done: spare every step the look at every layer
        with torch.no_grad():
            for name, masked in self.layers.items():
                self.method.after_step(self._frozen(name), masked, num_steps=self.num_steps)

    def effective_weights(self) -> dict[str, torch.Tensor]:
        """Return the weight that the network has in evaluation, by name; copies."""
        masks = self.masks()
        with torch.no_grad():
            return {
                name: self.method.effective_weight(self._frozen(name), layer.scores, masks[name])
                for name, layer in self.layers.items()
            }

    def detach(self) -> torch.nn.Module:
        """Return a plain copy of the module, its weights the effective ones; evaluation mode.

        The searched module stays as it is. Parameters of the copy need no gradient.
        """
        plain = copy.deepcopy(self.module).eval()
        for name, weight in self.effective_weights().items():
            layer = _layer_of(plain, name)
            # not `remove_parametrizations`: it changes the class, which the copy shares
            layer.__class__ = parametrize.type_before_parametrizations(layer)
            del layer.parametrizations
            layer.register_parameter("weight", torch.nn.Parameter(weight, requires_grad=False))
        return plain

    def _frozen(self, name: str) -> torch.Tensor:
        prefix = name.removesuffix("weight")
        return self.module.get_parameter(f"{prefix}parametrizations.weight.original")


@in_default_state()
def attach(
    module: torch.nn.Module,
    method: AbstractMethod,
    *,
    density: RealLike,
    seed: IntegerLike,
    scope: Scope | Literal["layer", "global"] = Scope.LAYER,
    names: Sequence[str] | None = None,
) -> SearchHandle:
    """Put scores and masks over the weights of a module, and freeze everything else.

    All parameters of the module, biases included, stop needing gradients and stay as they are; the
    running statistics of BatchNorm go on. Move the module to its device first.

    Parameters
    ----------
    module
        The network, changed in place: its weights become parametrized.
    method
        What turns scores into masks, such as ``EdgePopup()``.
    density
        The fraction of weights that the masks keep, in (0, 1].
    seed
        The seed, in [0, 2^64), of the first scores and of all draws of the method.
    scope
        Where the density holds: "layer", in every layer, or "global", over all of them.
    names
        The names of the layers to mask; by default all Linear and convolution layers.

    Raises
    ------
    InvalidInputError
        Density or seed out of range, or a module that cannot be masked; it is then unchanged.

    Notes
    -----
    Rigor: exact.  Cost: one draw a weight.
    Randomness: one stream for each weight's name and purpose; no global generator.

    Examples
    --------
    >>> from strongltn.search import EdgePopup
    >>> handle = attach(torch.nn.Linear(4, 2), EdgePopup(), density=0.5, seed=0)
    >>> int(handle.masks()["weight"].sum())
    4
    """
    scope = chosen("scope", scope, Scope)
    instance("module", module, torch.nn.Module, allowed="a torch module")
    instance(
        "method",
        method,
        AbstractMethod,  # type: ignore[type-abstract]
        allowed="a method, such as EdgePopup()",
    )
    check_density(density)
    density, seed = float(density), checked_seed(seed)
    layers = maskable_layers(module, names)
    masked = {
        name: MaskedWeight(
            module.get_parameter(name), LayerStreams(seed, name), method, density=density
        )
        for name in layers
    }
    members = list(masked.values())
    teams = [members] if scope is Scope.GLOBAL else [[member] for member in members]
    groups = tuple(ScoreGroup(method, team, density=density) for team in teams)
    module.requires_grad_(False)
    for name, layer in layers.items():
        masked[name].train(layer.training)
        parametrize.register_parametrization(layer, "weight", masked[name], unsafe=True)
    return SearchHandle(module, method, scope, masked, groups)


def _layer_of(module: torch.nn.Module, weight_name: str) -> torch.nn.Module:
    return module.get_submodule(weight_name.rpartition(".")[0])
