"""A network by name in training, epoch by epoch, on a device.

What concerns a GPU here has never run on one so far: it is written after torch's documentation, and
which `Execution` is the quickest there has yet to be measured. Plain execution is the default.
Importing this module imports torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch

from strongltn.datasets.batches import Batch, ResidentData
from strongltn.datasets.catalogue import Dataset
from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.models.layers import ImageClassifier
from strongltn.training.config import Execution, Precision, RunConfig
from strongltn.training.loop import Forward, Loop, Step

StepDone = Callable[[int], None]


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
        The network is too large for the images, or the device cannot do the execution.

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
        epoch
            The number of the epoch, counted from 0.
        step_done
            A function that is told, after each step, how many are done in this epoch.

        Returns
        -------
        dict
            The metrics as plain JSON. ``loss`` and ``train_accuracy`` are means over the batches as
            they were trained on; ``test_accuracy`` is that of the network after the epoch.

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


def check_execution(execution: Execution, config: RunConfig, device: torch.device) -> None:
    """Refuse what the device, or the method, cannot do.

    A graph repeats what it has captured: the number of kept weights, and the masks that a method
    draws at random, would stand still in it.

    Raises
    ------
    InvalidInputError
        The execution needs a GPU, or a method whose steps are all the same.
    """
    if execution is not Execution.EAGER and device.type != "cuda":
        raise InvalidInputError("execution", got=execution.value, allowed="eager without a GPU")
    if execution is Execution.CAPTURED and not config.is_steady:
        raise InvalidInputError(
            "execution",
            got=execution.value,
            allowed="eager or compiled where masks are drawn or the density moves",
        )


def autocast(config: RunConfig, device: torch.device) -> torch.autocast:
    """Return the context in which the network computes."""
    return torch.autocast(
        device.type,
        dtype=torch.bfloat16,
        enabled=config.precision is Precision.BFLOAT16,
        cache_enabled=False,  # a captured graph must not hold on to casts of an earlier step
    )


def accelerated(
    network: torch.nn.Module, images: torch.Tensor, *, config: RunConfig, execution: Execution
) -> Forward:
    """Return what computes as `network` does, on whole batches in training, but quicker.

    `network`, in training mode and on its device, stays as it is, for all other calls. A captured
    graph takes batches of the shape of `images` alone.
    """
    if execution is Execution.COMPILED:
        compiled: Forward = torch.compile(network)
        return compiled
    if execution is Execution.EAGER:
        return network
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with autocast(config, images.device):
        # around the network, because torch replaces the forward method of what it is given
        forward = torch.cuda.make_graphed_callables(torch.nn.Sequential(network), (images,))
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            buffer.copy_(before[name])  # the trial runs have moved the statistics of BatchNorm
    return cast(Forward, forward)
