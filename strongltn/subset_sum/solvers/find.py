"""All solvers there are: those of the files in this folder, and those that other packages bring."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from inspect import isabstract
from typing import Any

from strongltn.subset_sum import solvers
from strongltn.subset_sum.solvers.abstract import AbstractSolver
from strongltn.values.registered import with_registered

#: The group of entry points under which another package names its solver classes.
GROUP = "strongltn.solvers"


def find_solvers() -> dict[str, type[AbstractSolver[Any]]]:
    """Find every solver class, so that a new one is tested and listed without being named anywhere.

    A solver of this folder is found as soon as its file lies there. A package of its own names its
    class in its ``pyproject.toml``::

        [project.entry-points."strongltn.solvers"]
        MySolver = "my_package:MySolver"

    Returns
    -------
    dict
        The classes by name, in alphabetical order.

    Raises
    ------
    InvalidInputError
        An entry point names something that is no solver class, or two classes have one name.

    Notes
    -----
    Rigor: none.  Cost: imports every module here and every package that brings a solver; done only
    when asked for.  Randomness: none.

    Examples
    --------
    >>> [name for name in find_solvers() if name.startswith("S")]
    ['SchroeppelShamir', 'SingleWeight', 'Sparsest']
    """
    found = with_registered(
        ((solver.__name__, solver, solver.__module__) for solver in _solvers_here()),
        group=GROUP,
        name_of=lambda value: value.__name__ if _is_solver(value) else None,
        parameter="solver",
        allowed="a class derived from AbstractSolver, with all of its methods",
    )
    return dict(sorted(found.items()))


def _solvers_here() -> Iterator[type[AbstractSolver[Any]]]:
    for module in pkgutil.iter_modules(solvers.__path__, f"{solvers.__name__}."):
        for value in vars(import_module(module.name)).values():
            if _is_solver(value) and value.__module__ == module.name and value.__name__[0] != "_":
                yield value


def _is_solver(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, AbstractSolver) and not isabstract(value)
