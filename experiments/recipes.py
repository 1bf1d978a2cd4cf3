"""The recipes, by id."""

from __future__ import annotations

from experiments.recipe import AbstractRecipe
from experiments.search import (
    edge_popup_cifar10,
    edge_popup_density,
    ground_truth,
    pensia2020_experiment2,
)
from experiments.theory import (
    failure_probability,
    growth,
    packing_bound,
    parameters,
    pensia_existence,
    sample_size,
)

RECIPES: dict[str, AbstractRecipe] = {
    recipe.key: recipe
    for recipe in (
        sample_size.RECIPE,
        failure_probability.RECIPE,
        growth.RECIPE,
        packing_bound.RECIPE,
        parameters.RECIPE,
        pensia_existence.RECIPE,
        *pensia2020_experiment2.RECIPES,
        edge_popup_density.RECIPE,
        edge_popup_cifar10.RECIPE,
        ground_truth.RECIPE,
    )
}
