"""Recipes whose parts are runs of the search engine: resumed, spread, compared with published."""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from recipe_rows import search_rows

from experiments.studies import pensia2020_tables
from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.figures.style import Look, new_figure
from strongltn.recipes.answer import Answer
from strongltn.recipes.recipe import Effort, Recipe, Tier
from strongltn.recipes.run import read_rows, run_recipe
from strongltn.report.table import Table
from strongltn.search.config import SearchConfig, settings_of
from strongltn.search.methods.edge_popup import EdgePopup
from strongltn.training import run as experiment
from strongltn.training.many import InThisProcess
from strongltn_experiments.search import (
    edge_popup_cifar10,
    edge_popup_density,
    pensia2020_comparison,
    pensia2020_experiment2,
    pensia2020_forms,
    published,
)
from strongltn_experiments.search.accuracies import draw_accuracies, shown
from strongltn_experiments.search.search_recipe import SearchRecipe, run_part

LENET5, FC2 = (
    next(r for r in pensia2020_experiment2.RECIPES if r.key.endswith(name))
    for name in ("lenet5", "fc2")
)
ALL = (*pensia2020_experiment2.RECIPES, edge_popup_density.RECIPE, edge_popup_cifar10.RECIPE)


def tiny(seed=0, method="edge-popup"):
    return settings_of(method, epochs=2, seed=seed)


def draw_nothing(rows):
    figure, _ = new_figure(1, 1, height=2)
    return figure


def answer_nothing(rows):
    return Answer(None, "Nobody knows.", Table.of(["n"], [[len(rows)]]))


TIERS = {effort: Tier(1) for effort in Effort}
FIGURE = [("tiny: figure", 0, 1), ("tiny: figure", 1, 1)]

TINY = SearchRecipe(
    key="tiny",
    question="Does it run?",
    source="ours",
    version=1,
    parts=lambda effort: [tiny(0).to_json(), tiny(1).to_json(), tiny(0, "dense").to_json()],
    draw=draw_nothing,
    answer=answer_nothing,
    tiers=TIERS,
)


def run_tiny(out, **options):
    return run_recipe(TINY, effort=Effort.QUICK, out=out, executor=InThisProcess(), **options)


def rows_in(out):
    return read_rows(out / "tiny" / "quick.jsonl")


