"""The benchmark: its audit sees what is wrong, its figures are of one run, and nothing is torn."""

import dataclasses
import json
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from strongltn.bench import contestants, figure, peers, record, subset_sum, timing
from strongltn.bench.audit import Claim, distances, least_distance, num_right
from strongltn.bench.floor import exchanges_per_second, num_compare_exchanges
from strongltn.bench.table import report_lines
from strongltn.bench.workload import LAWS, TOLERANCE, draw_workload
from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage.partial import lock
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers import BruteForce
from strongltn.subset_sum.solvers.abstract import CandidateBatch
from strongltn.subset_sum.solvers.program import Objective, SolveTime


def silent(*_):
    """Show no progress."""


def all_sums(samples):
    """Return (sum, size) of every subset, the slow way."""
    samples = [int(x) for x in samples]
    return [
        (sum(chosen), size)
        for size in range(len(samples) + 1)
        for chosen in combinations(samples, size)
    ]


def optimum(workload, *, tolerance=None):
    """Return the best masks, by brute force."""
    solver = BruteForce()
    return solver.search_batch(workload.samples, workload.targets, tolerance).mask


def empty(workload):
    """Return the empty subset of every row: never right, for all targets are beyond tolerance."""
    return np.zeros(workload.samples.shape, dtype=np.bool_)


@pytest.mark.parametrize("law", LAWS)
def test_a_workload_is_its_integers(law):
    workload = draw_workload(law, 5, 200, seed=3)
    unit = Fraction(2) ** workload.exponent
    for floats, integers in (
        (workload.samples.ravel(), workload.numerators.ravel()),
        (workload.targets, workload.goals),
    ):
        pairs = zip(floats.tolist(), integers.tolist(), strict=True)
        assert all(Fraction(x) == k * unit for x, k in pairs)
    assert (np.abs(workload.targets) >= TOLERANCE).all()
    assert (np.abs(workload.targets) <= 0.5).all()
    assert (workload.targets < 0).any()
    assert (np.abs(workload.samples) < 1).all()
    again = draw_workload(law, 5, 200, seed=3)
    assert np.array_equal(again.numerators, workload.numerators)
    assert not np.array_equal(draw_workload(law, 5, 200, seed=4).numerators, workload.numerators)
    assert len(workload.head(7)) == 7


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_audit_finds_the_least_distance(n):
    workload = draw_workload("products", n, 20, seed=0)
    for samples, goal in zip(workload.numerators, workload.goals.tolist(), strict=True):
        assert least_distance(samples, goal) == min(abs(s - goal) for s, _ in all_sums(samples))
    assert distances(workload, optimum(workload)) == [
        least_distance(*row)
        for row in zip(workload.numerators, workload.goals.tolist(), strict=True)
    ]


def best_of(workload, rank):
    """Return the mask of each row with the least rank (distance, size) -> tuple."""
    n = workload.samples.shape[1]
    masks = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    sums = workload.numerators @ masks.T.astype(np.int64)
    gaps = np.abs(sums - workload.goals[:, None]).tolist()
    sizes = masks.sum(axis=1).tolist()
    ranks = [list(map(rank, row, sizes)) for row in gaps]
    return masks[[min(range(2**n), key=row.__getitem__) for row in ranks]]


def is_within(distance):
    """Whether a distance in units of 2^-48 is within the tolerance of the test."""
    return distance <= TOLERANCE * 2**48


def test_the_audit_knows_every_claim():
    workload = draw_workload("products", 9, 12, seed=1)
    best = optimum(workload)
    sparsest = best_of(workload, lambda distance, size: (not is_within(distance), size))
    has_one = np.array([is_within(distance) for distance in distances(workload, sparsest)])
    sparsest[~has_one] = best[~has_one]
    fixed = best_of(workload, lambda distance, size: (size != 3, distance))
    one_more = best.copy()
    one_more[:, 0] ^= True

    def right(claim, mask, tolerance=None):
        return num_right(claim, workload, mask, tolerance=tolerance)

    assert right(Claim.LEAST_ERROR, best) == 12
    assert right(Claim.LEAST_ERROR, one_more) == 0
    assert right(Claim.WITHIN, best, TOLERANCE) == 12
    assert right(Claim.WITHIN, sparsest, TOLERANCE) == 12
    assert right(Claim.WITHIN, empty(workload), TOLERANCE) == 0
    assert has_one.any()
    assert right(Claim.FEWEST, sparsest, TOLERANCE) == 12
    larger = best.sum(axis=1) > sparsest.sum(axis=1)
    assert right(Claim.FEWEST, best, TOLERANCE) == 12 - larger.sum() < 12
    assert right(Claim.FIXED_SIZE, fixed) == 12
    assert right(Claim.FIXED_SIZE, np.roll(fixed, 1, axis=1)) == 0
    assert right(Claim.NO_CLAIM, best) is None


