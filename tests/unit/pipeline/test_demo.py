"""Data, figures and the demonstration, on small settings."""

import gzip

import numpy as np
import pytest

from strongltn.datasets.images import LabelledImages, load_digits, load_mnist_test
from strongltn.errors import InvalidInputError
from strongltn.figures import gadget as gadget_figure
from strongltn.figures import weight_errors
from strongltn.figures.account import plot_account
from strongltn.networks import LinearLayer, TargetNetwork
from strongltn.pipeline import demo
from strongltn.pipeline import tickets as pipeline
from strongltn.report.text import demo_lines
from strongltn.rng import WeightLaw
from strongltn.subset_sum.solvers import MeetInTheMiddle, SingleWeight
from strongltn.theorems.malach2020 import failure_probability

TARGETS = np.linspace(-0.5, 0.5, 40)


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_digits_are_split_by_the_seed_alone():
    train, test = load_digits(seed=4)
    assert train.images.shape == (1437, 64)
    assert test.images.shape == (360, 64)
    assert train.images.dtype == np.float32
    assert train.images.min() == 0
    assert train.images.max() == 1
    again, _ = load_digits(seed=4)
    other, _ = load_digits(seed=5)
    assert np.array_equal(train.images, again.images)
    assert not np.array_equal(train.labels, other.labels)


@pytest.mark.parametrize("folder", [".", "mnist"])
@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_is_read_plain_and_gzipped(tmp_path, monkeypatch, folder, zipped):
    images, labels = np.arange(2 * 28 * 28).reshape(2, 28, 28) % 256, np.array([7, 1])
    (tmp_path / folder).mkdir(exist_ok=True)
    for name, array in (("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)):
        path = tmp_path / folder / (name + ".gz" * zipped)
        path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    monkeypatch.setenv("STRONGLTN_DATA", str(tmp_path))
    data = load_mnist_test()
    assert np.array_equal(data.images, (images.reshape(2, -1) / np.float32(255)).astype(np.float32))
    assert data.labels.tolist() == [7, 1]


def test_missing_mnist_is_named(tmp_path, monkeypatch):
    with pytest.raises(InvalidInputError, match="without t10k-images-idx3-ubyte"):
        load_mnist_test(tmp_path)
    monkeypatch.delenv("STRONGLTN_DATA", raising=False)
    with pytest.raises(InvalidInputError, match="STRONGLTN_DATA"):
        load_mnist_test()


def test_theory_lines_solve_their_equations():
    sizes = np.array([1, 16, 256])
    median, worst = weight_errors.single_weight_quantiles(TARGETS, sizes, law=WeightLaw.UNIFORM)
    for n, middle, top in zip(sizes, median, worst, strict=True):
        misses = failure_probability(TARGETS, middle, num_samples=int(n), law=WeightLaw.UNIFORM)
        assert abs(misses.mean() - 0.5) < 1e-9
        misses = failure_probability(TARGETS, top, num_samples=int(n), law=WeightLaw.UNIFORM)
        assert abs(np.prod(1 - misses) - 0.5) < 1e-9
    assert (worst >= median).all()


def account(*, factor):
    """What `strongltn certify --json` prints of two layers, as far as it is drawn."""
    bounds = {"spectral-triangle": 8.0 * factor, "quadratic": 2.0 * factor}
    layers = [
        {"name": "a", "difference": {"spectral-triangle": factor}, "empirical_error": factor / 2},
        {"name": "b", "difference": bounds, "empirical_error": factor},
    ]
    rows = [
        {"radius": r, "certified_error_by_method": bounds, "empirical_error": r} for r in (1, 10)
    ]
    return {"layers": layers, "domain": "ball:1", "output_norm": 2}, rows


@pytest.mark.parametrize("factor", [1.0, 0.0, np.inf, 1e-300])
@pytest.mark.parametrize("with_curve", [False, True])
def test_accounts_are_drawn_whatever_the_sizes(tmp_path, factor, with_curve):
    report, rows = account(factor=factor)
    files = plot_account(report, rows if with_curve else [], path=tmp_path / "account.png")
    assert [path.suffix for path in files] == [".png", ".svg", ".pdf"]
    assert all(path.stat().st_size > 1000 for path in files)


def test_figures_are_written(tmp_path):
    law = WeightLaw.UNIFORM
    single, subset = (
        weight_errors.measure_errors(TARGETS, sizes, solver=solver, law=law, seed=0)
        for sizes, solver in (([1, 4, 16], SingleWeight()), ([2, 6, 10], MeetInTheMiddle()))
    )
    assert (single.worst >= single.median).all()
    assert subset.median[-1] < subset.median[0]
    paths = weight_errors.plot_errors(
        TARGETS, single, subset, law=law, path=tmp_path / "new" / "error"
    )
    one = TargetNetwork((LinearLayer("weight", np.array([[0.3]])),))
    ticket = pipeline.prune(one, num_samples=3).ticket
    paths += gadget_figure.plot_gadget(ticket, target=0.3, path=tmp_path / "gadget")
    assert sorted(path.suffix for path in paths) == sorted([".png", ".svg", ".pdf"] * 2)
    assert all(path.stat().st_size > 1000 for path in paths)


def _compiled_within(row, *, seconds):
    """Return the row of a ticket, had the loops been compiled while it was made."""
    times = row["seconds"]
    rest = times["total"] - times["compiling"]
    compiling = {"compiling": seconds, "total": rest + seconds}
    return {**row, "seconds": {**times, **compiling}}


def test_the_demonstration_proves_its_tickets_twice_in_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_EPOCHS", 1)
    monkeypatch.setattr(demo, "_WIDTHS", (64, 3, 10))
    monkeypatch.setattr(demo, "_CURVE_WEIGHTS", 20)
    monkeypatch.setattr(demo, "_SAMPLES", tuple((c, min(n, 40)) for c, n in demo._SAMPLES))
    seen = []
    reports = [
        demo.run_demo(tmp_path / "out", seed=1, progress=lambda *call: seen.append(call))
        for _ in range(2)
    ]
    sizes = len(demo._SINGLE_SIZES) + len(demo._SUBSET_SIZES)
    assert {call for call in seen if call[0] == "figures"} == {
        ("figures", done, sizes) for done in range(sizes + 1)
    }
    row = reports[0]["tickets"][0]
    told = [reports[0], {**reports[0], "tickets": [_compiled_within(row, seconds=1000)]}]
    before, after = (demo_lines(report) for report in told)
    assert any("took 1000.0 s, in no row above" in line for line in after)
    assert before[3].split() == after[3].split()  # the seconds of the construction
    for report in reports:
        assert [row["verdict"] for row in report["tickets"]] == ["PROVED"] * 3
        del report["target"]["seconds"]
        for row in report["tickets"]:
            del row["seconds"]
    assert reports[0] == reports[1]
    assert (tmp_path / "out" / "demo.json").is_file()


def test_accuracy_counts_the_largest_output():
    import torch

    data = LabelledImages(np.eye(4, dtype=np.float32), np.array([0, 1, 2, 0]))
    assert demo.accuracy(torch.nn.Identity(), data) == 0.75


def test_training_leaves_the_global_generator_alone():
    import torch

    before = torch.get_rng_state()
    train, _ = load_digits(seed=0)
    first, second = (
        demo.train_network(train, widths=(64, 4, 10), epochs=1, seed=2) for _ in range(2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(first.layers[0].weight, second.layers[0].weight)
