"""Recipe: failure probability against the number of samples, with proved bounds on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from experiments.recipe import Effort, Recipe, Row, rows_where
from experiments.theory.chart import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    add_legend,
    new_chart,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from strongltn.subset_sum.sample_laws import SampleLaw

_EXPONENT = 8
_LAWS = {"uniform": ("uniform samples", 60), "product": ("products of two uniforms", 70)}
_FLOOR = 1e-6  # of the figure
_LOWER = "proved lower bound"
_STYLES: dict[str, dict[str, Any]] = {
    "Lueker's exponent, C without rounding": {"color": ORANGE},
    "(3/4)^n": {"color": PURPLE},
    "rearrangement drift, closed form": {"color": GREEN},
    "dynamic program": {"color": BLUE, "lw": 2.0},
    _LOWER: {"color": GREY, "ls": ":", "lw": 2.0},
}


def _parts(effort: Effort) -> list[Row]:
    trials = 20_000 if effort is Effort.QUICK else 2_000_000
    place: list[Row] = [
        {"law": law, "exponent": _EXPONENT, "max_samples": last} for law, (_, last) in _LAWS.items()
    ]
    measured = [part | {"kind": "measured", "trials": trials, "seed": 0} for part in place]
    return measured + [part | {"kind": "proved"} for part in place]


def _compute(part: Row) -> list[Row]:
    from strongltn.subset_sum.sample_laws import SampleLaw

    law, eta = SampleLaw(part["law"]), Fraction(1, 2 ** part["exponent"])
    place = {name: part[name] for name in ("kind", "law", "exponent")}
    if part["kind"] == "measured":
        return [place | row for row in _measured(law, eta, part)]
    return [place | row for row in _proved(law, eta, part["max_samples"])]


def _measured(law: SampleLaw, eta: Fraction, part: Row) -> Iterator[Row]:
    from strongltn.numerics.dyadic import outward_float
    from strongltn.simulate import CoveringEvent, hitting_times
    from strongltn.simulate.limits import lower_limit, upper_limit
    from strongltn.subset_sum.sample_laws import Window

    event, trials = CoveringEvent(eta, law, Window.HALF), part["trials"]
    times = hitting_times(event, trials=trials, seed=part["seed"])
    error = Fraction(1, 200)
    for n in range(1, times.max_samples + 1):
        failures = times.num_failures(n)
        yield {
            "n": n,
            "curve": "measured",
            "value": failures / trials,
            "lower": outward_float(lower_limit(failures, trials, error=error), upwards=False),
            "upper": outward_float(upper_limit(failures, trials, error=error), upwards=True),
            "failures": failures,
            "trials": trials,
        }
        if failures == 0:
            return


def _proved(law: SampleLaw, eta: Fraction, max_samples: int) -> Iterator[Row]:
    from strongltn.numerics.dyadic import outward_float
    from strongltn.subset_sum.sample_laws import Window
    from strongltn.theorems.dynamic_program import failure_bounds

    program = failure_bounds(eta, max_samples, law=law, window=Window.HALF)
    curves: dict[str, Callable[[int], Fraction]] = {
        "dynamic program": lambda n: program[n],
        **_closed_forms(law, eta),
    }
    for curve, bound in curves.items():
        for n in range(1, max_samples + 1):
            value = outward_float(min(bound(n), Fraction(1)), upwards=curve != _LOWER)
            yield {"n": n, "curve": curve, "value": value}
            if value < _FLOOR / 10:
                break


def _closed_forms(law: SampleLaw, eta: Fraction) -> dict[str, Callable[[int], Fraction]]:
    from strongltn.subset_sum.sample_laws import SampleLaw, Window
    from strongltn.theorems.lower_bounds import failure_lower_bound
    from strongltn.theorems.lueker1998 import azuma_bound, sharp_need
    from strongltn.theorems.rearrangement import drift_constant
    from strongltn.theorems.supermartingale import Supermartingale

    one = Fraction(1)
    drift = drift_constant(law, one)
    closed = Supermartingale.of_window(eta, drift=drift, targets=one, length=one).failure_bound
    least: dict[str, Callable[[int], Fraction]] = {
        _LOWER: lambda n: failure_lower_bound(eta, n, law=law, window=Window.HALF)
    }
    if law is not SampleLaw.UNIFORM:
        return {"rearrangement drift, closed form": closed, **least}
    needed = sharp_need(eta)
    return {
        "Lueker's exponent, C without rounding": lambda n: azuma_bound(n, needed=needed, mass=one),
        "(3/4)^n": closed,
        **least,
    }


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_chart(1, 2, size=(11, 5))
    for one, (law, (title, _)) in zip(axes, _LAWS.items(), strict=True):
        panel = list(rows_where(rows, law=law))
        for curve, style in _STYLES.items():
            points = [(r["n"], r["value"]) for r in rows_where(panel, curve=curve) if r["value"]]
            if points:
                one.semilogy(*zip(*points, strict=True), label=curve, **style)
        _draw_measured(one, list(rows_where(panel, curve="measured")))
        one.set_ylim(_FLOOR, 2)
        one.set_title(f"{title}, targets [-1/2, 1/2]", fontsize=10)
        whole_ticks(one)
        one.set_xlabel("samples n")
        one.set_ylabel("probability that some target is out of reach")
    figure.suptitle(rf"tolerance $2\eta$, $\eta = 2^{{-{_EXPONENT}}}$", fontsize=11)
    add_legend(figure, axes, columns=3)
    return figure


def _draw_measured(axes: Axes, rows: list[Row]) -> None:
    seen = [row for row in rows if row["failures"]]
    y = [row["value"] for row in seen]
    limits = [
        [row["value"] - row["lower"] for row in seen],
        [row["upper"] - row["value"] for row in seen],
    ]
    axes.errorbar(
        [row["n"] for row in seen],
        y,
        yerr=limits,
        fmt="o",
        color=BLACK,
        ms=3,
        capsize=2,
        label="measured, 99 % limits for each n",
    )


RECIPE = Recipe(
    key="failure-probability",
    question="How fast does the probability that some target is out of reach fall with the number "
    "of samples?",
    source="lueker1998, Theorem 2.4; this project's bounds; limits of clopper1934",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
)
