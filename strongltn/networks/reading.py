"""How a target network was read: what was seen, what was assumed, and what was compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Likeness:
    """How far a network is from outputs that its author computed.

    Attributes
    ----------
    num_inputs : int >= 1
        The number of inputs on which both were compared.
    largest_difference : float >= 0
        The largest absolute difference of an output.
    rounding : str
        The arithmetic whose rounding explains differences of that size, such as float32.
    tells_relu : bool
        Whether the outputs would differ without the ReLUs; otherwise they say nothing of them.
    """

    num_inputs: int
    largest_difference: float
    rounding: str
    tells_relu: bool

    def __str__(self) -> str:
        text = (
            f"On {self.num_inputs:,} inputs its outputs are the author's up to "
            f"{self.largest_difference:.3g}, which rounding in {self.rounding} explains."
        )
        if not self.tells_relu:
            text += " So they are without the ReLUs: these inputs say nothing of them."
        return text


@dataclass(frozen=True)
class Reading:
    """How a target network was read from a file or a module.

    Attributes
    ----------
    sentences : tuple of str
        Where the order of the layers comes from, whether the ReLUs were seen or assumed, what else
        was understood. Empty for a network that was put together in Python.
    likeness : Likeness, optional
        The comparison with its author's own outputs.
    """

    sentences: tuple[str, ...] = ()
    likeness: Likeness | None = None

    def __repr__(self) -> str:
        text = str(self)
        return f"Reading({text if len(text) <= 120 else text[:117] + '...'!r})"

    def __str__(self) -> str:
        last = () if self.likeness is None else (str(self.likeness),)
        return " ".join(self.sentences + last)


def short_list(entries: Sequence[object], between: str, *, most: int = 12) -> str:
    """Return the entries of a sequence in a row, and of a long one the first and the last.

    Examples
    --------
    >>> short_list((784, 500, 10), "-")
    '784-500-10'
    """
    if len(entries) > most:
        entries = (*entries[: most // 2], "...", *entries[-(most // 2) :])
    return between.join(map(str, entries))


def short_name(name: str) -> str:
    """Return a layer's name in printable ASCII, its middle left out if it is long."""
    text = shown(name)
    return text if len(text) <= 40 else f"{text[:20]}...{text[-17:]}"


def shown(name: str) -> str:
    """Return the name of a layer in printable ASCII: names are whatever a stranger's file holds."""
    return name.encode("unicode_escape").decode("ascii")
