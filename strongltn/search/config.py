"""What one run is: every setting that its result follows from, and the hash that names it.

`SearchConfig` takes every setting; `settings_of` chooses those that the user does not name.

Importing this module imports torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from strongltn.datasets.catalogue import DATASET_NAMES
from strongltn.datasets.images import Shape
from strongltn.errors import InvalidInputError, unknown_word
from strongltn.models.blocks import ImageClassifier
from strongltn.models.catalogue import MODEL_NAMES, model_named
from strongltn.models.density import Schedule, Scope, check_density
from strongltn.models.diamonds import initialize_pensia
from strongltn.models.initialization import Init, initialize
from strongltn.rng import checked_seed
from strongltn.search.descent import ScoreTraining
from strongltn.search.handle import attach
from strongltn.search.method import (
    AbstractMethod,
    AbstractSampledMethod,
    Dense,
    method_from_json,
    method_to_json,
    name_of,
    plain_value,
    type_named,
)
from strongltn.search.methods.edge_popup import EdgePopup, InitialScores
from strongltn.training.config import Precision
from strongltn.training.strategy import AllWeights, Strategy
from strongltn.values.arguments import chosen, integer

SCHEMA = 1
"""It is raised whenever the same settings come to mean something else."""

#: The network of a data set where the user names none.
MODEL_OF = {"digits": "digits-fc", "mnist": "lenet-300-100", "cifar10": "conv2"}

_RATES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("finite and > 0", lambda rate: 0 < rate < math.inf),
    "momentum": ("in [0, 1)", lambda rate: 0 <= rate < 1),
    "weight_decay": ("finite and >= 0", lambda rate: 0 <= rate < math.inf),
}


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Name one search, or one dense training to compare it with, by all that its result depends on.

    Two runs of the same settings are the same experiment. Only rounding depends on more: on the
    device, the number of threads, the way of execution and the versions of libraries. Where these
    agree too, the bits agree (if the device adds in a fixed order, as CPUs do).

    Parameters
    ----------
    method
        A method of search, or `Dense`, which trains the weights themselves.
    model
        One of `MODEL_NAMES`. A diamond takes its published laws: `init` "kaiming-normal" here, and
        ``EdgePopup(initial=InitialScores.WEIGHT_SCALE)``.
    data
        One of `DATASET_NAMES`.
    density
        The fraction of weights that the mask keeps, in (0, 1]. `LearnedSupermask` starts every
        keep probability at it; a dense run needs 1.
    epochs
        How many times every training image is seen, at least once.
    batch_size
        How many images a step sees, at least one.
    learning_rate
        The learning rate of the first epoch, > 0. It falls to 0 along half a cosine, once an epoch.
    momentum
        The momentum of stochastic gradient descent, in [0, 1).
    weight_decay
        The weight decay of what is trained, >= 0: of the scores, for a search.
    init
        The law of the random weights.
    scope
        Where the density holds. `Dense` and `LearnedSupermask` need `Scope.LAYER`.
    schedule
        How the density comes down from 1. These two need `Schedule.CONSTANT`.
    precision
        The numbers in which the network computes.
    seed
        The seed, in [0, 2^64), of weights, scores, order of the images, augmentation and all draws
        of the method.

    Raises
    ------
    InvalidInputError
        A setting is out of range, or two of them contradict each other.
    """

    method: AbstractMethod | Dense
    model: str
    data: str
    density: float
    epochs: int
    seed: int
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    init: Init = Init.SIGNED_CONSTANT
    scope: Scope = Scope.LAYER
    schedule: Schedule = Schedule.CONSTANT
    precision: Precision = Precision.FLOAT32

    def __post_init__(self) -> None:
        name_of(self.method)  # refuses what is no method
        for name, known in (("model", MODEL_NAMES), ("data", DATASET_NAMES)):
            word = getattr(self, name)
            if word not in known:
                raise unknown_word(name, got=word, known=known)
        check_density(self.density)
        exact: dict[str, Any] = {"seed": checked_seed(self.seed), "density": float(self.density)}
        for field in fields(self):
            if isinstance(field.default, Enum):
                kind = type(field.default)
                exact[field.name] = chosen(field.name, getattr(self, field.name), kind)
        for name in ("epochs", "batch_size"):
            exact[name] = integer(name, getattr(self, name), low=1)
        for name, (allowed, is_right) in _RATES.items():
            rate = getattr(self, name)
            is_number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
            if not (is_number and is_right(rate)):
                raise InvalidInputError(name, got=rate, allowed=allowed)
            exact[name] = float(rate)  # 1 and 1.0 have one identity
        for name, value in exact.items():
            object.__setattr__(self, name, value)
        self._check_agreement()

    @property
    def method_name(self) -> str:
        """The name of the method: what `type_named` takes."""
        return name_of(self.method)

    @property
    def is_pensia(self) -> bool:
        """Whether the model is one of experiment 2 of Pensia et al.: a diamond or its "-wide"."""
        return self.model.endswith(("-diamond", "-wide"))

    @property
    def is_steady(self) -> bool:
        """Whether no mask is drawn at random and the density stands still."""
        is_sampled = isinstance(self.method, AbstractSampledMethod)
        return not is_sampled and self.schedule is Schedule.CONSTANT

    @property
    def identity(self) -> str:
        """SHA-256, in hexadecimal, of all settings and the version of their schema."""
        text = json.dumps(self.to_json(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def name(self) -> str:
        """A readable name of a directory, with the first 12 digits of the identity."""
        return f"{self.method_name}-{self.model}-{self.data}-{self.seed}-{self.identity[:12]}"

    def density_at(self, epoch: int) -> float:
        """Return the density in an epoch, counted from 0; in the last one it is `density`."""
        return self.schedule.density_at((epoch + 1) / self.epochs, end=self.density)

    def learning_rate_at(self, epoch: int) -> float:
        """Return the learning rate in an epoch, counted from 0."""
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def drawn_network(self, input_shape: Shape) -> ImageClassifier:
        """Return the random network before its first step, on the CPU."""
        network = model_named(self.model, input_shape=input_shape)
        if self.is_pensia:
            initialize_pensia(network, seed=self.seed)
        else:
            initialize(network, self.init, seed=self.seed, density=self.density)
        return network

    def strategy(self, network: ImageClassifier) -> Strategy:
        """Put the masks of the search over a network; a dense one stays as it is."""
        if isinstance(self.method, Dense):
            return AllWeights(network)
        handle = attach(
            network,
            self.method,
            density=self.density,
            seed=self.seed,
            scope=self.scope,
            names=network.searched,
        )
        return ScoreTraining(handle)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain JSON, the method with its parameters."""
        settings = {field.name: plain_value(getattr(self, field.name)) for field in fields(self)}
        return {"schema": SCHEMA, **settings, "method": method_to_json(self.method)}

    @staticmethod
    def from_json(settings: dict[str, Any]) -> SearchConfig:
        """Return the configuration that `to_json` has written.

        Raises
        ------
        InvalidInputError
            A setting is missing, unknown or out of range, or the schema is another.
        """
        names = [field.name for field in fields(SearchConfig)]
        if not isinstance(settings, dict) or settings.keys() != {"schema", *names}:
            raise InvalidInputError(
                "config", got=settings, allowed=f"an object with schema, {', '.join(names)}"
            )
        if settings["schema"] != SCHEMA:
            raise InvalidInputError("schema", got=settings["schema"], allowed=str(SCHEMA))
        values = {name: settings[name] for name in names}
        values["method"] = method_from_json(settings["method"])
        return SearchConfig(**values)

    def _check_agreement(self) -> None:
        if isinstance(self.method, Dense) and self.density != 1:
            raise InvalidInputError("density", got=self.density, allowed="1 for a dense network")
        if isinstance(self.method, Dense | AbstractSampledMethod):
            for name, only in (("scope", Scope.LAYER), ("schedule", Schedule.CONSTANT)):
                value = getattr(self, name)
                if value is not only:
                    raise InvalidInputError(
                        name,
                        got=value.value,
                        allowed=f"{only.value} for {self.method_name}, which selects no number of "
                        "weights",
                    )
        if self.is_pensia and self.init is not Init.KAIMING_NORMAL:
            raise InvalidInputError(
                "init",
                got=self.init.value,
                allowed=f"{Init.KAIMING_NORMAL.value} for {self.model}, as published",
            )
        method_init = getattr(self.method, "init", self.init)
        if method_init is not self.init:
            raise InvalidInputError(
                "init", got=self.init.value, allowed=f"that of the method, {method_init.value}"
            )


def settings_of(
    method: str,
    *,
    data: str = "digits",
    model: str | None = None,
    epochs: int = 20,
    seed: int = 0,
    **settings: Any,
) -> SearchConfig:
    """Return a configuration in which what is not given has a value that fits the method.

    Parameters
    ----------
    method
        The name of a method, or "dense".
    data, epochs, seed
        As in `SearchConfig`.
    model
        The network by its name; by default a small one for the data.
    **settings
        Any other setting of `SearchConfig` by its name; None stands for the default.

    Raises
    ------
    InvalidInputError
        A name is unknown or a setting out of range.

    Notes
    -----
    Density 1/2, SGD and cosine as edge-popup was published (`ramanujan2020`); the learning rate of
    the learned supermask as in `zhou2019` (recalled). Networks of `pensia2020` take weight decay
    5e-4, batches of 64, learning rate 0.1 or, for LeNet-5, 0.01.

    Examples
    --------
    >>> config = settings_of("edge-popup", epochs=3)
    >>> config.model, config.density
    ('digits-fc', 0.5)
    """
    value = type_named(method)()
    known = {"density": 0.5, **value.settings}
    model = MODEL_OF.get(data, "digits-fc") if model is None else model
    if model.endswith(("-diamond", "-wide")):
        known |= {"init": Init.KAIMING_NORMAL, "weight_decay": 5e-4, "batch_size": 64}
        if model.startswith("lenet-5"):
            known |= {"learning_rate": 0.01}
        if model.endswith("-diamond") and isinstance(value, EdgePopup):
            value = replace(value, initial=InitialScores.WEIGHT_SCALE)
    known |= {name: setting for name, setting in settings.items() if setting is not None}
    if "init" in vars(value):  # a method that draws weights, too
        value = replace(value, init=known["init"])  # type: ignore[type-var]
    return SearchConfig(method=value, model=model, data=data, epochs=epochs, seed=seed, **known)
