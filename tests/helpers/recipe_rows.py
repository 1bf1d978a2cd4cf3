"""Rows of every recipe as it writes them, with numbers that nobody has measured."""

from collections.abc import Callable
from functools import partial
from itertools import product

import strongltn_experiments
from strongltn.recipes.found import recipes_in
from strongltn.recipes.recipe import AbstractRecipe, Effort, Row
from strongltn_experiments.search import edge_popup_cifar10, edge_popup_density, ground_truth
from strongltn_experiments.search import pensia2020_experiment2 as experiment2
from strongltn_experiments.theory import (
    failure_probability,
    growth,
    packing_bound,
    parameters,
    sample_size,
)
from strongltn_experiments.theory import pensia_existence as existence

#: All recipes that come with strongltn, by id.
RECIPES = {found.recipe.key: found.recipe for found in recipes_in(strongltn_experiments, [])}
FC2, FC4, LENET5 = experiment2.RECIPES


def sample_size_rows() -> list[Row]:
    """Theorems within a factor of 5 of one another, and measurements that agree with them."""
    rows: list[Row] = []
    places = ("law", "window", "exponent")
    for values in product(("uniform", "product"), ("half", "unit"), (4, 8, 12)):
        place: Row = dict(zip(places, values, strict=True))
        k = place["exponent"]
        for number, theorem in enumerate(sample_size.RECIPE.theorems):
            row = {"kind": "proved", **place, "theorem": theorem, "title": f"Title of {theorem}"}
            if theorem == "Cover.LowerBound":
                rows.append(row | {"necessary_samples": 5 + k})
            elif theorem == "Cover.Mixture":
                rows.append(row | {"does_not_apply": "law must be another"})
            else:
                far = 10 if theorem == "Lueker1998.Corollary3_3" else 1
                rows.append(row | {"num_samples": far * (20 + (3 + number) * k)})
        measured = {"num_samples": 6 + k, "lower": 4 + k, "upper": 8 + k}
        rows.append({"kind": "measured", **place, **measured, "confidence": 0.99, "trials": 2000})
    return rows


def failure_probability_rows() -> list[Row]:
    """Rates of 0.5 a sample between proved rates of 0.8 and 0.45, in 20,000 trials."""
    rows: list[Row] = []
    for law, (trials, last) in product(("uniform", "product"), ((20_000, 40),)):
        for curve, rate in (
            ("dynamic program", 0.8),
            ("(3/4)^n", 0.9),
            ("proved lower bound", 0.45),
        ):
            for n in range(1, last + 1):
                value = rate**n / (2 if rate < 0.5 else 1)
                rows.append({"kind": "proved", "law": law, "n": n, "curve": curve, "value": value})
        for n in range(1, 20):
            failures = round(trials * 0.5**n)
            value = failures / trials
            limits = {"lower": value / 2, "upper": min(1.0, 2 * value + 1e-4)}
            row = {"kind": "measured", "law": law, "n": n, "curve": "measured", "value": value}
            rows.append(row | limits | {"failures": failures, "trials": trials})
    return rows


def growth_rows() -> list[Row]:
    """Paths that double and then stop; a growth twice the proved one."""
    rows: list[Row] = []
    for law in ("uniform", "product"):
        for quantile, t in product((0.01, 0.5, 0.99), range(41)):
            fraction = min(1.0, 0.01 * (1 + quantile) ** t)
            rows.append({"law": law, "curve": "quantile", "quantile": quantile, "t": t})
            rows[-1]["fraction"] = fraction
        for trial, t in product(range(3), range(41)):
            fraction = min(1.0, 0.01 * (1.3 + trial / 10) ** t)
            rows.append({"law": law, "curve": "path", "trial": trial, "t": t})
            rows[-1]["fraction"] = fraction
        for step in range(65):
            v = step / 64
            rows.append({"law": law, "curve": "bound", "fraction": v, "growth": v * (1 - v) / 4})
        for step in range(20):
            v = (step + 0.5) / 20
            row = {"law": law, "curve": "drift", "fraction": v, "growth": v * (1 - v) / 2}
            rows.append(row | {"standard_error": 0.001, "count": 100})
    return rows


def packing_bound_rows() -> list[Row]:
    """Promises of 1,000 times the bound, constructions of 10 to 100 times, one epsilon missed."""
    rows: list[Row] = []
    for k in (2, 6, 10):
        needed = 64 * (k - 1)
        place = {"kind": "proved", "size": 8, "exponent": k}
        for theorem in packing_bound.RECIPE.theorems:
            row = {**place, "theorem": theorem, "title": theorem}
            is_floor = theorem == "Pensia2020.Theorem2"
            name = "necessary_parameters" if is_floor else "num_parameters"
            rows.append(row | {name: needed if is_floor else 1000 * needed})
        for times, name in enumerate(("linear-diamond", "relu-diamond", "single-weight"), start=1):
            row = {"kind": "built", "construction": name, "size": 8, "exponent": k, "seed": 0}
            is_within = (name, k) != ("relu-diamond", 10)
            rows.append(row | {"source_weights": 10 * times * needed, "is_within": is_within})
    return rows


