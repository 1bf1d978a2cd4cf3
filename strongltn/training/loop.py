"""The one training loop, and the training of a network by name, epoch by epoch, around it.

`Loop` is given what is trained, the optimiser and the loss as values; a run of a configuration, the
recovery of a ground truth and the demonstration all descend through it. Importing this module
imports torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from strongltn.datasets.batches import Batch, ResidentData
from strongltn.datasets.catalogue import Dataset
from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.models.layers import ImageClassifier
from strongltn.training.config import Execution, RunConfig
from strongltn.training.execution import Forward, accelerated, autocast, check_execution
from strongltn.training.strategy import Strategy

StepDone = Callable[[int], None]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (outputs, wanted) -> one number
Step = tuple[torch.Tensor, torch.Tensor]  # the loss of a batch, and the outputs


def cross_entropy(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of a batch, in float32 at least."""
    return torch.nn.functional.cross_entropy(outputs.float(), labels)


@dataclass(frozen=True, eq=False)
class Loop:
    """The steps of a training, whatever is trained and by whatever optimiser and loss.

    Attributes
    ----------
    forward : callable (inputs) -> outputs
        The network in training mode.
    strategy : Strategy
        What is trained of it.
    optimizer : torch optimizer
        Of the parameters of the strategy. Whoever runs the loop moves its learning rate.
    loss : callable (outputs, wanted) -> one number
    max_gradient : float > 0, optional
        The Euclidean length to which a longer gradient of all parameters is shortened.
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

        Parameters
        ----------
        batches : iterable of (inputs, wanted)
        after_step : callable (loss, outputs, wanted) -> None, optional
            Sees every step once it is done.
        """
        for inputs, wanted in batches:
            loss, outputs = self.step(inputs, wanted)
            if after_step is not None:
                after_step(loss, outputs, wanted)


