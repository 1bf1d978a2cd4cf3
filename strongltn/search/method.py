"""What a search method is, and all that there are, by their names. Light to import.

A method is a frozen dataclass that says how scores start, which mask they give, and what weight the
network then has; its repr is the record. The scores are the only thing trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, final

from strongltn.errors import InvalidInputError, unknown_word
from strongltn.models.initialization import Init
from strongltn.search import methods
from strongltn.values.arguments import chosen

if TYPE_CHECKING:
    import numpy as np
    import torch

    from strongltn.models.initialization import LayerStreams

#: The group of entry points under which another package names its methods.
GROUP = "strongltn.methods"


class ScoredLayer(Protocol):
    """What a method may ask of a layer after a step, in order to change its scores or weights."""

    @property
    def scores(self) -> torch.nn.Parameter:
        """What is trained, in the shape of the weight."""

    @property
    def streams(self) -> LayerStreams:
        """The random streams of the layer."""

    @property
    def selected_density(self) -> float:
        """The density that is selected for at present, in (0, 1]."""

    def selected_mask(self) -> torch.Tensor:
        """Return the mask of the scores as they are now; it changes with the next selection."""


class AbstractMethod(ABC):
    """A way of searching for a mask: derive a frozen dataclass from this.

    Only `name` and `initial_scores` have to be given; the network then has the weight mask * weight
    with a straight-through gradient of the scores. A field `init` is the law of the weights that
    the method draws itself: a run gives it its own.

    Attributes
    ----------
    name
        What the command line and the records call the method, such as "edge-popup".
    settings
        What a run of the method sets otherwise than `SearchConfig`, where the user says nothing.
    """

    name: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}

    @property
    def by_magnitude(self) -> bool:
        """Whether |score| ranks, not the score."""
        return False

    @property
    def masks_weight(self) -> bool:
        """Whether the weight is mask * weight, and nothing else moves the scores but its gradient.

        `ScoreSGD` then takes the gradient itself, in one pass over the memory.
        """
        kind = type(self)
        is_plain = kind.effective_weight is AbstractMethod.effective_weight
        has_penalty = kind.penalty is not AbstractMethod.penalty
        return is_plain and not has_penalty and not isinstance(self, AbstractSampledMethod)

    @abstractmethod
    def initial_scores(
        self, weight: torch.Tensor, *, density: float, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return the first scores: shape, type and device of the weight."""

    def effective_weight(
        self, weight: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return the weight that the network has, differentiable in the scores."""
        return self.masked(weight, scores, mask)

    @final
    def masked(
        self, values: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return mask * values with the straight-through gradient of the scores."""
        from strongltn.search.straight_through import straight_through

        return straight_through(scores, values, mask, by_magnitude=self.by_magnitude)

    def penalty(self, scores: torch.Tensor) -> torch.Tensor:
        """Return what the scores of one layer add to the loss; by default nothing."""
        return scores.new_zeros(())

    def after_step(self, weight: torch.Tensor, layer: ScoredLayer, *, num_steps: int) -> None:
        """Change scores or frozen weight of a layer in place, after step number `num_steps` >= 1.

        It is called without gradients. By default nothing happens.
        """
        return


class AbstractSampledMethod(AbstractMethod):
    """A method whose masks are drawn at random: the scores say how many weights they keep."""

    @abstractmethod
    def drawn_mask(self, scores: torch.Tensor, *, key: int) -> torch.Tensor:
        """Return the mask of one training step, a function of scores and key."""

    @abstractmethod
    def standing_mask(
        self, scores: torch.Tensor, *, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return the mask of evaluation: one draw, a function of the scores and the stream."""


@dataclass(frozen=True)
class Dense:
    """Train all weights of the network and prune none: what a search is compared with."""

    name: ClassVar[str] = "dense"
    settings: ClassVar[Mapping[str, Any]] = {"density": 1.0, "init": Init.KAIMING_NORMAL}


def method_names() -> tuple[str, ...]:
    """Return the names of all methods of search; no package of another is imported for that.

    The methods of this package are the classes in the files of `strongltn.search.methods`. A
    package of its own names each of its classes in its ``pyproject.toml``::

        [project.entry-points."strongltn.methods"]
        my-method = "my_package:MyMethod"

    Examples
    --------
    >>> method_names()[:2]
    ('edge-popup', 'biprop')
    """
    ours = (kind.name for kind in _methods_here())
    return tuple(dict.fromkeys((*ours, *(entry.name for entry in _methods_of_others()))))


def type_named(name: str) -> type[AbstractMethod | Dense]:
    """Return the type of a method, or `Dense`.

    Raises
    ------
    InvalidInputError
        There is no such method, or there are two, or an entry point names something else.
    """
    ours: tuple[type[AbstractMethod | Dense], ...] = (*_methods_here(), Dense)
    found: list[Any] = [kind for kind in ours if kind.name == name]
    found += [entry.load() for entry in _methods_of_others() if entry.name == name]
    if not found:
        raise unknown_word("method", got=name, known=(*method_names(), Dense.name))
    kind = found[0]
    if len(found) > 1:
        got = f"{name}, the name of both {kind.__qualname__} and {found[1].__qualname__}"
        raise InvalidInputError("method", got=got, allowed="one class of a name")
    if kind is not Dense and not (_is_method(kind) and kind.name == name):
        raise InvalidInputError(
            "method",
            got=f"{kind!r}, which an entry point of the group {GROUP} calls {name}",
            allowed="a class derived from AbstractMethod, with this name",
        )
    return kind  # type: ignore[no-any-return]


def name_of(method: AbstractMethod | Dense) -> str:
    """Return the name of a method, one that `type_named` takes.

    Raises
    ------
    InvalidInputError
        It is of none of the types that are found.
    """
    name = getattr(method, "name", None)
    if name is None or type_named(name) is not type(method):
        known = ", ".join((*method_names(), Dense.name))
        raise InvalidInputError("method", got=method, allowed=f"one of {known}")
    return str(name)


def method_to_json(method: AbstractMethod | Dense) -> dict[str, Any]:
    """Return name and parameters."""
    parameters = {name: plain_value(value) for name, value in vars(method).items()}
    return {"name": name_of(method), **parameters}


def method_from_json(settings: dict[str, Any]) -> AbstractMethod | Dense:
    """Return the method that `method_to_json` has written.

    Raises
    ------
    InvalidInputError
        An unknown name; a parameter that is missing, unknown or out of range.
    """
    parameters = dict(settings)
    kind = type_named(parameters.pop("name", ""))
    defaults = vars(kind())
    if parameters.keys() != defaults.keys():
        raise InvalidInputError(
            "method", got=settings, allowed=f"an object with {', '.join(['name', *defaults])}"
        )
    for name, default in defaults.items():
        if isinstance(default, Enum):
            parameters[name] = chosen(name, parameters[name], type(default))
    return kind(**parameters)


def plain_value(value: object) -> object:
    """Return a setting as JSON holds it."""
    return value.value if isinstance(value, Enum) else value


@cache
def _methods_here() -> tuple[type[AbstractMethod], ...]:
    """Return the classes in the files of the folder, in the order in which they stand there."""
    return tuple(
        value
        for place in iter_modules(methods.__path__, f"{methods.__name__}.")
        for value in vars(import_module(place.name)).values()
        if _is_method(value) and value.__module__ == place.name
    )


@cache
def _methods_of_others() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def _is_method(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, AbstractMethod) and not isabstract(value)