def parameters_rows() -> list[Row]:
    """The order of the papers."""
    sizes = (1e18, 1e13, 4e9, 3e9, 2e9, 1e9, 1e11)
    *theorems, floor = parameters.RECIPE.theorems
    rows: list[Row] = []
    for k in (1, 3, 5, 7):
        for theorem, size in zip(theorems, sizes, strict=True):
            rows.append({"exponent": k, "theorem": theorem, "num_parameters": int(size) * k})
        rows.append({"exponent": k, "theorem": floor, "necessary_parameters": 8000 * (k - 1)})
    return rows


def existence_rows() -> list[Row]:
    """Sources from 64 neurons an input on succeed, with fewer they fail; 16 promised 64 and 256."""
    rows: list[Row] = []
    for widths, epsilon in product(((4, 3, 2), (6, 8, 3)), ("1/10", "1/100")):
        place = {"widths": list(widths), "epsilon": epsilon, "failure_probability": "1/10"}
        for theorem, n in (("Theorem1Explicit", 256), ("Theorem1Rearranged", 64)):
            row: Row = {"kind": "promised", "theorem": f"Pensia2020.{theorem}", "neurons": [n, n]}
            rows.append(row | place)
        rows += [
            {"kind": "necessary", "reason": reason, "neurons": [9]} | place
            for reason in existence._REASONS
        ]
    for widths, n, seed in product(((4, 3, 2), (6, 8, 3)), (16, 32, 64, 256), range(60)):
        is_within = n >= 64
        row = {"kind": "source", "widths": list(widths), "neurons": [n, n], "seed": seed}
        bounds = (0.001, 0.0005) if is_within else (1.0, 0.005 if seed % 2 else 0.5)
        rows.append(row | dict(zip(("upper_bound", "lower_bound"), bounds, strict=True)))
    return rows


def search_rows(
    recipe: AbstractRecipe,
    *,
    effort: Effort = Effort.FULL,
    accuracy: Callable[[Row], float | None] = lambda part: 0.5,
) -> list[Row]:
    """Rows as `run_part` gives them; None as accuracy is a run that diverged."""
    rows: list[Row] = []
    for part in recipe.parts(effort):
        row = {name: part[name] for name in ("model", "data", "density", "epochs", "seed")}
        row |= {"method": part["method"]["name"], "batch_size": 100}
        if accuracy(part) is None:
            rows.append({**row, "diverged_after": 3})
            continue
        found = {"test_accuracy": accuracy(part), "best_test_accuracy": 0.99}
        found |= {"num_kept": round(1000 * part["density"]), "num_weights": 1000}
        work = {"seconds": 60.0, "steps_per_second": 20.0}
        rows.append({**row, **found, **work, "device": "cpu", "threads": 1})
    return rows


def as_dense(part: Row) -> float:
    """Every run near the dense one, a little better at half of the weights."""
    return 0.96 + 0.01 * float(part["density"] == 0.5) + int(part["seed"]) / 1000


def ground_truth_rows() -> list[Row]:
    """All that exists is found at the scores of the truth, nothing from elsewhere."""
    rows: list[Row] = []
    for part in ground_truth.RECIPE.parts(Effort.QUICK):
        if part["kind"] == "certified":
            bounds = {"upper_bound": 150.0, "lower_bound": 40.0, "dense_upper_bound": 140.0}
            found = {"found_accuracy": 0.93, "dense_accuracy": 0.96, "dense_lower_bound": 44.0}
        else:
            is_truth = part["start"] == "truth"
            bounds = {"iou": 0.0 if is_truth else 0.02, "iou_by_chance": 0.02, "accuracy": 0.4}
            found = {"unexplained": 0.0 if is_truth else 1.2, "truth_unexplained": 1e-13}
            found["truth_accuracy"] = 0.9
        rows.append(part | bounds | found)
    return rows


ROWS: dict[str, Callable[[], list[Row]]] = {
    sample_size.RECIPE.key: sample_size_rows,
    failure_probability.RECIPE.key: failure_probability_rows,
    growth.RECIPE.key: growth_rows,
    packing_bound.RECIPE.key: packing_bound_rows,
    parameters.RECIPE.key: parameters_rows,
    existence.RECIPE.key: existence_rows,
    ground_truth.RECIPE.key: ground_truth_rows,
    **{
        recipe.key: partial(search_rows, recipe, accuracy=as_dense)
        for recipe in (
            *experiment2.RECIPES,
            edge_popup_density.RECIPE,
            edge_popup_cifar10.RECIPE,
        )
    },
}
