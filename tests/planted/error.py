"""What a planted error is: one wrong value or function in place of the true one."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from types import FunctionType
from typing import Any


@dataclass(frozen=True)
class PlantedError:
    """One error that the check of one claim must notice in quick mode.

    Attributes
    ----------
    claim : str
        The id of the claim whose check alone is run.
    what : str
        The error in plain English, as in "the drift is taken as 0.55 v(1-v) instead of 0.5".
    module : str
        The module of `proofs_check.claims` in which the name is looked up when the check runs. A
        function that another module imports by name is planted in that other module.
    name : str
        The attribute of that module; a dot leads into a class, as in ``Program.of``.
    wrong : function of the true value
        It returns what is planted: ``lambda true: 3`` for a value of its own,
        ``lambda true: lambda n: true(n + 1)`` for a function that wraps the true one, and
        ``edited("<=", "<")`` for the true function with a piece of its text replaced.
    is_small : bool
        Whether the error is within ten per cent, or one unit, of the truth.
    """

    claim: str
    what: str
    module: str
    name: str
    wrong: Callable[[Any], Any]
    is_small: bool = False

    @property
    def label(self) -> str:
        """The id of the test: the same on every worker."""
        return f"{self.claim}-{re.sub('[^A-Za-z0-9.]+', '-', self.what).strip('-')}"

    def plant(self, monkeypatch: Any) -> None:
        """Put the wrong value in place until `monkeypatch` ends."""
        *path, name = self.name.split(".")
        home = reduce(getattr, path, import_module(f"proofs_check.claims.{self.module}"))
        monkeypatch.setattr(home, name, self.wrong(getattr(home, name)))


def edited(old: str, new: str) -> Callable[[Any], Any]:
    """Return a `wrong` for functions: the same source with `old`, found once, made `new`."""

    def wrong(true: Any) -> Any:
        true = inspect.unwrap(true)
        source = textwrap.dedent(inspect.getsource(true))
        if source.count(old) != 1:
            raise ValueError(f"{old!r} is {source.count(old)} times in {true.__qualname__}")
        scope = dict(true.__globals__)
        exec("from __future__ import annotations\n" + source.replace(old, new), scope)
        changed = scope[true.__name__]
        function = getattr(changed, "__func__", changed)  # of a static method
        # The globals of the module itself: another plant in it must be seen.
        planted = FunctionType(
            function.__code__, true.__globals__, function.__name__, function.__defaults__
        )
        planted.__kwdefaults__ = function.__kwdefaults__
        return staticmethod(planted) if isinstance(changed, staticmethod) else planted

    return wrong
