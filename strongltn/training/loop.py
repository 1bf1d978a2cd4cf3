"""The loop: a network drawn from a configuration, trained epoch by epoch.

Importing this module imports torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from strongltn.datasets.batches import ResidentData
from strongltn.datasets.catalogue import Dataset
from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.models.blocks import ImageClassifier
from strongltn.models.catalogue import model_named
from strongltn.models.diamonds import initialize_pensia
from strongltn.models.initialization import initialize
from strongltn.search.choices import Execution, Scope
from strongltn.search.config import SearchConfig
from strongltn.search.descent import ScoreSGD
from strongltn.search.handle import SearchHandle, attach
from strongltn.search.method import AbstractMethod
from strongltn.training.execution import Forward, accelerated, autocast, check_execution

StepDone = Callable[[int], None]


class Training:
    """One network in training, with its optimizer and data on one device.

    Parameters
    ----------
    config : SearchConfig
    dataset : Dataset
        The one that the configuration names.
    device : torch device
    execution : Execution

    Attributes
    ----------
    network : ImageClassifier
    handle : SearchHandle, or None for a dense network
    optimizer : torch SGD
        Of the scores, or of all weights of a dense network.

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
        config: SearchConfig,
        dataset: Dataset,
        *,
        device: torch.device,
        execution: Execution = Execution.EAGER,
    ) -> None:
        check_execution(execution, config, device)
        self.config = config
        self.network = draw_source(config, dataset).to(device)
        self.handle = attach_search(self.network, config)
        self._head: torch.nn.Module = self.network
        features = None if dataset.padding else fixed_features(self.network)
        if features is not None:
            self._head = self.network.get_submodule("classifier")
        self.data = ResidentData(
            dataset, device=device, batch_size=config.batch_size, features=features
        )
        self.optimizer = self._new_optimizer()
        self._execution = execution
        self._quick: Forward | None = None
        method = config.method
        # Where layers compete, or for the penalty alone, work that other methods are spared.
        self._holds_masks = config.scope is Scope.GLOBAL
        self._has_penalty = (
            isinstance(method, AbstractMethod)
            and type(method).penalty is not AbstractMethod.penalty
        )

    def trained(self) -> list[torch.nn.Parameter]:
        """Return what is trained: the scores, or all weights of a dense network."""
        return [weight for weight in self.network.parameters() if weight.requires_grad]

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
        if self.handle is not None:
            self.handle.set_density(self.config.density_at(epoch))
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

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Descend once, in training mode; return the loss of the batch and the outputs."""
        network = self._network_for(images)
        self.optimizer.zero_grad()
        with self._held_masks(self._holds_masks):
            with autocast(self.config, images.device):
                outputs = network(images)
            loss = torch.nn.functional.cross_entropy(outputs.float(), labels)
            if self.handle is not None and self._has_penalty:
                loss = loss + self.handle.penalty()
            loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.handle is not None:
            self.handle.after_step()
        return loss.detach(), outputs.detach()

    @torch.no_grad()
    def test_accuracy(self) -> float:
        """Return the fraction of the test images that the network classifies rightly."""
        self._head.eval()
        num_right, num_images = 0, 0
        with self._held_masks(True), autocast(self.config, self.data.device):
            for images, labels in self.data.test_batches():
                num_right += int((self._head(images).argmax(1) == labels).sum())
                num_images += len(labels)
        return num_right / num_images

    def masks(self) -> dict[str, torch.Tensor]:
        """Return the masks by the names of the weights; none for a dense network."""
        return {} if self.handle is None else self.handle.masks()

    def _train(self, epoch: int, step_done: StepDone) -> tuple[float, int]:
        """Return mean loss and number of right answers."""
        self._head.train()
        loss_sum = torch.zeros((), dtype=torch.float64, device=self.data.device)
        num_right = torch.zeros((), dtype=torch.int64, device=self.data.device)
        batches = self.data.training_batches(epoch, seed=self.config.seed)
        for done, (images, labels) in enumerate(batches, start=1):
            loss, outputs = self.step(images, labels)
            loss_sum += loss * len(labels)
            num_right += (outputs.argmax(1) == labels).sum()
            step_done(done)
        return float(loss_sum) / self.data.num_images, int(num_right)

    def _new_optimizer(self) -> torch.optim.SGD:
        rates: dict[str, Any] = {
            "lr": self.config.learning_rate,
            "momentum": self.config.momentum,
            "weight_decay": self.config.weight_decay,
        }
        if self.handle is None:
            return torch.optim.SGD(self.trained(), fused=True, **rates)
        return ScoreSGD(self.handle, **rates)

    def _network_for(self, images: torch.Tensor) -> Forward:
        if self._execution is Execution.EAGER or len(images) < self.config.batch_size:
            return self._head
        if self._quick is None:
            self._quick = accelerated(
                self._head, images, config=self.config, execution=self._execution
            )
        return self._quick

    def _held_masks(self, holds: bool) -> Any:
        return self.handle.held_masks() if holds and self.handle is not None else nullcontext()

    def _densities(self) -> dict[str, Any]:
        masks = self.masks()
        kept = {name: int(mask.count_nonzero()) for name, mask in masks.items()}
        num_weights = sum(mask.numel() for mask in masks.values())
        return {
            "density": sum(kept.values()) / num_weights if masks else 1.0,
            "densities": {name: kept[name] / mask.numel() for name, mask in masks.items()},
        }


def draw_source(config: SearchConfig, dataset: Dataset) -> ImageClassifier:
    """Return the untrained network of a configuration, on the CPU."""
    network = model_named(config.model, input_shape=dataset.input_shape)
    if not config.is_pensia:
        initialize(network, config.init, seed=config.seed, density=config.density)
        return network
    initialize_pensia(network, seed=config.seed)
    return network


def attach_search(network: ImageClassifier, config: SearchConfig) -> SearchHandle | None:
    """Put the masks of a configuration over a network; None for a dense one."""
    if not isinstance(config.method, AbstractMethod):
        return None
    return attach(
        network,
        config.method,
        density=config.density,
        seed=config.seed,
        scope=config.scope,
        names=network.searched,
    )


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
