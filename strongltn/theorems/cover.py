"""This project's own bounds: every target of an interval is within 2 eta of a subset sum."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.assumptions import (
    COVER,
    DENSITY,
    SAMPLES,
    SCALARS,
    UNIFORM,
    WITHIN_COMPONENT,
    half_tolerance,
    uniform_component,
)
from strongltn.theorems.drift import drift_constant
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.supermartingale import Supermartingale, best_window
from strongltn.theorems.theorem import Assumption, Promise, Status, Theorem


def _bounded(bound: Supermartingale, question: CoverQuestion, *notes: str) -> Promise:
    size = bound.size(question.failure_probability)
    return Promise(
        num_samples=size.num_samples, failure_probability=size.failure_bound, notes=notes
    )


def _mixture(question: CoverQuestion) -> Promise:
    eta = half_tolerance(question)
    drift = uniform_component(question.law).mass / 2
    return _bounded(Supermartingale(drift, 2 * eta, 1 - eta), question)


def _rearranged(question: CoverQuestion) -> Promise:
    targets = 2 * question.window.radius
    drift = drift_constant(question.law, targets)
    bound = Supermartingale.of_window(question.eta, drift=drift, targets=targets, length=targets)
    return _bounded(bound, question, f"kappa = {float(drift):.6g}")


def _wide_window(question: CoverQuestion) -> Promise:
    bound = best_window(
        question.eta, question.failure_probability, law=question.law, window=question.window
    )
    length = float(2 * question.eta / bound.start)
    notes = f"kappa = {float(bound.drift):.6g}", f"window of length {length:.6g}"
    return _bounded(bound, question, *notes)


def _dynamic_program(question: CoverQuestion, *, component: bool = False) -> Promise:
    from strongltn.theorems.dynamic_program import sample_size

    chance = question.failure_probability
    num_samples = sample_size(
        question.eta, chance, law=question.law, window=question.window, component=component
    )
    return Promise(num_samples=num_samples, failure_probability=chance)


def _second_moment(question: CoverQuestion) -> Promise:
    from strongltn.theorems.second_moment import sample_size

    chance = question.failure_probability
    num_samples = sample_size(question.eta, chance)
    if num_samples is None:
        return Promise(
            notes=("the recorded mean holes are too large for this failure probability",)
        )
    return Promise(num_samples=num_samples, failure_probability=chance)


def _has_record(question: CoverQuestion) -> bool:
    from strongltn.theorems.second_moment import recorded_holes

    return any(line.eta <= question.eta for line in recorded_holes())


def _lower_bound(question: CoverQuestion) -> Promise:
    from strongltn.theorems.lower_bounds import necessary_samples

    number = necessary_samples(
        question.eta, question.failure_probability, law=question.law, window=question.window
    )
    return Promise(necessary_samples=number)


def _octaves(number: Fraction) -> int:
    """Return about log2(number), number >= 1."""
    return int(number).bit_length()


def _program_seconds(question: CoverQuestion) -> float:
    """Estimate the time of the dynamic program.

    Recorded: 0.6 to 2.9 times what it took; for the second moment 2 to 7, for the component 1.4 to
    4.4 times (``experiments/bench/theorem_seconds.jsonl``).
    """
    octaves = _octaves(1 / question.eta)
    num_samples = 3.5 * octaves + 3 * _octaves(1 / question.failure_probability)
    return 2e-4 * num_samples * octaves**2


def _component_seconds(question: CoverQuestion) -> float:
    slowness = 1 if question.law is SampleLaw.UNIFORM else 4  # the part's drift is smaller
    return slowness * _program_seconds(question)


def _lower_bound_seconds(question: CoverQuestion) -> float:
    """Estimate the time of sums of n terms with n digits; exact rationals for uniform samples."""
    octaves = _octaves(1 / question.eta) + 0.3 * _octaves(1 / question.failure_probability)
    return float((octaves / (65 if question.law is SampleLaw.UNIFORM else 600)) ** 4)


#: The grid of the dynamic program resolves no smaller eta.
ON_GRID: Assumption[CoverQuestion] = Assumption(
    "eta", "at least 2^-40", lambda q: q.eta >= Fraction(1, 2**40), lambda q: q.eta
)

HALF: Assumption[CoverQuestion] = Assumption(
    "targets", "[-1/2, 1/2]", lambda q: q.window is Window.HALF, lambda q: q.window.value
)
RECORDED: Assumption[CoverQuestion] = Assumption(
    "eta", "at least 2^-12, for which a mean hole is recorded", _has_record, lambda q: q.eta
)

_EVENT = (
    "over the draw of the samples, every target of the interval, all at once, is within 2 eta of a "
    "subset sum, except with probability "
)
_GROWTH = ("C02", "C03", "C05", "C06", "C07")
_DRIFT = ("C03", "C07", "C26", "C27")
_OURS = "strongltn: the event is that of lueker1998"
_REARRANGED = f"{_OURS}; the rearrangement inequality that of garsia1974 (recalled)"
_proved = partial(
    Theorem[CoverQuestion],
    source=_OURS,
    status=Status.PROVED,
    conditions=SAMPLES,
    asks=CoverQuestion,
    assumptions=(*COVER, SCALARS, DENSITY),
)

THEOREMS = (
    _proved(
        key="Cover.Uniform",
        title="(3/4)^n",
        conclusion=_EVENT + "at most (3/4)^n (1 - eta)(1 - 2 eta) / (2 eta^2) for [-1/2, 1/2] and "
        "uniform samples, and with eta/2 for eta on [-1, 1]",
        claims=(*_GROWTH, "C08"),
        assumptions=(*COVER, SCALARS, UNIFORM),
        derive=_mixture,
    ),
    _proved(
        key="Cover.Mixture",
        title="(1 - rho/4)^n",
        conclusion=_EVENT + "at most (1 - rho/4)^n (1 - e)(1 - 2e) / (2 e^2), if a sample is "
        "uniform on [-c, c] with probability rho, else anything: e = eta/c for targets up to c/2, "
        "else eta/(2c) up to c",
        claims=(*_GROWTH, "C12", "C13"),
        assumptions=(*COVER, SCALARS, *WITHIN_COMPONENT),
        derive=_mixture,
    ),
    _proved(
        key="Cover.Rearrangement",
        title="Rearrangement drift, closed form",
        source=_REARRANGED,
        conclusion=_EVENT + "at most (1 - kappa/2)^n (1 - 2 eta/L)(L/eta - 1) L / (2 eta), for "
        "targets that fill an interval of length L and any symmetric unimodal law; kappa is the "
        "least ratio of the drift to v(1 - v)",
        claims=_DRIFT,
        derive=_rearranged,
    ),
    _proved(
        key="Cover.WideWindow",
        title="Rearrangement drift in a wider window",
        source=_REARRANGED,
        conclusion=_EVENT + "at most (1 - kappa/2)^n (L/(2 eta) - 1)^2 for a window of length L "
        "with eta to spare at either end, any symmetric unimodal law; the best L of a short list",
        claims=_DRIFT,
        derive=_wide_window,
    ),
    _proved(
        key="Cover.DynamicProgram",
        title="Dynamic program against the worst drift",
        source=_REARRANGED,
        conclusion=_EVENT + "at most the value of a game whose adversary chooses how the covered "
        "fraction grows, within the proved drift; rounded towards the adversary",
        claims=(*_DRIFT, "C10"),
        assumptions=(*COVER, ON_GRID, SCALARS, DENSITY),
        derive=_dynamic_program,
        estimate_seconds=_program_seconds,
    ),
    _proved(
        key="Cover.SecondMoment",
        title="Second moment, then the dynamic program",
        source=_REARRANGED,
        conclusion=_EVENT + "at most the value of the game of Cover.DynamicProgram for the last "
        "samples alone, begun where a second moment leaves off: it bounds the mean part of the "
        "window that the first samples do not reach, given in which quarter of [-1, 1] each lies. "
        "One line of the record serves one number of first samples, so that away from its eta and "
        "delta Cover.DynamicProgram may need fewer samples",
        claims=(*_DRIFT, "C10", "C28", "C29"),
        assumptions=(*COVER, SCALARS, UNIFORM, HALF, RECORDED),
        derive=_second_moment,
        estimate_seconds=_program_seconds,
    ),
    _proved(
        key="Cover.ComponentProgram",
        title="Dynamic program, uniform part only",
        conclusion=_EVENT + "at most the value of the game of Cover.DynamicProgram with the drift "
        "of the uniform part of the law alone: no rearrangement inequality is needed",
        claims=("C03", "C07", "C10", "C12", "C13"),
        assumptions=(*COVER, ON_GRID, SCALARS, *WITHIN_COMPONENT),
        derive=partial(_dynamic_program, component=True),
        estimate_seconds=_component_seconds,
    ),
    _proved(
        key="Cover.LowerBound",
        title="Necessary samples",
        conclusion="with fewer samples than the necessary number, some target of the interval is "
        "farther than 2 eta from every subset sum with a probability, over the draw of the "
        "samples, above the one allowed: there are too few sums, or too few samples of one sign",
        claims=("C11",),
        derive=_lower_bound,
        estimate_seconds=_lower_bound_seconds,
    ),
)
