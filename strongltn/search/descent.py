"""SGD of scores in one pass over the memory: gradient, step, selection and effective weight.

Each of them is a few operations a weight, so that the time goes into reading and writing. Importing
this module imports torch and numba.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from strongltn.models.density import Scope
from strongltn.search.handle import SearchHandle
from strongltn.search.kernels import Descent
from strongltn.search.masking import MaskedWeight
from strongltn.search.method import AbstractMethod
from strongltn.search.selection import descend_and_keep, flat_array
from strongltn.search.straight_through import masked
from strongltn.training.strategy import Strategy


class KeptWeight:
    """The effective weight of a layer as a tensor that stays, as a weight does in dense training.

    Parameters
    ----------
    layer : MaskedWeight
        The only member of its group, on the CPU, of a method that `masks_weight`.

    Attributes
    ----------
    tensor : tensor, the shape of the weight
        A leaf: gradients of the effective weight gather in it, none reaches the scores.
    """

    def __init__(self, layer: MaskedWeight) -> None:
        self.layer, self.scores, self.group = layer, layer.scores, layer.group
        self.tensor = torch.empty(self.scores.shape, dtype=self.scores.dtype).requires_grad_()
        self._weight = self.tensor  # the frozen one, once it is known
        self._seen: tuple[int, int, int] | None = None

    def __call__(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the effective weight; select again if scores, weight or density have changed."""
        if self._seen != self._state(weight):
            with torch.no_grad():
                self.tensor.copy_(masked(weight, self.layer.selected_mask()))
            self._weight, self._seen = weight, self._state(weight)
        return self.tensor

    def descend(
        self, gradient: torch.Tensor, velocity: torch.Tensor, rates: dict[str, float]
    ) -> None:
        """Move the scores and all that follows from them.

        Parameters
        ----------
        gradient, velocity : tensors, the shape of the weight
            Gradient of the effective weight; momentum buffer, which is written.
        rates : dict
            "lr", "momentum" and "weight_decay".
        """
        group = self.group
        descend_and_keep(
            self.scores,
            group.num_kept,
            group.hint,
            by_magnitude=group.method.by_magnitude,
            values=self._weight,
            kept=self.tensor,
            descent=Descent(
                flat_array(gradient),
                velocity.view(-1).numpy(),
                rates["lr"],
                rates["momentum"],
                rates["weight_decay"],
            ),
        )
        torch.autograd.graph.increment_version((self.scores, self.tensor))
        self._seen = self._state(self._weight)

    def _state(self, weight: torch.Tensor) -> tuple[int, int, int]:
        return self.scores._version, weight._version, self.group.num_kept


class ScoreSGD(torch.optim.SGD):
    """Train the scores of a search by stochastic gradient descent, as fast as memory allows.

    One pass over the memory does all that there is to do between two backward passes, where a layer
    is on the CPU, has a mask of its own, and its effective weight is mask * weight. The module then
    has the effective weights for leaves: the gradients of the scores are taken in `step`, and no
    other optimizer can train them from then on. All other scores descend as under
    `torch.optim.SGD`.

    Parameters
    ----------
    handle
        A search on a module that is on its device already.
    lr, momentum, weight_decay
        The rates of `torch.optim.SGD`, which has the same state.

    Notes
    -----
    Rigor: exact masks; scores round as floats do.  Cost: one pass a step.  Randomness: none.
    """

    def __init__(
        self, handle: SearchHandle, *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(
            handle.score_parameters(),
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            fused=True,
        )
        layers = handle.layers.values()
        self._kept: list[KeptWeight] = []
        for layer in layers:
            if handle.method.masks_weight and len(layer.group.members) == 1 and layer.mask.is_cpu:
                kept = KeptWeight(layer)
                layer.kept = kept
                self._kept.append(kept)
        self._has_others = len(self._kept) < len(layers)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients."""
        for kept in self._kept:
            kept.tensor.grad = None
        if self._has_others:
            super().zero_grad(set_to_none)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Descend once; there is no closure here.

        Raises
        ------
        InvalidInputError
            A score has become NaN or infinite.
        """
        (rates,) = self.param_groups
        for kept in self._kept:
            gradient = kept.tensor.grad
            if gradient is not None:
                kept.descend(gradient, self._velocity(kept.scores), rates)
        if self._has_others:
            super().step()

    def _velocity(self, scores: torch.Tensor) -> torch.Tensor:
        state = self.state[scores]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(scores)
        velocity: torch.Tensor = state["momentum_buffer"]
        return velocity


class ScoreTraining(Strategy):
    """Train the scores of a search and nothing else, by `ScoreSGD`.

    Parameters
    ----------
    handle : SearchHandle
        A search on a module that is on its device already.
    """

    def __init__(self, handle: SearchHandle) -> None:
        self.handle = handle
        # Where layers compete, or for the penalty alone, work that other methods are spared.
        self._holds_masks = handle.scope is Scope.GLOBAL
        self._has_penalty = type(handle.method).penalty is not AbstractMethod.penalty

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return the scores."""
        return self.handle.score_parameters()

    def plain(self) -> torch.nn.Module:
        """Return a copy of the network whose weights are the effective ones."""
        return self.handle.detach()

    def optimizer(self, *, lr: float, momentum: float, weight_decay: float) -> ScoreSGD:
        """Return the descent of the scores in one pass over the memory."""
        return ScoreSGD(self.handle, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def set_density(self, density: float) -> None:
        """Select for another density from now on."""
        self.handle.set_density(density)

    def during_step(self) -> AbstractContextManager[None]:
        """Select once a step where layers compete; else each layer selects for itself."""
        return self.handle.held_masks() if self._holds_masks else nullcontext()

    def during_test(self) -> AbstractContextManager[None]:
        """Select once for all batches of a test."""
        return self.handle.held_masks()

    def penalty(self) -> torch.Tensor | None:
        """Return what the method adds to the loss, or None if it is no method that does."""
        return self.handle.penalty() if self._has_penalty else None

    def after_step(self) -> None:
        """Count the step, and do what the method does after one."""
        self.handle.after_step()

    def masks(self) -> dict[str, torch.Tensor]:
        """Return copies of the masks."""
        return self.handle.masks()
