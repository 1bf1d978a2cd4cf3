"""What a run has to say of itself, whatever it trains, and where it runs. Light to import."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from strongltn.errors import unknown_word

if TYPE_CHECKING:
    import torch

    from strongltn.datasets.images import Shape
    from strongltn.models.layers import ImageClassifier
    from strongltn.training.loop import Strategy


class Precision(Enum):
    """In which numbers the network computes; weights and scores are float32 in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """`torch.autocast`: products in bfloat16, for GPUs."""


class Execution(Enum):
    """How forward and backward pass run; results differ in rounding at most."""

    EAGER = "eager"
    COMPILED = "compiled"
    """Through `torch.compile`; GPUs only."""

    CAPTURED = "captured"
    """As a CUDA graph, whole batches only; GPUs only."""


class RunConfig(Protocol):
    """The settings of one run: a frozen value such as `strongltn.search.SearchConfig`.

    The run, its checkpoints and its records ask these questions and no others.
    """

    @property
    def method_name(self) -> str:
        """What is done, in a word: the name of a search, or "dense"."""

    @property
    def model(self) -> str:
        """The network, one of `MODEL_NAMES`."""

    @property
    def data(self) -> str:
        """The data set, one of `DATASET_NAMES`."""

    @property
    def seed(self) -> int:
        """The seed of all that is drawn, in [0, 2^64)."""

    @property
    def epochs(self) -> int:
        """How many times every training image is seen, at least once."""

    @property
    def batch_size(self) -> int:
        """How many images a step sees, at least one."""

    @property
    def momentum(self) -> float:
        """The momentum of the optimiser, in [0, 1)."""

    @property
    def weight_decay(self) -> float:
        """The weight decay of what is trained, >= 0."""

    @property
    def precision(self) -> Precision:
        """The numbers in which the network computes."""

    @property
    def is_steady(self) -> bool:
        """Whether every step runs the same operations, so that a CUDA graph can repeat them."""

    @property
    def identity(self) -> str:
        """The SHA-256 of all settings, in hexadecimal: two runs of one identity are the same."""

    @property
    def name(self) -> str:
        """A readable name for the directory of the run, different for every identity."""

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate in an epoch, counted from 0."""

    def density_at(self, epoch: int) -> float:
        """Return the fraction of the weights that is kept in an epoch, counted from 0."""

    def drawn_network(self, input_shape: Shape) -> ImageClassifier:
        """Return the network before its first step, on the CPU."""

    def strategy(self, network: ImageClassifier) -> Strategy:
        """Return what is trained of a network, which is prepared for it in place."""

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain JSON."""


def device_named(name: str) -> torch.device:
    """Return a device.

    Parameters
    ----------
    name
        "auto" (a GPU if torch sees one, else the CPU), "cpu", "cuda" or "cuda:NUMBER".

    Raises
    ------
    InvalidInputError
        Another name, or a GPU that torch does not see.
    """
    import torch

    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [f"cuda:{number}" for number in range(num_gpus)]
    known = {"auto": "cuda:0" if gpus else "cpu", "cpu": "cpu", **{gpu: gpu for gpu in gpus}}
    if gpus:
        known["cuda"] = gpus[0]
    if name not in known:
        raise unknown_word(
            "device", got=name, known=known, hint="" if gpus else "torch sees no GPU here."
        )
    return torch.device(known[name])
