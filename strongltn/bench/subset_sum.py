"""The benchmark of subset-sum solvers: one report, every figure from the same run."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from strongltn.bench.audit import Claim
from strongltn.bench.contestants import HEADLINE, HEADLINE_SAMPLES, list_contestants
from strongltn.bench.floor import exchanges_per_second, num_compare_exchanges
from strongltn.bench.machine import describe_machine, git_commit, now
from strongltn.bench.peers import PEERS, PeerEffort, measure_peers
from strongltn.bench.timing import Effort, Progress, measure
from strongltn.bench.workload import LAWS, TOLERANCE

_FULL = Effort(num_rounds=5, run_seconds=0.1, num_checked=256)
_QUICK = Effort(num_rounds=3, run_seconds=0.05, num_checked=32)
_FULL_PEERS = PeerEffort(num_instances=50, sizes=(9, 12, 15, 21), limit_seconds=6.0)
_QUICK_PEERS = PeerEffort(num_instances=3, sizes=(12, 21), limit_seconds=3.0)


def run_benchmark(
    *, peers: list[str], is_quick: bool, seed: int, progress: Progress
) -> dict[str, Any]:
    """Measure all contestants and the peers, and return the report.

    Parameters
    ----------
    peers : list of keys of `PEERS`
        Those not installed are listed as such.
    is_quick : bool
        Fewer n, rounds and instances: under a minute instead of a quarter of an hour.
    seed : int in [0, 2^64)
        The seed of the workloads.
    progress : (stage, done, total) -> None

    Returns
    -------
    dict
        Plain JSON. Seconds are medians per instance; ``ratio`` of a peer is its CPU time over that
        of our contestant for the same claim, law and n, one core each: a lower bound where half of
        its instances timed out. ``times_floor`` is CPU time over that of the compare-exchanges of
        the merge network at 32 bits.

    Notes
    -----
    Rigor: estimates (timings); the checks of the masks are exact.  Cost: the time above.
    Randomness: `named_generator` for the workloads.
    """
    began, machine = time.perf_counter(), describe_machine()
    effort, peer_effort = (_QUICK, _QUICK_PEERS) if is_quick else (_FULL, _FULL_PEERS)
    installed = [key for key in peers if PEERS[key].is_installed]
    speeds = {"32": exchanges_per_second(np.int32), "64": exchanges_per_second(np.int64)}
    ours = measure(list_contestants(is_quick=is_quick), effort, seed=seed, progress=progress)
    others = measure_peers(installed, peer_effort, seed=seed, progress=progress)
    for row in ours:
        _add_rates(row, speeds["32"])
    for row in others:
        row["ratio"] = _ratio(row, ours)
        row["is_ratio_lower"] = 2 * row["timeouts"] >= row["instances"]
    return {
        "benchmark": "subset-sum",
        "date": now(),
        "commit": git_commit(),
        "machine": machine,
        "is_quick": is_quick,
        "effort": asdict(effort),
        "peer_effort": asdict(peer_effort),
        "seed": seed,
        "targets": f"{TOLERANCE} < abs(target) <= 0.5",
        "exchanges_per_second": speeds,
        "headline": [_headline(law, ours, others) for law in LAWS],
        "contestants": ours,
        "peers": others,
        "peers_not_installed": [key for key in peers if key not in installed],
        "seconds": time.perf_counter() - began,
    }


def is_all_right(report: dict[str, Any]) -> bool:
    """Return whether every claim of ours that was checked is true."""
    return all(row["right"] == row["checked"] for row in report["contestants"])


def _add_rates(row: dict[str, Any], exchanges: float) -> None:
    row["rate_per_core"] = 1.0 / row["cpu_seconds"]
    wall = row["wall_seconds_all_cores"]
    row["rate_all_cores"] = None if wall is None else 1.0 / wall
    row["times_floor"] = None
    if row["claim"] == Claim.LEAST_ERROR.value and row["samples"] == "fresh":
        floor = num_compare_exchanges(row["n"]) / exchanges
        row["times_floor"] = row["cpu_seconds"] / floor


def _ratio(peer: dict[str, Any], ours: list[dict[str, Any]]) -> float | None:
    names = {Claim.LEAST_ERROR.value: HEADLINE, Claim.WITHIN.value: "WithinTolerance"}
    wanted = {key: peer[key] for key in ("claim", "tolerance", "law", "n")}
    for row in ours:
        if row["name"] == names[peer["claim"]] and wanted.items() <= row.items():
            return float(peer["cpu_seconds"] / row["cpu_seconds"])
    return None


def _headline(law: str, ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the few figures that are quoted: the least error at n = 21."""
    wanted = {"name": HEADLINE, "law": law, "n": HEADLINE_SAMPLES}
    row = next(row for row in ours if wanted.items() <= row.items())
    keys = ("rate_per_core", "rate_all_cores", "times_floor", "checked", "right")
    return {
        "law": law,
        "n": HEADLINE_SAMPLES,
        **{key: row[key] for key in keys},
        "peers": [
            {key: peer[key] for key in ("name", "settings", "ratio", "is_ratio_lower")}
            for peer in others
            if {"claim": row["claim"], "law": law, "n": HEADLINE_SAMPLES}.items() <= peer.items()
        ],
    }
