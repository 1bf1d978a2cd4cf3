"""The one training loop, and the seam at which it is told what to train.

`Loop` is given what is trained (a `Strategy`), the optimiser and the loss as values; a run of a
configuration, the recovery of a ground truth and the demonstration all descend through it.
Importing this module imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from strongltn.datasets.batches import Batch

Forward = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (outputs, wanted) -> one number
Step = tuple[torch.Tensor, torch.Tensor]  # the loss of a batch, and the outputs


class Strategy(ABC):
    """What is trained of a network, and what has to happen around the steps that train it.

    Derive from it to train something else: all weights (`AllWeights`), or the scores of a search
    (`strongltn.search.descent.ScoreTraining`). Only `parameters` and `plain` have to be given, and
    what differs from training plain weights.
    """

    @abstractmethod
    def parameters(self) -> list[torch.nn.Parameter]:
        """Return what an optimiser moves."""

    @abstractmethod
    def plain(self) -> torch.nn.Module:
        """Return what has been found as a plain network, in evaluation mode."""

    def optimizer(
        self, *, lr: float, momentum: float, weight_decay: float
    ) -> torch.optim.Optimizer:
        """Return stochastic gradient descent of the parameters."""
        return torch.optim.SGD(
            self.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay, fused=True
        )

    def set_density(self, density: float) -> None:
        """Keep another fraction of the weights from now on, where there is a mask."""
        return

    def during_step(self) -> AbstractContextManager[None]:
        """Return the context of the forward and backward pass of one step."""
        return nullcontext()

    def during_test(self) -> AbstractContextManager[None]:
        """Return the context of a test, in which nothing that is trained changes."""
        return nullcontext()

    def penalty(self) -> torch.Tensor | None:
        """Return what is added to the loss of a batch, or None, which costs nothing."""
        return None

    def after_step(self) -> None:
        """Do what follows each step of the optimiser."""
        return

    def masks(self) -> dict[str, torch.Tensor]:
        """Return the masks by the names of their weights, True = kept; by default none."""
        return {}


class AllWeights(Strategy):
    """Train every weight that needs a gradient, as usual: what a search is compared with."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return all weights that need a gradient."""
        return [weight for weight in self._network.parameters() if weight.requires_grad]

    def plain(self) -> torch.nn.Module:
        """Return the network itself."""
        return self._network.eval()


def cross_entropy(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of a batch, in float32 at least."""
    return torch.nn.functional.cross_entropy(outputs.float(), labels)


@dataclass(frozen=True, eq=False)
class Loop:
    """The steps of a training, whatever is trained and by whatever optimiser and loss.

    Attributes
    ----------
    forward
        The network in training mode: a function of the inputs.
    strategy
        What is trained of it.
    optimizer
        The optimiser of the strategy's parameters. Whoever runs the loop moves its learning rate.
    loss
        A function of outputs and what is wanted, to one number.
    max_gradient
        The Euclidean length, > 0, to which a longer gradient of all parameters is shortened.
    """

    forward: Forward
    strategy: Strategy
    optimizer: torch.optim.Optimizer
    loss: Loss = cross_entropy
    max_gradient: float | None = None

    def step(self, inputs: torch.Tensor, wanted: torch.Tensor) -> Step:
        """Descend once; return the loss of the batch, penalty included, and the outputs."""
        strategy = self.strategy
        self.optimizer.zero_grad()
        with strategy.during_step():
            outputs = self.forward(inputs)
            loss = self.loss(outputs, wanted)
            penalty = strategy.penalty()
            if penalty is not None:
                loss = loss + penalty
            loss.backward()  # type: ignore[no-untyped-call]
        if self.max_gradient is not None:
            torch.nn.utils.clip_grad_norm_(strategy.parameters(), self.max_gradient)
        self.optimizer.step()
        strategy.after_step()
        return loss.detach(), outputs.detach()

    def run(
        self,
        batches: Iterable[Batch],
        *,
        after_step: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None] | None = None,
    ) -> None:
        """Take one step for each batch of inputs and wanted outputs.

        Schedules belong to the batches: what is set before a batch is yielded holds for its step.

        The function `after_step` sees loss, outputs and what was wanted of every step that is done.
        """
        for inputs, wanted in batches:
            loss, outputs = self.step(inputs, wanted)
            if after_step is not None:
                after_step(loss, outputs, wanted)
