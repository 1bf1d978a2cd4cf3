"""The recipes, by id."""

from __future__ import annotations

from experiments.recipe import Recipe
from experiments.theory import (
    failure_probability,
    growth,
    packing_bound,
    parameters,
    pensia_existence,
    sample_size,
)

RECIPES: dict[str, Recipe] = {
    module.RECIPE.key: module.RECIPE
    for module in (
        sample_size,
        failure_probability,
        growth,
        packing_bound,
        parameters,
        pensia_existence,
    )
}