def exchanges_of_a_bitonic_merge(num_keys):
    stages = num_keys.bit_length() - 1
    return stages * num_keys // 2


@pytest.mark.parametrize("n", [2, 3, 4, 7, 12, 21])
def test_the_floor_counts_the_network(n):
    half = n // 2
    growing = sum(exchanges_of_a_bitonic_merge(2 ** (k - 1)) for k in range(1, half + 1))
    merges = 2 if n % 2 else 1
    assert num_compare_exchanges(n) == 2 * growing + merges * exchanges_of_a_bitonic_merge(
        2 ** (half + 1)
    )


def test_the_speed_of_exchanges_is_that_of_a_processor():
    for dtype in (np.int32, np.int64):
        assert 1e8 < exchanges_per_second(dtype) < 1e12


TINY = timing.Effort(num_rounds=2, run_seconds=0.0, num_checked=4)
EXACT = timing.Contestant(
    contestants.HEADLINE, Claim.LEAST_ERROR, "uniform", 6, optimum, max_rows=8
)


def test_a_wrong_contestant_is_seen():
    def run(workload):
        return optimum(workload) ^ (np.arange(6) == 0)

    wrong = dataclasses.replace(EXACT, name="wrong", run=run, is_threaded=False)
    rows = timing.measure([EXACT, wrong], TINY, seed=0, progress=silent)
    assert [(row["right"], row["checked"]) for row in rows] == [(4, 4), (0, 4)]
    assert rows[0]["instances"] == 8
    assert rows[0]["cpu_seconds"] > 0
    assert rows[1]["wall_seconds_all_cores"] is None
    workload = draw_workload("uniform", 6, 8, seed=0)
    errors = [Fraction(d) * Fraction(2) ** -30 for d in distances(workload, run(workload))]
    assert rows[1]["median_error"] == np.median([float(error) for error in errors])


def test_shared_samples_are_checked_as_such():
    def run(workload):
        shared = np.repeat(workload.samples[:1], len(workload), axis=0)
        return BruteForce().search_batch(shared, workload.targets, None).mask

    shared = dataclasses.replace(EXACT, run=run, is_shared=True)
    assert timing.measure([shared], TINY, seed=0, progress=silent)[0]["right"] == 4


def test_contestants_run_in_turns_and_one_core_is_one():
    import numba

    calls = []

    def run_as(name):
        def run(workload):
            calls.append((name, numba.config.NUMBA_NUM_THREADS))
            return optimum(workload)

        return run

    before = numba.config.NUMBA_NUM_THREADS
    trials = [dataclasses.replace(EXACT, name=name, run=run_as(name)) for name in "ab"]
    timing.measure(trials, TINY, seed=0, progress=silent)
    assert before == numba.config.NUMBA_NUM_THREADS
    assert calls[-8:] == [("a", 1), ("a", before), ("b", 1), ("b", before)] * 2


def test_large_rows_are_checked_less_often():
    effort = timing.Effort(1, 0.0, 256)
    assert [effort.num_checked_at(n) for n in (12, 22, 24, 30, 40, 41)] == [256, 256, 128, 16, 1, 0]


def test_every_solver_has_an_entry():
    entries = contestants.list_contestants(is_quick=True)
    names = {entry.name for entry in entries}
    for name in (
        *("SchroeppelShamir", "WithinTolerance", "Sparsest", "FixedSize(n//3)", "SingleWeight"),
        *("GreedyGeometric", "solve_sizes_batch", "covering_radii", "MeetInTheMiddle, scalar"),
        *("solve_vectors, d = 2", "MeetInTheMiddle, shared", "MeetInTheMiddle, solve_batch"),
    ):
        assert name in names
    rows = [
        row
        for entry in entries
        if entry.num_samples == 12
        for row in timing.measure(
            [dataclasses.replace(entry, max_rows=16)], TINY, seed=0, progress=silent
        )
    ]
    assert len(rows) > 10
    assert all(row["right"] == row["checked"] for row in rows)
    assert all(row["checked"] for row in rows if row["claim"] not in ("no claim", "other"))
    full = contestants.list_contestants(is_quick=False)
    assert len({(entry.name, entry.law, entry.num_samples, entry.tolerance) for entry in full}) == (
        len(full)
    )


def test_peers_are_chosen_by_name(monkeypatch):
    assert peers.chosen_peers(None) == list(peers.PEERS)
    assert peers.chosen_peers("none") == []
    assert peers.chosen_peers("highs, cbc") == ["highs", "cbc"]
    with pytest.raises(InvalidInputError, match=r"'peers'.*cplex"):
        peers.chosen_peers("cplex")
    absent = dataclasses.replace(peers.PEERS["scip"], module="no_such_module")
    monkeypatch.setitem(peers.PEERS, "scip", absent)
    with pytest.raises(InvalidInputError, match="pip install pyscipopt"):
        peers.chosen_peers("cbc,scip")


