"""How long theorems and simulations take, beside what ``strongltn bound`` estimates.

``python -m experiments.bench.theorem_seconds`` asks some questions once, in this process, and adds
a row for each to ``theorem_seconds.jsonl`` beside this file. The command leaves out what would take
more than ten seconds by these estimates, so that a factor of a few does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from strongltn.rng import WeightLaw
from strongltn.simulate import required_samples
from strongltn.simulate.hitting import estimate_seconds
from strongltn.storage import Record
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.catalogue import cover_theorems
from strongltn.theorems.layers import num_instances, weight_tolerances
from strongltn.theorems.question import CoverQuestion, NetworkQuestion
from strongltn.theorems.sharpest import estimate_seconds as program_seconds
from strongltn.theorems.sharpest import sharpest
from strongltn.theorems.supermartingale import best_window

RECORD = Path(__file__).parent / "theorem_seconds.jsonl"
BITS = (8, 12, 16, 20)  # eta = 2^-bits
CHANCES = (Fraction(1, 100), Fraction(1, 10**6))
TRIALS = 1024
WIDTHS = (784, 500, 10)
EPSILON_BITS = (1, 4, 8, 12, 16, 20)  # epsilon = 2^-bits of a whole network
_RANGE = (0.05, 20.0)  # seconds: what is shorter says nothing of an estimate

Row = dict[str, Any]


def timed(what: Row, estimated: float, work: Callable[[], object]) -> Iterator[Row]:
    """Do the work and yield its row, if it took long enough."""
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    if seconds >= _RANGE[0]:
        yield what | {"estimated_seconds": round(estimated, 3), "seconds": round(seconds, 3)}


def rows() -> Iterator[Row]:
    """Yield a row for every question whose estimate is in the range."""
    for law in (SampleLaw.UNIFORM, SampleLaw.PRODUCT):
        for bits in BITS:
            what = {"law": law.value, "eta_bits": bits}
            eta = Fraction(1, 2**bits)
            for chance in CHANCES:
                question = CoverQuestion(eta=eta, failure_probability=chance, law=law)
                for theorem in cover_theorems():
                    estimated = theorem.estimate_seconds(question)
                    if 0 < estimated < _RANGE[1] and not theorem.violations(question):
                        named = {"what": theorem.key, **what, "failure_probability": str(chance)}
                        yield from timed(named, estimated, partial(theorem.promise, question))
            estimated = estimate_seconds(eta, trials=TRIALS)
            if estimated < _RANGE[1]:
                named = {"what": f"{TRIALS} simulated trials", **what}
                simulate = partial(
                    required_samples, eta, CHANCES[0], law=law, window=Window.HALF, trials=TRIALS
                )
                yield from timed(named, estimated, partial(simulate, seed=0))


def network_rows() -> Iterator[Row]:
    """Yield a row for every layer of a network: the best proved bound, and what it takes."""
    law, window, share = SampleLaw.PRODUCT, Window.UNIT, Fraction(1, 2)
    for bits in EPSILON_BITS:
        question = NetworkQuestion(
            widths=WIDTHS,
            epsilon=Fraction(1, 2**bits),
            failure_probability=CHANCES[0],
            law=WeightLaw.UNIFORM,
        )
        layers = zip(weight_tolerances(question), num_instances(question), strict=True)
        for layer, (tolerance, number) in enumerate(layers, start=1):
            eta, chance = tolerance / 2, CHANCES[0] / (len(WIDTHS) - 1) / number
            closed = best_window(eta, chance, law=law, window=window, share=share)
            num_samples = closed.sample_size(chance)
            work = partial(sharpest, eta, chance, law=law, window=window, share=share)
            named = {"what": "sharpest", "epsilon_bits": bits, "layer": layer}
            named |= {"closed_form": num_samples}
            for row in timed(named, program_seconds(eta, num_samples), work):
                yield row | {"num_samples": work().num_samples}  # remembered by now


def main() -> None:
    """Add the rows of this machine to the record."""
    with Record(RECORD, configuration={"bench": "theorem seconds"}, parse=dict) as record:
        for row in chain(network_rows(), rows()):
            record.add(row)
            print(row, flush=True)


if __name__ == "__main__":
    main()
