"""What a recipe is: a question, the work that answers it in parts, the answer, and its figure.

Running one writes, in ``OUT/ID/``, with the effort as the name of the files: JSONL, a line for each
part as soon as it is done; CSV, a line a row; and the figure as PNG, SVG and PDF. Figure and answer
are made from the JSONL alone. A part that is in the file is not computed again, so that a run can
be stopped at any moment and repeated at no cost. Parts that take long keep files in
``OUT/ID/EFFORT/`` while they are computed, and are spread over the workers of any
``concurrent.futures.Executor``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.recipes.answer import Answer
from strongltn.theorems.promises import conditions_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A JSON object: the settings of a part, or one row of results.
Row = dict[str, Any]

#: Computes the rows of one part.
Task = Callable[[], list[Row]]


class Effort(Enum):
    """How much work: seconds, or minutes."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Tier:
    """What an effort costs: on two cores that others used as well, if nothing else is said.

    Attributes
    ----------
    seconds : float
    basis : str
        Where that number comes from: ``measured``, or ``estimated`` from shorter runs.
    needs : tuple of str
        What must be there besides strongltn: data, a GPU.
    """

    seconds: float
    basis: str = "measured"
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        number, unit = self.seconds, "s"
        for larger, size in (("min", 60), ("h", 60)):
            if number >= 2 * size:
                number, unit = number / size, larger
        needs = f", needs {' and '.join(self.needs)}" if self.needs else ""
        shown = f"{number:.0f}" if number >= 10 else f"{number:.2g}"
        return f"{shown} {unit} ({self.basis}){needs}"

    def to_json(self) -> Row:
        """Return the fields, and all of them as one text."""
        return {
            "seconds": self.seconds,
            "basis": self.basis,
            "needs": list(self.needs),
            "text": str(self),
        }


@dataclass(frozen=True, kw_only=True)
class AbstractRecipe(ABC):
    """One question and all that is needed to answer it again.

    Attributes
    ----------
    key : str
        The id: lower case, digits and hyphens.
    question : str
        One sentence.
    source : str
        Keys of ``references.bib``, or what else the question comes from.
    published : tuple of dict
        Values that others have published, each with its source; may be empty.
    version : int
        The version of the recipe: a new one where the same settings would give other rows.
    parts : callable
        Effort -> the settings of all parts, each a JSON object: the whole configuration.
    draw : callable
        All rows -> figure.
    answer : callable
        All rows -> what they say to the question.
    tiers : mapping from Effort to Tier
        What each effort costs and needs.
    theorems : tuple of str
        Keys of the theorems whose numbers are drawn: these hold under their conditions only.
    """

    key: str
    question: str
    source: str
    version: int
    parts: Callable[[Effort], list[Row]]
    draw: Callable[[list[Row]], Figure]
    answer: Callable[[list[Row]], Answer]
    tiers: Mapping[Effort, Tier]
    theorems: tuple[str, ...] = ()
    published: tuple[Row, ...] = ()

    @abstractmethod
    def task(self, part: Row, folder: Path) -> Task:
        """Return what computes a part; the folder is there for what it must not lose."""

    def workers(self, num_parts: int) -> AbstractContextManager[Executor | None]:
        """Return where the parts are computed: None is this process, one part after the other."""
        return nullcontext()

    def num_steps(self, part: Row) -> int:
        """Return of how many steps a part is, for the progress."""
        return 1

    def num_steps_done(self, part: Row, folder: Path) -> int:
        """Return how many of them are done of a part that is not done."""
        return 0

    def to_json(self) -> Row:
        """Return what is known of the recipe before it is run."""
        return {
            "id": self.key,
            "question": self.question,
            "source": self.source,
            "tiers": {effort.value: self.tiers[effort].to_json() for effort in Effort},
            "theorems": list(self.theorems),
            "conditions": self.conditions(),
            "published": list(self.published),
        }

    def conditions(self) -> list[str]:
        """Return under which conditions the numbers of the theorems hold; none without theorems."""
        return conditions_named(self.theorems)


@dataclass(frozen=True, kw_only=True)
class Recipe(AbstractRecipe):
    """A recipe of short parts, computed in this process.

    Attributes
    ----------
    compute : callable
        The settings of one part -> its rows, JSON objects; a pure function.
    """

    compute: Callable[[Row], list[Row]]

    def task(self, part: Row, folder: Path) -> Task:
        """Return what computes a part; no files are needed."""
        return partial(self.compute, part)


def rows_where(rows: Iterable[Row], **values: Any) -> Iterator[Row]:
    """Yield the rows that have these values."""
    for row in rows:
        if all(row.get(name) == value for name, value in values.items()):
            yield row