def test_a_real_peer_is_audited():
    effort = peers.PeerEffort(num_instances=2, sizes=(5,), limit_seconds=20.0)
    rows = peers.measure_peers(["highs"], effort, seed=0, progress=silent)
    assert [(row["settings"], row["claim"]) for row in rows] == [
        ("default", "least error"),
        ("tight", "least error"),
        ("default", "any subset within tolerance"),
        ("tight", "any subset within tolerance"),
    ]
    for row in rows:
        assert (row["instances"], row["timeouts"], row["claimed"]) == (2, 0, 2)
        assert row["claimed_and_right"] == row["right"] == 2
        assert 0 < row["cpu_seconds"] < 20


class FakeSolver:
    """Answers as it is told: a stop for each instance, and always the empty subset."""

    def __init__(self, stops):
        self.stops = list(stops)

    def search(self, samples, target, tolerance):
        """The call that is not counted."""

    def timed_search_batch(self, samples, targets, tolerance):
        stop = np.array([self.stops.pop(0)], dtype=object)
        return CandidateBatch(np.zeros(samples.shape, dtype=np.bool_), stop), [
            SolveTime(0.5, 1.0, 0.25)
        ]


def test_what_peers_claim_and_what_is_so_are_told_apart(monkeypatch):
    stops = [Stop.CLAIMED_OPTIMAL, Stop.TIME, Stop.TIME, Stop.GAVE_UP]

    def settings(self, objective, limit_seconds):
        is_exact = objective is Objective.LEAST_ERROR
        return {"fake": FakeSolver(stops if is_exact else [Stop.CLAIMED_INFEASIBLE] * 4)}

    monkeypatch.setattr(peers.Peer, "settings", settings)
    effort = peers.PeerEffort(num_instances=4, sizes=(12,), limit_seconds=9.0)
    exact, within_tolerance = peers.measure_peers(["cbc"], effort, seed=0, progress=silent)
    assert exact["wall_seconds"] == 5.0  # the median of 1, 9, 9 and 1
    assert exact["cpu_seconds"] == 0.25
    assert exact["build_seconds"] == 0.5
    assert (exact["claimed"], exact["claimed_and_right"], exact["timeouts"]) == (1, 0, 2)
    assert within_tolerance["claimed"] == 4
    assert within_tolerance["claimed_and_right"] == 0  # with 12 samples a subset is within 0.01


@pytest.fixture
def small(monkeypatch):
    """A benchmark of seconds: the headline, on few rows, and one peer at small n."""

    def entries(*, is_quick):
        everything = contestants.list_contestants(is_quick=True)
        chosen = [entry for entry in everything if entry.name == contestants.HEADLINE]
        others = [entry for entry in everything if entry.num_samples == 12]
        return [dataclasses.replace(entry, max_rows=8) for entry in chosen + others]

    monkeypatch.setattr(subset_sum, "list_contestants", entries)
    monkeypatch.setattr(subset_sum, "_QUICK", TINY)
    effort = peers.PeerEffort(num_instances=2, sizes=(6, 12), limit_seconds=20.0)
    monkeypatch.setattr(subset_sum, "_QUICK_PEERS", effort)


@pytest.fixture
def run(run):
    """Call a benchmark in this process; return (exit code, stdout, stderr)."""
    return partial(run, "bench")


def test_the_command_reports_records_and_draws(small, run, tmp_path):
    out, kept = tmp_path / "out", tmp_path / "kept.jsonl"
    options = ["--quick", "--peers", "highs", "--out", out, "--record", kept, "--json"]
    code, text, err = run("subset-sum", *options)
    assert code == 0, err
    report = json.loads(text)
    assert [row["law"] for row in report["headline"]] == list(LAWS)
    assert all(row["right"] == row["checked"] > 0 for row in report["headline"])
    assert report["is_quick"]
    assert report["machine"]["cores"] >= 1
    for row in report["contestants"]:
        assert row["rate_per_core"] == 1 / row["cpu_seconds"]
    for peer in report["peers"]:
        assert (peer["ratio"] is not None) == (peer["n"] == 12)
    assert record.last_report(kept) == record.last_report(out / "history.jsonl") == report
    assert {path.name for path in out.iterdir()} == {
        "history.jsonl",
        *(f"subset_sum_times.{suffix}" for suffix in ("png", "svg", "pdf")),
    }
    record.append_report(kept, {**report, "seed": 1})
    assert record.last_report(kept)["seed"] == 1
    code, text, _ = run("figure", kept, "--out", tmp_path / "again" / "times")
    assert code == 0
    assert [Path(line).name for line in text.splitlines()] == [
        "times.png",
        "times.svg",
        "times.pdf",
    ]
    assert all(Path(line).stat().st_size > 1000 for line in text.splitlines())


