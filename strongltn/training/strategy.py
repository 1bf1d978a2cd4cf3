"""What is trained of a network: the seam at which the one training loop is told its task.

Importing this module imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch


class Strategy(ABC):
    """What is trained of a network, and what has to happen around the steps that train it.

    Derive from it to train something else: all weights (`AllWeights`), or the scores of a search
    (`strongltn.search.descent.ScoreTraining`). Only what differs from training plain weights has to
    be said.
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
    """Train every weight that needs a gradient, as usual: what a search is compared with.

    Parameters
    ----------
    network : torch module
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return all weights that need a gradient."""
        return [weight for weight in self._network.parameters() if weight.requires_grad]

    def plain(self) -> torch.nn.Module:
        """Return the network itself."""
        return self._network.eval()
