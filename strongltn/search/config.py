"""What one run is: every setting that its result follows from, and the hash that names it.

Importing this module imports torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from strongltn.datasets.catalogue import DATASET_NAMES
from strongltn.datasets.images import Shape
from strongltn.errors import InvalidInputError, unknown_word
from strongltn.models.blocks import ImageClassifier
from strongltn.models.catalogue import MODEL_NAMES, model_named
from strongltn.models.density import check_density
from strongltn.models.diamonds import initialize_pensia
from strongltn.models.initialization import Init, initialize
from strongltn.rng import checked_seed
from strongltn.search.catalogue import (
    Dense,
    member_of,
    method_from_json,
    method_to_json,
    name_of,
    plain_value,
)
from strongltn.search.descent import ScoreTraining
from strongltn.search.handle import attach
from strongltn.search.method import AbstractMethod, AbstractSampledMethod, Scope
from strongltn.search.schedule import Schedule
from strongltn.training.config import Precision
from strongltn.training.strategy import AllWeights, Strategy
from strongltn.values.arguments import chosen, integer

SCHEMA = 1
"""Raised whenever the same settings come to mean something else."""


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
        for name, kind in _ENUMS.items():
            object.__setattr__(self, name, chosen(name, getattr(self, name), kind))
        check_density(self.density)
        object.__setattr__(self, "seed", checked_seed(self.seed))
        self._check_counts()
        self._check_rates()
        self._check_agreement()

    @property
    def method_name(self) -> str:
        """Name of the method, a key of `METHOD_TYPES`."""
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
        return self.schedule.down_to(self.density).density_at((epoch + 1) / self.epochs)

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
        for name, kind in _ENUMS.items():
            values[name] = member_of(kind, name, settings[name])
        return SearchConfig(**values)

    def _check_counts(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1)):
            object.__setattr__(self, name, integer(name, getattr(self, name), low=least))

    def _check_rates(self) -> None:
        allowed = {
            "density": "in (0, 1]",
            "learning_rate": "finite and > 0",
            "momentum": "in [0, 1)",
            "weight_decay": "finite and >= 0",
        }
        for name, text in allowed.items():
            value = getattr(self, name)
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not (is_number and 0 <= value < (1 if name == "momentum" else math.inf)):
                raise InvalidInputError(name, got=value, allowed=text)
            object.__setattr__(self, name, float(value))  # 1 and 1.0 have one identity
        if self.learning_rate == 0:
            raise InvalidInputError("learning_rate", got=0.0, allowed=allowed["learning_rate"])

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


_ENUMS: dict[str, type[Enum]] = {
    "init": Init,
    "scope": Scope,
    "schedule": Schedule,
    "precision": Precision,
}