REPORT = {"benchmark": "subset-sum", "seed": 0}


def test_a_history_of_an_earlier_version_is_continued(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(REPORT) + "\n" + '{"benchmark": "sub')
    assert record.last_report(path) == REPORT
    record.append_report(path, REPORT | {"seed": 1})
    assert record.last_report(path)["seed"] == 1
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == REPORT
    assert (second["benchmark"], second["seed"]) == ("subset-sum", 1)


@pytest.mark.parametrize("text", ["text\n", "[1]\n", "{}\n", '{"benchmark": "search"}\n'])
def test_what_is_no_history_is_left_alone(tmp_path, text):
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    for call in (record.last_report, lambda path: record.append_report(path, REPORT)):
        with pytest.raises(InvalidInputError, match="'history'"):
            call(path)
    assert path.read_text() == text


def test_a_report_waits_for_the_one_that_is_written(tmp_path):
    path = tmp_path / "history.jsonl"
    record.append_report(path, REPORT)
    with path.open() as other, ThreadPoolExecutor(1) as pool:
        assert lock(other.fileno())
        waiting = pool.submit(record.append_report, path, REPORT | {"seed": 1})
        assert wait([waiting], timeout=0.2).not_done
        other.close()
        waiting.result()
    assert record.last_report(path)["seed"] == 1


def test_a_history_is_not_written_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("")
    (tmp_path / "history.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(MachineError, match="symbolic link"):
        record.append_report(tmp_path / "history.jsonl", REPORT)
    assert (tmp_path / "precious").read_text() == ""


def test_figures_are_not_drawn_through_links(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for suffix in (".png", ".svg", ".pdf"):
        (tmp_path / f"times{suffix}").symlink_to(tmp_path / "precious")
    report = {
        **{"contestants": [], "peers": [], "date": "2026-01-01"},
        "machine": {"cpu": "x", "isa": "y"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is drawn, so there is no legend
        figure.plot_times(report, tmp_path / "times")
    assert (tmp_path / "precious").read_text() == "mine"


def test_tables_never_mix_two_questions(small):
    report = subset_sum.run_benchmark(peers=["scip"], is_quick=True, seed=0, progress=silent)
    report["peers_not_installed"] = ["scip"]
    lines = report_lines(report)
    titles = [claim.value for claim in Claim]
    place = "none"
    for line in lines:
        place = next((title for title in titles if line.startswith(f"{title}: ")), place)
        if line.lstrip().startswith("WithinTolerance"):
            assert place == Claim.WITHIN.value
        if line.lstrip().startswith("MeetInTheMiddle"):
            assert place == Claim.LEAST_ERROR.value
    assert "not installed: scip" in lines
    assert any(line.startswith("uniform, n = 21: ") for line in lines)
    assert max(map(len, lines)) <= 120


def test_a_false_claim_is_exit_1(small, run, tmp_path, monkeypatch):
    listed = subset_sum.list_contestants

    def with_a_liar(*, is_quick):
        return [*listed(is_quick=is_quick), dataclasses.replace(EXACT, name="liar", run=empty)]

    monkeypatch.setattr(subset_sum, "list_contestants", with_a_liar)
    monkeypatch.setattr(figure, "plot_times", lambda *_: [])
    out = tmp_path / "out"
    assert run("subset-sum", "--quick", "--peers", "none", "--out", out)[0] == 1
    assert (out / "history.jsonl").is_file()


@pytest.mark.parametrize("stage", ["measure", "measure_peers"])
def test_an_interruption_leaves_nothing(small, run, tmp_path, monkeypatch, stage):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(subset_sum, stage, interrupt)
    assert run("subset-sum", "--quick", "--peers", "none", "--out", tmp_path / "out")[0] != 0
    assert list(tmp_path.iterdir()) == []


def test_bad_options_are_exit_2_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(subset_sum, "run_benchmark", None)  # calling it would be a TypeError
    file = tmp_path / "file"
    file.write_text("text")
    for options, message in (
        (["--peers", "cplex"], "--peers must be none or a list of cbc, highs"),
        (["--out", file], "--out must be a directory"),
        (["--out", file / "below"], "--out must be a directory"),
        (["--out", tmp_path / "o", "--record", tmp_path], "--record must be a file"),
        (["--out", tmp_path / "o", "--record", tmp_path / "no" / "f"], "--record"),
    ):
        code, text, err = run("subset-sum", *options)
        assert (code, text) == (2, "")
        assert message in err
    for history in (file, tmp_path / "absent", tmp_path):
        code, _, err = run("figure", history, "--out", tmp_path / "x")
        assert code == 2
        assert "HISTORY must be" in err
    assert list(tmp_path.iterdir()) == [file]