def without_times(row):
    return {name: row[name] for name in row.keys() - {"seconds", "steps_per_second"}}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished record of three runs; not to be changed."""
    out = tmp_path_factory.mktemp("done")
    run_tiny(out)
    return out


class Stopped(Exception):
    pass


def stop_after_an_epoch(stage, steps_done, steps):
    if steps_done > steps // 2:
        raise Stopped


# runs as parts


def test_a_row_says_what_was_run_and_found(done):
    first, second, dense = rows_in(done)
    assert [row["method"] for row in (first, second, dense)] == ["edge-popup"] * 2 + ["dense"]
    assert (first["model"], first["data"], first["density"]) == ("digits-fc", "digits", 0.5)
    assert (first["seed"], second["seed"], first["epochs"]) == (0, 1, 2)
    assert first["num_kept"] * 2 == first["num_weights"] == 64 * 200 + 200 * 10
    assert 0.3 < first["test_accuracy"] <= first["best_test_accuracy"] <= 1
    assert first["test_accuracy"] != second["test_accuracy"]
    assert first["device"] == "cpu"
    assert first["threads"] >= 1
    assert first["steps_per_second"] > 0


def test_of_a_run_that_is_done_the_large_files_are_gone(done):
    folders = [done / "tiny" / "quick" / tiny(seed).name for seed in (0, 1)]
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == ["metrics.jsonl", "result.json"]


def test_twice_in_a_row_costs_nothing(done, monkeypatch):
    monkeypatch.setattr(experiment, "run", None)
    seen = []
    report = run_tiny(done, progress=lambda *call: seen.append(call))
    assert report["computed_now"] == 0
    assert seen == [("tiny", 6, 6), *FIGURE]


def test_a_run_goes_on_after_its_last_epoch(done, tmp_path):
    """What a kill left is counted in the progress, not trained again, and ends with the same."""
    config = tiny()
    folder = tmp_path / "tiny" / "quick" / config.name
    with pytest.raises(Stopped):
        experiment.run(config, folder, device="cpu", progress=stop_after_an_epoch)
    (begun,) = (folder / "metrics.jsonl").read_text().splitlines()
    seen = []
    assert run_tiny(tmp_path, progress=lambda *call: seen.append(call))["computed_now"] == 3
    assert seen == [*(("tiny", n, 6) for n in (1, 2, 4, 6)), *FIGURE]
    first, _ = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    assert first == json.loads(begun)
    assert without_times(rows_in(tmp_path)[0]) == without_times(rows_in(done)[0])


def test_a_run_that_ended_before_it_was_recorded_is_not_repeated(done, monkeypatch):
    monkeypatch.setattr(experiment, "Training", None)
    assert run_part(tiny().to_json(), done / "tiny" / "quick") == rows_in(done)[:1]


def test_divergence_is_a_row_and_stops_no_other(tmp_path, monkeypatch):
    def run(config, directory):
        if config.seed == 0:
            raise TrainingDiverged("In epoch 1 the loss became NaN.")
        return experiment_run(config, directory)

    experiment_run = experiment.run
    monkeypatch.setattr(experiment, "run", run)
    run_tiny(tmp_path)
    row, other, _ = rows_in(tmp_path)
    assert row["diverged_after"] == 0
    assert "test_accuracy" not in row
    assert "test_accuracy" in other


def test_absent_data_is_said_and_can_be_put_there_later(tmp_path, monkeypatch):
    monkeypatch.setenv("STRONGLTN_DATA", str(tmp_path))
    with pytest.raises(InvalidInputError, match="Got mnist, whose files are not"):
        run_recipe(LENET5, effort=Effort.QUICK, out=tmp_path, executor=InThisProcess())
    assert read_rows(tmp_path / LENET5.key / "quick.jsonl") == []


@pytest.mark.parametrize(("device", "num_workers"), [("cpu", 2), ("cuda", 1)])
def test_processes_are_the_default_one_for_a_gpu(tmp_path, monkeypatch, device, num_workers):
    asked = []

    def processes(number):
        asked.append(number)
        return nullcontext(InThisProcess())

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("strongltn.training.many.processes", processes)
    monkeypatch.setattr(
        "strongltn.training.config.device_named", lambda name: SimpleNamespace(type=device)
    )
    with TINY.workers(3):
        pass
    assert asked == [num_workers]


# any executor


def squares(compute):
    return Recipe(
        key="squares",
        question="What are the first squares?",
        source="folklore",
        version=1,
        parts=lambda effort: [{"k": k} for k in range(4)],
        compute=compute,
        draw=draw_nothing,
        answer=answer_nothing,
        tiers=TIERS,
    )


def test_parts_are_recorded_as_they_finish_and_reported_in_order(tmp_path):
    is_second_done = Event()

    def compute(part):
        if part["k"] == 0:
            assert is_second_done.wait(20)
        if part["k"] == 1:
            is_second_done.set()
        return [{"square": part["k"] ** 2}]

    with ThreadPoolExecutor(2) as pool:
        run_recipe(squares(compute), effort=Effort.QUICK, out=tmp_path, executor=pool)
        assert pool.submit(int).result() == 0  # still open
    table = (tmp_path / "squares" / "quick.csv").read_text().split()
    assert table == ["square", "0", "1", "4", "9"]
    assert sorted(row["square"] for row in read_rows(tmp_path / "squares/quick.jsonl")) == [
        0,
        1,
        4,
        9,
    ]


def test_an_error_keeps_what_is_done_and_cancels_what_has_not_begun(tmp_path):
    class Later(InThisProcess):
        def __init__(self):
            self.waiting = []

        def submit(self, fn, /, *args, **kwargs):
            if fn.args[0]["k"] < 2:
                return super().submit(fn, *args, **kwargs)
            self.waiting.append(Future())
            if len(self.waiting) == 2:
                self.waiting[0].set_exception(OSError("the disk is full"))
            return self.waiting[-1]

    later = Later()
    recipe = squares(lambda part: [part])
    with pytest.raises(OSError, match="disk is full"):
        run_recipe(recipe, effort=Effort.QUICK, out=tmp_path, executor=later)
    assert later.waiting[1].cancelled()
    assert read_rows(tmp_path / "squares" / "quick.jsonl") == [{"k": 0}, {"k": 1}]


# the recipes


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.key)
@pytest.mark.parametrize("effort", Effort)
def test_parts_are_whole_configurations_and_all_different(recipe, effort):
    configs = [SearchConfig.from_json(json.loads(json.dumps(p))) for p in recipe.parts(effort)]
    assert len({config.identity for config in configs}) == len(configs)
    needs_files = {config.data for config in configs} - {"digits"}
    assert effort is Effort.FULL or recipe is LENET5 or not needs_files
    if effort is Effort.FULL and recipe is not edge_popup_cifar10.RECIPE:
        assert {config.seed for config in configs} == {0, 1, 2}


def test_experiment_2_has_the_published_settings():
    configs = list(map(SearchConfig.from_json, LENET5.parts(Effort.FULL)))
    assert len(configs) == 3 * (3 * 14 + 1)
    assert {(c.batch_size, c.momentum, c.weight_decay) for c in configs} == {(64, 0.9, 5e-4)}
    assert {config.learning_rate for config in configs} == {0.01}
    searched = [(c, c.method) for c in configs if isinstance(c.method, EdgePopup)]
    assert len(searched) == len([c for c in configs if c.method_name == "edge-popup"])
    pruned = {round(1 - config.density, 3) for config, _ in searched}
    assert pruned == {0, *published.PENSIA_PRUNED}
    assert {config.density for config, _ in searched} >= {0.025, 0.02, 0.01, 0.975, 1.0}
    laws = {config.model: method.initial.value for config, method in searched}
    assert laws == {
        "lenet-5-linear-diamond": "weight-scale",
        "lenet-5-relu-diamond": "weight-scale",
        "lenet-5-wide": "fan-in",
    }


def test_the_published_curves_are_whole():
    for network, curves in published.PENSIA_ACCURACY.items():
        assert set(curves) == set(pensia2020_forms.FORMS)
        assert all(len(curve) == len(published.PENSIA_PRUNED) for curve in curves.values())
        *_, dense = published.pensia_published(network)
        assert dense["accuracy_percent"] == published.PENSIA_DENSE[network]


def some_diverge(part):
    """0.9, 0.91 and 0.92 by seed; nothing at one density; and one seed of another."""
    if part["density"] == 0.5 or (part["density"] == 0.9 and part["seed"] == 1):
        return None
    return 0.9 + part["seed"] / 100


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.key)
@pytest.mark.parametrize("accuracy", [lambda part: 0.5, some_diverge, lambda part: None])
def test_every_record_can_be_drawn(recipe, accuracy):
    figure = recipe.draw(search_rows(recipe, accuracy=accuracy))
    assert figure.axes[0].get_legend_handles_labels()[1] or accuracy({"density": 0.5}) is None


def test_networks_share_a_figure():
    figure = pensia2020_experiment2.draw(search_rows(LENET5) + search_rows(FC2))
    assert [axes.get_title()[:3] for axes in figure.axes] == ["fc2", "LeN"]


def test_the_band_is_the_range_and_divergence_a_cross():
    _, (axes,) = new_figure(1, 1, height=2)
    draw_accuracies(axes, {0.1: [50.0, 70.0, 75.0], 0.5: []}, Look("black", "o"), label="x")
    (band,) = axes.collections
    line, mark, cross = axes.lines
    assert set(np.array(band.get_paths()[0].vertices)[:, 1]) == {50.0, 75.0}
    assert np.array(line.get_data()).tolist() == [[0.1], [65.0]]
    assert (np.array(cross.get_xdata()).tolist(), cross.get_marker()) == ([0.5], "x")
    # which curve it was
    assert (np.array(mark.get_xdata()).tolist(), mark.get_marker()) == ([0.5], "o")


def test_fraction_0_pruned_has_a_place_and_a_name():
    (axes,) = pensia2020_experiment2.draw(search_rows(FC2)).axes
    drawn = next(line for line in axes.lines if line.get_label() == "wide")
    places = np.array(drawn.get_xdata())
    assert len(places) == 14
    ticks = dict(
        zip(axes.get_xticks(), (t.get_text() for t in axes.get_xticklabels()), strict=True)
    )
    assert ticks[min(places)] == "0"


# beside the published accuracies


def test_differences_are_ours_minus_published():
    rows = search_rows(LENET5, accuracy=some_diverge)
    points = {(p.form, p.pruned): p for p in pensia2020_comparison.compared(rows)}
    assert len(points) == 3 * 12  # all of 0.5 diverged
    point = points["linear", 0.05]
    assert point.difference == pytest.approx(91 - 92)
    assert str(point) == (
        "LeNet-5, linear diamond, 5 % pruned: 91.0 (90.0-92.0) % here, 92 % published, -1.0; "
        "in the best epoch 99.0 (99.0-99.0) %"
    )
    assert len(points["linear", 0.1].found) == 2
    summary, first, *_ = pensia2020_tables.difference_lines(rows)
    close = sum(abs(p.difference) <= 3 for p in points.values())
    assert summary.startswith(f"{close} of 36 accuracies are within 3 points")
    assert max(abs(p.difference) for p in points.values()) == 81
    assert "+81.0" in first


def test_the_table_has_every_published_row():
    rows = search_rows(LENET5, accuracy=some_diverge)
    table = pensia2020_tables.markdown_table(rows, "lenet-5")
    assert len(table) == 2 + 13 + 1
    assert {line.count("|") for line in table} == {8}
    assert table[5] == (
        "| 5 | 91.0 (90.0-92.0) | 92 | 91.0 (90.0-92.0) | 96 | 91.0 (90.0-92.0) | 56 |"
    )
    assert table[8] == "| 50 | - | 98 | - | 95 | - | 98 |"
    assert table[-1].startswith("| dense | 91.0 (90.0-92.0) | 98.4 |")


def test_runs_are_beside_logs_of_as_many_epochs():
    table = pensia2020_tables.log_table(search_rows(LENET5, accuracy=some_diverge), "lenet-5")
    assert len(table) == 2 + len(published.PENSIA_LOGS["lenet-5"])
    assert table[2] == "| linear diamond, 10 | 20 | 91.0 (90.0-92.0) | 96.89 | 98 |"
    assert table[5] == "| linear diamond, 95 | 150 | - | 51.14 | 57 |"


def test_other_data_are_not_compared():
    assert pensia2020_comparison.compared(search_rows(FC2, effort=Effort.QUICK)) == []


def test_the_comparison_is_printed_from_records(tmp_path, monkeypatch, capsys):
    record = tmp_path / "full.jsonl"
    lines = [{"configuration": {}}, {"part": 0, "rows": search_rows(FC2)}]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    figure = tmp_path / "figure.png"
    monkeypatch.setattr("sys.argv", ["compare", str(record), "--figure", str(figure)])
    pensia2020_tables.main()
    printed = capsys.readouterr().out
    assert "| fc2, % pruned |" in printed
    assert "of 39 accuracies are within" in printed
    assert figure.stat().st_size > 0


def test_tables_of_the_other_recipes():
    rows = search_rows(edge_popup_density.RECIPE, accuracy=some_diverge)
    table = edge_popup_density.markdown_table(rows)
    assert table[2].startswith("| 0.01 | 91.0 (90.0-92.0) | 91.0")
    assert next(line for line in table if line.startswith("| 0.5 ")) == "| 0.5" + " | -" * 6 + " |"
    assert {line.count("|") for line in table} == {8}
    rows = search_rows(edge_popup_cifar10.RECIPE, accuracy=lambda part: 0.75)
    rows[1] = {k: v for k, v in rows[1].items() if k != "device"} | {"diverged_after": 3}
    del rows[1]["test_accuracy"]
    table = edge_popup_cifar10.markdown_table(rows)
    assert table[2] == "| conv2 | dense | 75.0 | 2,000 | 60 | cpu |"
    assert table[3] == "| conv2 | edge-popup | - | diverged after 3 epochs | - | - |"
    assert len(table) == 2 + 8


def test_numbers_as_text():
    assert (shown([]), shown([97.25]), shown([97.0, 98.0])) == ("-", "97.2", "97.5 (97.0-98.0)")


def test_recipes_can_be_replaced_in_part(tmp_path):
    """A user's own settings: the record of the same place is then of another configuration."""
    other = replace(TINY, parts=lambda effort: [tiny(5).to_json()])
    out = Path(tmp_path)
    run_recipe(other, effort=Effort.QUICK, out=out, executor=InThisProcess())
    with pytest.raises(InvalidInputError, match="other settings"):
        run_tiny(out)
