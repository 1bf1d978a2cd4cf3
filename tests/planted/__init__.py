"""Errors planted in the claims of `proofs_check`, to see that every check can fail.

A file of this package holds the plants of a few claims as a tuple ``PLANTS``; a new file is found
by itself. `error` says what a plant is, tests/unit/test_planted_errors.py plants each one.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from planted.error import PlantedError

#: Every planted error, in the order of the claims' ids.
PLANTS: tuple[PlantedError, ...] = tuple(
    sorted(
        (
            plant
            for module in iter_modules(__path__)
            if module.name != "error"
            for plant in import_module(f"planted.{module.name}").PLANTS
        ),
        key=lambda plant: plant.claim,
    )
)
