"""Recipe: samples against tolerance, for every theorem and the simulation."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from strongltn.figures.style import (
    BLACK,
    BLUE,
    DASH_DOT_DOT,
    GREEN,
    LONG_DASHES,
    MEASURED,
    NECESSARY,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    RED,
    TEAL,
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
from strongltn.theorems.promises import conditions_named, promise_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LAWS = ("uniform", "product")
_WINDOWS = ("half", "unit")
_WINDOW_TITLE = {"half": "[-1/2, 1/2]", "unit": "[-1, 1]"}
_LAW_TITLE = {"uniform": "uniform samples", "product": "products of two uniforms"}
_WIDE = 7.0  # empty markers, as other curves may lie on these
_LOOKS: dict[str, Look] = {
    "Lueker1998.Theorem2_4": Look(ORANGE, "s"),
    "Lueker1998.Theorem2_4Sharp": Look(ORANGE, "D", LONG_DASHES, is_open=True, size=_WIDE),
    "Lueker1998.Corollary3_3": Look(RED, "<", "--"),
    "DaCunha2022.Theorem1": Look(PINK, "P", "-."),
    "Cover.Uniform": Look(PURPLE, "o", LONG_DASHES, is_open=True, size=_WIDE),
    "Cover.Mixture": Look(PURPLE, "X", "--"),
    "Cover.Rearrangement": Look(GREEN, "^"),
    "Cover.WideWindow": Look(GREEN, "^", "--", is_open=True),
    "Cover.DynamicProgram": Look(BLUE, "v", width=1.8),
    "Cover.SecondMoment": Look(BLUE, "p", DASH_DOT_DOT, width=1.8),
    "Cover.ComponentProgram": Look(OLIVE, "d", (0, (3, 1)), is_open=True),
    "Cover.LowerBound": NECESSARY,
}
_THEOREMS = tuple(_LOOKS)
_OTHERS = (Look(TEAL, "h", "-."), Look(TEAL, "*", ":"), Look(PINK, "1", "--"))
_FAR = 2.0  # times the next curve: what is higher is drawn at the top
_WRONG = Look(RED, "X", "", size=6.0)
_RAISED = Look(BLACK, "o", "", is_open=True, size=5.0)


def _parts(effort: Effort) -> list[Row]:
    exponents = (4, 8, 12) if effort is Effort.QUICK else range(2, 17)
    trials = 2000 if effort is Effort.QUICK else 20_000
    panels = list(product(_LAWS, _WINDOWS, exponents))
    common = {"failure_probability": "1/100"}
    proved: list[Row] = [
        {"kind": "proved", "law": law, "window": window, "exponent": k} | common
        for law, window, k in panels
    ]
    measured: list[Row] = [
        {"kind": "measured", "law": law, "window": window, "exponent": k}
        | common
        | {"trials": trials, "seed": 0}
        for law, window, k in panels
    ]
    return measured + proved


def _compute(part: Row) -> list[Row]:
    from strongltn.subset_sum.sample_laws import SampleLaw, Window

    place = {name: part[name] for name in ("kind", "law", "window", "exponent")}
    eta, delta = Fraction(1, 2 ** part["exponent"]), Fraction(part["failure_probability"])
    law, window = SampleLaw(part["law"]), Window(part["window"])
    if part["kind"] == "measured":
        from strongltn.simulate import required_samples

        found = required_samples(
            eta, delta, law=law, window=window, trials=part["trials"], seed=part["seed"]
        ).to_json()
        names = ("num_samples", "lower", "upper", "confidence", "trials", "seed")
        return [place | {name: found[name] for name in names}]
    from strongltn.theorems.catalogue import cover_theorems
    from strongltn.theorems.question import CoverQuestion

    question = CoverQuestion(eta=eta, failure_probability=delta, law=law, window=window)
    return [place | row for row in promise_rows(cover_theorems(), question)]


# the figure


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(2, 2, height=5.6)
    keys = list(dict.fromkeys(row["theorem"] for row in rows if "theorem" in row))
    others = [key for key in keys if key not in _LOOKS]
    looks = _LOOKS | {key: _OTHERS[k % len(_OTHERS)] for k, key in enumerate(others)}
    for one, (law, window) in zip(axes, product(_LAWS, _WINDOWS), strict=True):
        panel = list(rows_where(rows, law=law, window=window))
        curves = {key: _curve(rows_where(panel, theorem=key)) for key in keys}
        top = _top(curves)
        for key, (title, points) in curves.items():
            draw_line(
                one, list(points), list(points.values()), looks[key], label=title, between=(0, top)
            )
        _draw_measured(one, panel, top=top)
        one.set_ylim(0, 1.12 * top)
        set_title(one, f"{_LAW_TITLE[law]}, targets {_WINDOW_TITLE[window]}")
        whole_ticks(one)
        one.set_xlabel(r"$\log_2(1/\eta)$, where the tolerance is $2\eta$")
        one.set_ylabel("samples n")
    set_heading(figure, "Samples for all targets within tolerance, except with probability 0.01")
    add_legend(
        figure,
        axes,
        columns=2,
        caption=[
            "Measured limits are cut off where a proved necessary number lies higher.",
            *conditions_named(_THEOREMS),
        ],
    )
    return figure


def _curve(rows: Iterable[Row]) -> tuple[str, dict[int, int]]:
    """Return the title of a theorem, and its number at each exponent."""
    points, title = {}, ""
    for row in rows:
        title = row["title"]
        number = row.get("num_samples", row.get("necessary_samples"))
        if number is not None:
            points[row["exponent"]] = number
    return title, points


def _top(curves: dict[str, tuple[str, dict[int, int]]]) -> float:
    """Return the highest number that is drawn in its place: a curve far above all is not."""
    highest = sorted(max(points.values()) for _, points in curves.values() if points)
    if not highest:
        return 1.0
    while len(highest) > 1 and highest[-1] > _FAR * highest[-2]:
        highest.pop()
    return 1.05 * highest[-1]


def _draw_measured(axes: Axes, panel: list[Row], *, top: float) -> None:
    floor = {
        row["exponent"]: row["necessary_samples"] for row in panel if "necessary_samples" in row
    }
    known = [row for row in rows_where(panel, kind="measured") if row["num_samples"] is not None]
    for is_raised, look, label in (
        (False, MEASURED, "measured, with 99 % limits"),
        (True, _RAISED, "measured below the proved necessary number: drawn at it"),
    ):
        some = [
            row
            for row in known
            if (row["num_samples"] < floor.get(row["exponent"], 0)) == is_raised
            and not _is_contradiction(row, floor)
        ]
        values = [max(row["num_samples"], floor.get(row["exponent"], 0)) for row in some]
        # where no n was certified as sufficient, the bar goes up to the top
        limits = [
            (max(row["lower"], floor.get(row["exponent"], 0)), row["upper"] or max(top, value))
            for row, value in zip(some, values, strict=True)
        ]
        draw_limits(axes, [row["exponent"] for row in some], values, limits, look, label=label)
    wrong = [row for row in known if _is_contradiction(row, floor)]
    draw_limits(
        axes,
        [row["exponent"] for row in wrong],
        [row["num_samples"] for row in wrong],
        [(row["lower"], row["upper"]) for row in wrong],
        _WRONG,
        label="measured, all of it below the proved necessary number",
    )


def _is_contradiction(row: Row, floor: dict[int, int]) -> bool:
    """Return whether the whole measured interval lies below the proved necessary number."""
    return row["upper"] is not None and row["upper"] < floor.get(row["exponent"], 0)


# the answer


def _answer(rows: list[Row]) -> Answer:
    lines: list[tuple[object, ...]] = []
    wrong = []
    exponents = sorted({row["exponent"] for row in rows})
    shown = [k for k in exponents if k % 4 == 0] or exponents
    sentences = []
    for law, window, k in product(_LAWS, _WINDOWS, exponents):
        panel = list(rows_where(rows, law=law, window=window, exponent=k))
        proved = [row for row in panel if "num_samples" in row and "theorem" in row]
        floors = [row["necessary_samples"] for row in panel if "necessary_samples" in row]
        measured = next(rows_where(panel, kind="measured"), None)
        if not proved or not floors or measured is None:
            continue
        best = min(proved, key=lambda row: int(row["num_samples"]))
        floor, enough = max(floors), best["num_samples"]
        place = f"{law} samples, targets {_WINDOW_TITLE[window]}, eta 2^-{k}"
        low, high = max(measured["lower"], floor), measured["upper"]
        if measured["lower"] > enough or floor > enough:
            wrong.append(f"{place}: more than the {enough} of {best['theorem']} are needed")
        if high is not None and high < floor:
            wrong.append(f"{place}: fewer than the {floor} that are proved necessary are enough")
        limits = f"{low} to {high or 'unknown'}"
        if k in shown:
            lines.append(
                (law, _WINDOW_TITLE[window], f"2^-{k}", enough, best["theorem"], limits, floor)
            )
        if k == exponents[-1] and window == "half":
            sentences.append(
                f"{enough} {_LAW_TITLE[law]} ({best['theorem']}), where {limits} are needed as "
                f"measured and {floor} are proved necessary"
            )
    table = Table.of(
        ("law", "targets", "eta", "proved enough", "by", "needed (99 %)", "proved necessary"), lines
    )
    if not lines:
        return Answer(None, "Undecided: no setting has both theorems and a measurement.", table)
    asked = (
        f"At eta = 2^-{exponents[-1]}, to reach all of [-1/2, 1/2] but with probability 0.01, the "
        f"best theorem asks for {'; for '.join(sentences)}."
    )
    if wrong:
        return Answer(
            False, f"No: theorem and measurement contradict one another ({listed(wrong)}).", table
        )
    return Answer(
        True, f"{asked} No measurement contradicts a theorem. {_beside_published(lines)}", table
    )


def _beside_published(lines: list[tuple[object, ...]]) -> str:
    """Return a sentence on the published number and ours at about the same tolerance."""
    (published,) = _PUBLISHED
    place = ("product", _WINDOW_TITLE["half"], "2^-8")
    limits = next((line[5] for line in lines if line[:3] == place), None)
    here = "not run here"
    if limits:
        low, high = (int(end) if end.isdigit() else None for end in str(limits).split(" to "))
        is_in = low is not None and low <= published["value"] <= (high or published["value"])
        here = (
            f"here {limits} products for all of [-1/2, 1/2] at 2^-7, which "
            f"{'agrees' if is_in else 'differs'}"
        )
    return (
        f"Published: {published['value']} {published['quantity']} ({published['source']}); {here}."
    )


_PUBLISHED: tuple[dict[str, Any], ...] = (
    {
        "quantity": "samples a weight, for one target each at tolerance 0.01",
        "value": 21,
        "source": "pensia2020, experiment 1",
    },
)

RECIPE = Recipe(
    key="sample-size",
    question="How many samples do the theorems ask for, and how many are needed, to reach every "
    "target of an interval?",
    source="lueker1998, Theorem 2.4 and Corollary 3.3; dacunha2022; this project's bounds",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=_answer,
    tiers={Effort.QUICK: Tier(27), Effort.FULL: Tier(1200, "estimated")},
    theorems=_THEOREMS,
    published=_PUBLISHED,
)
