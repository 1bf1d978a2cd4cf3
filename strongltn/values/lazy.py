"""Names of a package that are imported when they are first used, and what waits for an import.

A package lists its names twice: under ``TYPE_CHECKING``, where type checkers and editors look, and
in a table of homes for the running program. A test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

_WAITING: dict[str, list[Callable[[], None]]] = {}
_IMPORTED: set[str] = set()


def when_imported(module: str, call: Callable[[], None]) -> None:
    """Call a function once a module of ours has been imported: now, or when it says `imported`."""
    if module in _IMPORTED:
        call()
    else:
        _WAITING.setdefault(module, []).append(call)


def imported(module: str) -> None:
    """Say, at the end of a module, that it has been imported."""
    _IMPORTED.add(module)
    for call in _WAITING.pop(module, []):
        call()


def lazy_names(
    package: str, homes: Mapping[str, str], *, modules: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping from names to modules
        The module that has each public name.
    modules : collection of str
        Modules of the package that are imported by the same access.
    """

    def get(name: str) -> Any:
        if name in homes:
            return getattr(import_module(homes[name]), name)
        if name in modules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        private = ("_", "TYPE_CHECKING", "annotations", "lazy_names")
        own = {name for name in vars(sys.modules[package]) if not name.startswith(private)}
        special = {name for name in vars(sys.modules[package]) if name.startswith("__")}
        return sorted(own | special | homes.keys() | set(modules))

    return get, names
