"""Recovery: edge-popup on the source of a ground truth, from scores that know nothing of it.

The search gets every advantage that does not give the mask away: in every layer it keeps as many
weights as the ground truth does, and it sees the target's outputs at thousands of inputs. Gradients
are shortened to length 1, because a random mask of such a source is off by orders of magnitude.
Importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import torch

from strongltn.datasets.batches import Batch
from strongltn.errors import InvalidInputError
from strongltn.groundtruth.agreement import (
    Agreement,
    Examples,
    MaskOverlap,
    agreement_of,
    mask_overlap,
    outputs_of,
    variance,
)
from strongltn.groundtruth.truth import GroundTruth, Masks, masked_network
from strongltn.models.density import Schedule
from strongltn.networks import TargetNetwork
from strongltn.process.default_state import in_default_state, one_thread
from strongltn.rng import named_generator
from strongltn.search.descent import ScoreTraining
from strongltn.search.handle import SearchHandle, attach
from strongltn.search.methods.edge_popup import EdgePopup
from strongltn.training.loop import Loop, Loss, cross_entropy
from strongltn.values.by_value import ByValue

_MOMENTUM = 0.9  # as edge-popup was published
_MAX_GRADIENT = 1.0
_ANNEALED_SHARE = 0.7  # of the steps; then the density stays


class Start(Enum):
    """Where the search begins."""

    RANDOM = "random"
    """Random scores, at the density of the truth."""

    ANNEALED = "annealed"
    """Random scores, at density 1, which falls to that of the truth: fast first."""

    TRUTH = "truth"
    """Random scores, those of the truth's mask above all others: does the search stay there?"""


class Objective(Enum):
    """What the search descends."""

    IMITATE = "imitate"
    """Mean squared distance to the target's outputs, over their variance."""

    CLASSIFY = "classify"
    """Cross-entropy of the labels, as searches are usually driven."""


@dataclass(frozen=True)
class RecoverySettings:
    """How hard to search.

    Attributes
    ----------
    num_steps, batch_size : int >= 1
    learning_rate : float > 0
        The learning rate of the first step; it falls to 0 along half a cosine.
    """

    start: Start = Start.RANDOM
    objective: Objective = Objective.IMITATE
    num_steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 0.1

    def __post_init__(self) -> None:
        for name in ("num_steps", "batch_size"):
            if getattr(self, name) < 1:
                raise InvalidInputError(name, got=getattr(self, name), allowed="an integer >= 1")
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidInputError(
                "learning_rate", got=self.learning_rate, allowed="finite and > 0"
            )


@dataclass(frozen=True, eq=False)
class Recovery(ByValue):
    """What a search has made of the source of a ground truth.

    Attributes
    ----------
    masks : tuple of bool arrays
        With as many kept weights in every layer as the truth's.
    network : TargetNetwork
        The source under these masks.
    agreement : Agreement
        How far 2^K times that network agrees with the target.
    overlap : MaskOverlap
        With the truth's masks.
    """

    masks: Masks
    network: TargetNetwork
    agreement: Agreement
    overlap: MaskOverlap

    def __repr__(self) -> str:
        kept = sum(int(mask.sum()) for mask in self.masks)
        return f"Recovery(keeps {kept:,} weights, overlap with the truth {self.overlap.iou:.4g})"


@in_default_state()
def recover(
    truth: GroundTruth,
    examples: Examples,
    *,
    seed: int,
    settings: RecoverySettings | None = None,
) -> Recovery:
    """Search the source of a ground truth by edge-popup, and compare what is found with the truth.

    Parameters
    ----------
    examples : Examples
        With labels, if the objective is to classify.
    seed : int in [0, 2^64)
        The seed of the scores and the batches.

    Raises
    ------
    InvalidInputError
        Examples without labels, or of another number of inputs.

    Notes
    -----
    Rigor: the masks keep exactly as many weights as the truth's; what is measured of the network is
    an estimate.  Cost: `num_steps` forward and backward passes.  Randomness: named streams.

    Source
    ------
    Edge-popup: `ramanujan2020`. Annealing: `fischer2022` (recalled).
    """
    settings = settings or RecoverySettings()
    _check_examples(truth, examples, settings)
    module = truth.source.to_module()
    handle = attach(module, EdgePopup(), density=1.0, seed=seed)
    if settings.start is Start.TRUTH:
        _raise_scores(handle, truth)
    with one_thread():  # small matrices are slower on several threads
        _descend(module, handle, truth, examples, settings=settings, seed=seed)
    masks = tuple(mask.numpy() for mask in handle.masks().values())
    network = masked_network(truth.source, masks)
    return Recovery(
        masks, network, agreement_of(network, truth, examples), mask_overlap(masks, truth.masks)
    )


def _descend(
    module: torch.nn.Module,
    handle: SearchHandle,
    truth: GroundTruth,
    examples: Examples,
    *,
    settings: RecoverySettings,
    seed: int,
) -> None:
    inputs, wanted, loss = _lesson(truth, examples, settings.objective)
    strategy = ScoreTraining(handle)
    optimizer = torch.optim.SGD(
        strategy.parameters(), lr=settings.learning_rate, momentum=_MOMENTUM, fused=True
    )
    densities = truth.densities
    schedule = Schedule.CUBIC if settings.start is Start.ANNEALED else Schedule.CONSTANT
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.num_steps)
    generator = named_generator(seed, name="ground truth batches")

    def batches() -> Iterator[Batch]:
        for step in range(settings.num_steps):
            progress = min(1.0, (step + 1) / (_ANNEALED_SHARE * settings.num_steps))
            for group, density in zip(handle.groups, densities, strict=True):
                group.set_density(schedule.density_at(progress, end=density))
            batch = torch.from_numpy(generator.integers(0, len(inputs), settings.batch_size))
            yield inputs[batch], wanted[batch]
            rates.step()  # once the step of this batch is done

    Loop(module, strategy, optimizer, loss=loss, max_gradient=_MAX_GRADIENT).run(batches())


def _lesson(
    truth: GroundTruth, examples: Examples, objective: Objective
) -> tuple[torch.Tensor, torch.Tensor, Loss]:
    """Return inputs, what the pruned source is to give there, and what it costs to be off."""
    inputs = torch.from_numpy(examples.train)
    if objective is Objective.CLASSIFY:
        return inputs, torch.from_numpy(examples.train_labels), cross_entropy
    wanted = outputs_of(truth.target, examples.train) * 2.0**-truth.output_exponent
    scale = variance(wanted)
    return inputs, wanted, lambda got, want: (got - want).square().sum(1).mean() / scale


@torch.no_grad()
def _raise_scores(handle: SearchHandle, truth: GroundTruth) -> None:
    """Halve all scores, then move those of the truth's mask outwards by half of the largest."""
    for layer, mask in zip(handle.layers.values(), truth.masks, strict=True):
        half = layer.scores.abs().max() / 2
        shift = half * torch.from_numpy(mask.copy())
        layer.scores.copy_(layer.scores / 2 + shift.copysign(layer.scores))


def _check_examples(truth: GroundTruth, examples: Examples, settings: RecoverySettings) -> None:
    if examples.train.shape[1:] != (truth.target.widths[0],):
        raise InvalidInputError(
            "examples",
            got=f"inputs of shape {examples.train.shape[1:]}",
            allowed=f"{truth.target.widths[0]} inputs, as the target",
        )
    if settings.objective is Objective.CLASSIFY and examples.train_labels is None:
        raise InvalidInputError("examples", got="no labels", allowed="labels, to classify")
