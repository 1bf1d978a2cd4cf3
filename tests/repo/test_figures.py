"""Every figure of every recipe and of the package keeps to the rules of its style."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from figure_rules import violations
from recipe_rows import FC2, LENET5, RECIPES, ROWS, search_rows

from strongltn.bench import figure as bench_figure
from strongltn.bench.record import last_report
from strongltn.figures import account, weight_errors
from strongltn.figures import gadget as gadget_figure
from strongltn.figures.style import LOOKS, Look, add_legend, draw_line, new_figure
from strongltn.pipeline import demo
from strongltn.rng import WeightLaw
from strongltn.subset_sum.solvers import MeetInTheMiddle, SingleWeight
from strongltn_experiments.search import pensia2020_experiment2

ROOT = Path(__file__).parents[2]
BEYOND = "arrow: beyond the axis, drawn at its edge"


@pytest.mark.parametrize("key", RECIPES)
def test_figures_of_recipes_keep_to_the_rules(key):
    """Also with rows that a recipe of searches writes of runs that diverged."""
    assert violations(RECIPES[key].draw(ROWS[key]())) == []


@pytest.mark.parametrize("recipe", [RECIPES["edge-popup-density"], RECIPES["edge-popup-cifar10"]])
def test_figures_with_runs_that_diverged(recipe):
    rows = search_rows(recipe, accuracy=lambda part: None if part["density"] == 0.5 else 0.9)
    assert violations(recipe.draw(rows)) == []


def test_a_figure_of_two_networks():
    figure = pensia2020_experiment2.draw(search_rows(LENET5) + search_rows(FC2))
    assert violations(figure) == []


@pytest.fixture
def drawn(monkeypatch):
    """Call a function that draws; return the figure that it would write."""
    figures = []
    for module in (weight_errors, account, gadget_figure, bench_figure):
        monkeypatch.setattr(module, "write_figure", lambda found, path: figures.append(found) or [])

    def call(plot, *arguments, **options):
        plot(*arguments, path=Path("nowhere"), **options)
        return figures.pop()

    return call


def test_the_errors_of_weights(drawn):
    targets, law = np.linspace(-0.5, 0.5, 20), WeightLaw.UNIFORM
    single, subset = (
        weight_errors.measure_errors(targets, sizes, solver=solver, law=law, seed=0)
        for sizes, solver in (([1, 4, 16], SingleWeight()), ([2, 6, 10], MeetInTheMiddle()))
    )
    assert violations(drawn(weight_errors.plot_errors, targets, single, subset, law=law)) == []


def test_the_diamond_is_near_to_its_weight_and_no_label_is_on_an_edge(drawn):
    """The drawn example is the best of its seeds, and says so."""
    tickets = {seed: demo.gadget_ticket(seed) for seed in range(30)}
    errors = {seed: gadget_error(ticket) for seed, ticket in tickets.items()}
    assert min(errors, key=errors.get) == demo._GADGET_SEED
    assert errors[demo._GADGET_SEED] < 0.001
    figure = drawn(gadget_figure.plot_gadget, tickets[demo._GADGET_SEED], target=0.3)
    assert violations(figure) == []
    (axes,) = figure.axes
    labels = [text for text in axes.texts if "=" in text.get_text()]
    assert len(labels) == 2 * demo._GADGET_SAMPLES
    edges = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(edges) == 2 * len(labels)
    for label in labels:
        box = label.get_window_extent()
        assert not any(
            line.get_path().transformed(line.get_transform()).intersects_bbox(box) for line in edges
        )


def gadget_error(ticket):
    effective = ticket.effective(0)
    halves = (float(half.to_floats()[0, 0]) for half in (effective.plus, effective.minus))
    return max(abs(abs(half) * 2.0**ticket.output_exponent - 0.3) for half in halves)


def test_the_times_of_solvers(drawn):
    report = last_report(ROOT / "experiments" / "bench" / "history.jsonl")
    assert violations(drawn(bench_figure.plot_times, report)) == []


@pytest.mark.parametrize("num_layers", [1, 3, 12])
@pytest.mark.parametrize("with_curve", [False, True])
def test_the_account_of_a_ticket(drawn, num_layers, with_curve):
    """All methods, those of no name yet, and numbers without a place on the axis."""
    bounds = {name: 2.0**k for k, name in enumerate(account._METHODS) if "attack" not in name}
    bounds |= {"new-method": 3.0, "newer-method": 5.0}
    layers = [
        {"name": str(2 * k), "difference": bounds, "empirical_error": 0.5}
        for k in range(num_layers)
    ]
    layers[0] = layers[0] | {"empirical_error": 0.0, "difference": bounds | {"quadratic": 1e300}}
    rows = [
        {"radius": r, "certified_error_by_method": bounds, "empirical_error": 0.5} for r in (1, 10)
    ]
    report = {"layers": layers, "domain": "ball:1", "output_norm": 2}
    figure = drawn(account.plot_account, report, rows if with_curve else [])
    assert violations(figure) == []
    axes = figure.axes[0]
    first, *_ = [text.get_text() for text in axes.get_xticklabels()]
    assert re.fullmatch(r"1\s“0”", first)
    assert "layer" in axes.get_xlabel()
    assert BEYOND in axes.get_legend_handles_labels()[1]


def test_a_number_beyond_the_axis_is_marked():
    rows = ROWS["sample-size"]()
    figure = RECIPES["sample-size"].draw(rows)
    assert all(BEYOND in one.get_legend_handles_labels()[1] for one in figure.axes)
    highest = max(row["num_samples"] for row in rows if row.get("theorem") == "Cover.WideWindow")
    assert figure.axes[0].get_ylim()[1] < 3 * highest


def test_measured_limits_below_a_proved_bound_are_cut_off():
    """No bar of the figure reaches below what is proved necessary; and it says so."""
    rows = ROWS["sample-size"]()
    assert any(row["lower"] < 5 + row["exponent"] for row in rows if row["kind"] == "measured")
    figure = RECIPES["sample-size"].draw(rows)
    for axes in figure.axes:
        for container in axes.containers:
            (bars,) = container.lines[2]
            assert all(y >= 5 + x for segment in bars.get_segments() for x, y in segment[:1])
    assert any("cut off" in text.get_text() for text in figure.texts)


# tests of the rules


def two_lines(*looks, size=8):
    figure, (axes,) = new_figure(1, 1, height=2)
    for k, look in enumerate(looks):
        draw_line(axes, [0, 1], [k, k + 1], look, label=str(k))
    axes.set_xlabel("x", fontsize=size)
    axes.set_ylabel("y")
    add_legend(figure, [axes], columns=2)
    return figure


def test_looks_differ_without_colour():
    assert violations(two_lines(*LOOKS)) == []
    (found,) = violations(two_lines(Look("red", "o"), Look("blue", "o")))
    assert "only colours" in found
    assert violations(two_lines(Look("red", "o"), Look("red", "o", is_open=True))) == []


def test_small_text_missing_labels_and_covered_axes_are_seen():
    (found,) = violations(two_lines(Look("red"), size=6))
    assert found == "6.0 points: 'x'"
    figure = two_lines(Look("red"))
    figure.axes[0].set_ylabel("")
    assert violations(figure) == ["axes 0 without a label"]
    figure = two_lines(Look("red"))
    figure.legends[0].set_bbox_to_anchor((0.5, 0.4))
    assert violations(figure) == ["axes 0 lies over legend 0"]


def modules():
    return [
        path for package in ("strongltn", "experiments") for path in (ROOT / package).rglob("*.py")
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_styles_are_in_one_place(path):
    """Colours, sizes of text and figures are made in `strongltn.figures.style` alone."""
    if path == ROOT / "strongltn" / "figures" / "style.py":
        return
    text = path.read_text()
    assert not re.search(r'"#[0-9a-fA-F]{6}"', text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg in ("fontsize", "labelsize", "figsize"):
            assert not isinstance(node.value, ast.Constant), f"{path}:{node.value.lineno}"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("Figure", "plt.figure", "plt.subplots")
