"""Recipe: failure probability against the number of samples, with proved bounds on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    LONG_DASHES,
    MEASURED,
    NECESSARY,
    ORANGE,
    PURPLE,
    Look,
    add_legend,
    draw_limits,
    draw_line,
    new_figure,
    set_heading,
    set_title,
    whole_ticks,
)
from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Effort, Recipe, Row, Tier, rows_where
from strongltn.report.table import Table
from strongltn.theorems.promises import conditions_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from strongltn.subset_sum.sample_laws import SampleLaw

_EXPONENT = 8
_LAWS = {"uniform": ("uniform samples", 60), "product": ("products of two uniforms", 70)}
_FLOOR = 1e-6  # of the figure
_LOWER = "proved lower bound"
_PROGRAM = "dynamic program"
_LOOKS: dict[str, Look] = {
    "Lueker's exponent, C without rounding": Look(ORANGE, "s", "--"),
    "(3/4)^n": Look(PURPLE, "D", LONG_DASHES),
    "rearrangement drift, closed form": Look(GREEN, "^", "-."),
    _PROGRAM: Look(BLUE, "v", width=1.8),
    _LOWER: NECESSARY,
}
_THEOREMS = (
    "Lueker1998.Theorem2_4Sharp",
    "Cover.Uniform",
    "Cover.Rearrangement",
    "Cover.DynamicProgram",
    "Cover.LowerBound",
)
_LEVELS = (0.1, 0.01, 0.001)
_FEWEST_FAILURES = 30  # a rate of fewer is too uncertain to tell a factor from


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
        _PROGRAM: lambda n: program[n],
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
    from strongltn.theorems.drift import drift_constant
    from strongltn.theorems.lower_bounds import failure_lower_bound
    from strongltn.theorems.lueker1998 import azuma_bound, sharp_need
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


# the figure


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(1, 2, height=3.0)
    for one, (law, (title, _)) in zip(axes, _LAWS.items(), strict=True):
        panel = list(rows_where(rows, law=law))
        one.set_yscale("log")
        for curve, look in _LOOKS.items():
            points = _points(panel, curve)
            draw_line(one, list(points), list(points.values()), look, label=curve)
        _draw_measured(one, panel)
        one.set_ylim(_FLOOR, 2)
        set_title(one, f"{title}, targets [-1/2, 1/2]")
        whole_ticks(one)
        one.set_xlabel("samples n")
        one.set_ylabel("P(some target is out of reach)")
    set_heading(figure, rf"Failure at tolerance $2\eta$, $\eta = 2^{{-{_EXPONENT}}}$")
    add_legend(
        figure,
        axes,
        columns=2,
        caption=[
            "The bars are 99 % limits for each n alone, cut off at the proved lower bound. Sizes "
            "after which no trial failed are not drawn.",
            *conditions_named(_THEOREMS),
        ],
    )
    return figure


def _points(panel: list[Row], curve: str) -> dict[int, float]:
    """Return the values of a curve that have a place on a logarithmic axis, by samples."""
    return {row["n"]: row["value"] for row in rows_where(panel, curve=curve) if row["value"]}


def _draw_measured(axes: Axes, panel: list[Row]) -> None:
    seen = [row for row in rows_where(panel, curve="measured") if row["failures"]]
    floor = _points(panel, _LOWER)
    for is_below in (False, True):
        some = [row for row in seen if (row["value"] < floor.get(row["n"], 0)) == is_below]
        draw_limits(
            axes,
            [row["n"] for row in some],
            [row["value"] for row in some],
            [
                (max(row["lower"], min(floor.get(row["n"], 0), row["value"])), row["upper"])
                for row in some
            ],
            Look(BLACK, "o", "", is_open=True, size=3.5) if is_below else MEASURED,
            label="measured; below the proved bound by chance" if is_below else "measured",
        )


# the answer


def _answer(rows: list[Row]) -> Answer:
    lines: list[tuple[object, ...]] = []
    wrong, sentences = [], []
    for law, (title, _) in _LAWS.items():
        panel = list(rows_where(rows, law=law))
        curves = {curve: _points(panel, curve) for curve in ("measured", _PROGRAM, _LOWER)}
        if not all(curves.values()):
            continue
        wrong += [f"{law} samples, n = {n}: {what}" for n, what in _contradictions(panel)]
        frequent = {
            row["n"]: row["value"]
            for row in rows_where(panel, curve="measured")
            if row["failures"] >= _FEWEST_FAILURES
        }
        factors = {
            curve: _factor(frequent if curve == "measured" else points)
            for curve, points in curves.items()
        }
        lines += [
            (title, curve, *(_reaches(points, level) for level in _LEVELS), factors[curve])
            for curve, points in curves.items()
        ]
        sentences.append(
            f"for {title} by a factor of {factors['measured']} with each sample as measured "
            f"(proved: at most {factors[_PROGRAM]}, no better than {factors[_LOWER]})"
        )
    table = Table.of(
        ("law", "curve", *(f"n for {level:g}" for level in _LEVELS), "factor a sample"), lines
    )
    if not lines:
        return Answer(None, "Undecided: no law has a measurement and both proved bounds.", table)
    if wrong:
        return Answer(
            False, f"No: a measurement contradicts a proved bound ({listed(wrong)}).", table
        )
    return Answer(
        True,
        f"Exponentially: where it is small it falls, {'; '.join(sentences)}. The measured rates "
        "are compatible with the proved bounds on both sides, at every n.",
        table,
    )


def _contradictions(panel: list[Row]) -> Iterator[tuple[int, str]]:
    """Yield the sizes at which a proved bound is outside of limits that hold for all n together."""
    from strongltn.simulate.limits import lower_limit, upper_limit

    measured = list(rows_where(panel, curve="measured"))
    error = Fraction(1, 200 * max(1, len(measured)))
    above, below = (
        {row["n"]: row["value"] for row in rows_where(panel, curve=curve)}
        for curve in (_PROGRAM, _LOWER)
    )
    for row in measured:
        n, failures, trials = row["n"], row["failures"], row["trials"]
        if lower_limit(failures, trials, error=error) > above.get(n, 1):
            yield n, f"{failures} of {trials} failed, above the dynamic program's {above[n]:.3g}"
        if upper_limit(failures, trials, error=error) < below.get(n, 0):
            yield n, f"{failures} of {trials} failed, below the proved {below[n]:.3g}"


def _reaches(points: dict[int, float], level: float) -> int | None:
    """Return the fewest samples at which a falling curve is at most `level`."""
    return min((n for n, value in points.items() if value <= level), default=None)


def _factor(points: dict[int, float]) -> str:
    """Return by what a curve is multiplied with each sample, from 1/10 on to its end."""
    small = {n: value for n, value in points.items() if value <= _LEVELS[0]}
    if len(small) < 2:
        return "-"
    first, last = min(small), max(small)
    return f"{(small[last] / small[first]) ** (1 / (last - first)):.2f}"


RECIPE = Recipe(
    key="failure-probability",
    question="How fast does the probability that some target is out of reach fall with the number "
    "of samples?",
    source="lueker1998, Theorem 2.4; this project's bounds; limits of clopper1934",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=_answer,
    tiers={Effort.QUICK: Tier(5), Effort.FULL: Tier(200)},
    theorems=_THEOREMS,
)