class Training:
    """One network in training, with its optimizer and data on one device.

    Parameters
    ----------
    config
        All settings of the run.
    dataset
        The data set that the configuration names.
    device
        Where network and images live from the start.
    execution
        How forward and backward pass run.

    Attributes
    ----------
    network
        The whole network, masks and scores included.
    strategy
        What is trained of it: the scores of a search, or all weights of a dense network.
    optimizer
        The optimiser of what is trained.

    Raises
    ------
    InvalidInputError
        A network too large for the images, or an execution that the device cannot do.

    Notes
    -----
    Convolutions that are frozen and whole see every image once, before the first step, where images
    are not augmented.
    Cost: a forward and a backward pass a batch, and the selection of the masks.
    Randomness: named streams of the seed; no global generator is read or set.
    """

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        *,
        device: torch.device,
        execution: Execution = Execution.EAGER,
    ) -> None:
        check_execution(execution, config, device)
        self.config = config
        self.network = config.drawn_network(dataset.input_shape).to(device)
        self.strategy = config.strategy(self.network)
        self._head: torch.nn.Module = self.network
        features = None if dataset.padding else fixed_features(self.network)
        if features is not None:
            self._head = self.network.get_submodule("classifier")
        self.data = ResidentData(
            dataset, device=device, batch_size=config.batch_size, features=features
        )
        self.optimizer = self.strategy.optimizer(
            lr=config.learning_rate_at(0),
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self._loop = Loop(self._forward, self.strategy, self.optimizer)
        self._execution = execution
        self._chosen: Forward = self._head
        self._quick: Forward | None = None

    def trained(self) -> list[torch.nn.Parameter]:
        """Return what is trained: the scores, or all weights of a dense network."""
        return self.strategy.parameters()

    def train_epoch(self, epoch: int, *, step_done: StepDone | None = None) -> dict[str, Any]:
        """Train for one epoch, then test, and return the metrics of the epoch.

        Parameters
        ----------
        epoch : int >= 0
        step_done : callable (number of steps done in this epoch) -> None, optional

        Returns
        -------
        dict
            Plain JSON. ``loss`` and ``train_accuracy`` are means over the batches as they were
            trained on; ``test_accuracy`` is that of the network after the epoch.

        Raises
        ------
        TrainingDiverged
            A loss, a score or a weight is NaN or infinite.
        """
        began = time.perf_counter()
        rate = self.config.learning_rate_at(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.strategy.set_density(self.config.density_at(epoch))
        try:
            loss, num_right = self._train(epoch, step_done or (lambda done: None))
        except InvalidInputError as error:
            if error.parameter != "scores":
                raise
            raise _diverged("a score", epoch) from error
        trained = time.perf_counter()
        if not math.isfinite(loss):
            raise _diverged("the loss", epoch)
        if not all(bool(weight.isfinite().all()) for weight in self.trained()):
            raise _diverged("a score or weight", epoch)
        test_accuracy = self.test_accuracy()
        return {
            "epoch": epoch + 1,
            "loss": loss,
            "train_accuracy": num_right / self.data.num_images,
            "test_accuracy": test_accuracy,
            **self._densities(),
            "learning_rate": rate,
            "seconds": time.perf_counter() - began,
            "steps_per_second": self.data.num_steps / (trained - began),
            "device": str(self.data.device),
            "threads": torch.get_num_threads(),
        }

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> Step:
        """Descend once, in training mode; return the loss of the batch and the outputs."""
        self._choose_forward(images)
        return self._loop.step(images, labels)

    @torch.no_grad()
    def test_accuracy(self) -> float:
        """Return the fraction of the test images that the network classifies rightly."""
        self._head.eval()
        num_right, num_images = 0, 0
        with self.strategy.during_test(), autocast(self.config, self.data.device):
            for images, labels in self.data.test_batches():
                num_right += int((self._head(images).argmax(1) == labels).sum())
                num_images += len(labels)
        return num_right / num_images

    def masks(self) -> dict[str, torch.Tensor]:
        """Return the masks by the names of the weights; none for a dense network."""
        return self.strategy.masks()

    def _train(self, epoch: int, step_done: StepDone) -> tuple[float, int]:
        """Return mean loss and number of right answers."""
        self._head.train()
        loss_sum = torch.zeros((), dtype=torch.float64, device=self.data.device)
        num_right = torch.zeros((), dtype=torch.int64, device=self.data.device)
        num_done = 0

        def count(loss: torch.Tensor, outputs: torch.Tensor, labels: torch.Tensor) -> None:
            nonlocal loss_sum, num_right, num_done
            loss_sum += loss * len(labels)
            num_right += (outputs.argmax(1) == labels).sum()
            num_done += 1
            step_done(num_done)

        self._loop.run(self._batches(epoch), after_step=count)
        return float(loss_sum) / self.data.num_images, int(num_right)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        for images, labels in self.data.training_batches(epoch, seed=self.config.seed):
            self._choose_forward(images)
            yield images, labels

    def _forward(self, images: torch.Tensor) -> torch.Tensor:
        with autocast(self.config, images.device):
            return self._chosen(images)

    def _choose_forward(self, images: torch.Tensor) -> None:
        """Let the next batch run as `execution` says, or plainly where it is not a whole one."""
        self._chosen = self._head
        if self._execution is Execution.EAGER or len(images) < self.config.batch_size:
            return
        if self._quick is None:
            self._quick = accelerated(
                self._head, images, config=self.config, execution=self._execution
            )
        self._chosen = self._quick

    def _densities(self) -> dict[str, Any]:
        masks = self.masks()
        kept = {name: int(mask.count_nonzero()) for name, mask in masks.items()}
        num_weights = sum(mask.numel() for mask in masks.values())
        return {
            "density": sum(kept.values()) / num_weights if masks else 1.0,
            "densities": {name: kept[name] / mask.numel() for name, mask in masks.items()},
        }


def fixed_features(network: ImageClassifier) -> torch.nn.Module | None:
    """Return the convolutions of a network if no search and no training changes them."""
    features = dict(network.named_children()).get("features")
    is_searched = any(name.startswith("features.") for name in network.searched)
    is_trained = features is not None and any(w.requires_grad for w in features.parameters())
    return None if is_searched or is_trained else features


def _diverged(what: str, epoch: int) -> TrainingDiverged:
    return TrainingDiverged(
        f"In epoch {epoch + 1} {what} became NaN or infinite. Try a smaller learning rate."
    )
