"""Plants in the bounds on the probability that a covering fails, from above and from below."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from flint import arb

from planted.error import PlantedError, edited


def _constant(
    claim: str, name: str, wrong: Any, what: str, *, is_small: bool = False
) -> PlantedError:
    return PlantedError(claim, what, "constants", name, lambda true: wrong, is_small=is_small)


def _drift(claim: str, drift: Fraction, *, is_small: bool = False) -> PlantedError:
    what = f"the drift is {float(drift)} p(1-p) instead of 0.5"
    return _constant(claim, "DRIFT", drift, what, is_small=is_small)


def _start(claim: str) -> PlantedError:
    what = "the process starts at 2.1 eta instead of 2 eta"
    return _constant(claim, "START_IN_ETAS", Fraction(21, 10), what, is_small=True)


def _missing(claim: str) -> PlantedError:
    what = "the process may miss 1.1 eta instead of eta"
    return _constant(claim, "MISSING_IN_ETAS", Fraction(11, 10), what, is_small=True)


_RATE = (
    _constant("C08", "COVER_RATE", Fraction(2, 3), "the rate is 2/3 instead of 3/4"),
    _constant(
        "C08", "COVER_RATE", Fraction(74, 100), "the rate is 0.74 instead of 3/4", is_small=True
    ),
    _constant(
        "C08", "COVER_RATE", Fraction(76, 100), "the rate is 0.76 instead of 3/4", is_small=True
    ),
    _drift("C08", Fraction(3, 5)),
    _drift("C08", Fraction(51, 100), is_small=True),
    _start("C08"),
    _missing("C08"),
    PlantedError(
        "C08",
        "the bound is that of one sample more",
        "cover_simulation",
        "rate_bound",
        lambda true: lambda n, eta: true(n + 1, eta),
        is_small=True,
    ),
    PlantedError(
        "C08",
        "the worst law is on half of the range",
        "cover_simulation",
        "_mean_factor",
        edited("most = min(p, 1 - p)", "most = min(p, 1 - p) / 2"),
    ),
    PlantedError(
        "C08",
        "the start is left out of the bound",
        "cover_simulation",
        "start_ratio",
        lambda true: lambda eta: Fraction(1),
    ),
    PlantedError(
        "C08",
        "the table needs one sample less at 2^-12",
        "cover_simulation",
        "_RATE_ROWS",
        lambda true: true | {Fraction(1, 100): (*true[Fraction(1, 100)][:-1], 71)},
        is_small=True,
    ),
)

_LUEKER = (
    _constant("C09", "LUEKER_NUMERATOR", Fraction(4, 3), "C is 4/3 over ln 2 instead of 2"),
    _constant(
        "C09",
        "LUEKER_NUMERATOR",
        Fraction(199, 100),
        "C is 1.99 over ln 2 instead of 2",
        is_small=True,
    ),
    _constant("C09", "AZUMA_RANGE", Fraction(1), "an increment has the range 1 instead of 2"),
    _constant(
        "C09",
        "AZUMA_RANGE",
        Fraction(19, 10),
        "an increment has the range 1.9 instead of 2",
        is_small=True,
    ),
    _constant("C09", "LOGIT_BASE", 2.0625, "the slope is ln 2.0625 instead of ln 2", is_small=True),
    _start("C09"),
    _missing("C09"),
    _drift("C09", Fraction(51, 100), is_small=True),
    PlantedError(
        "C09",
        "the exponent is divided by n instead of 2n",
        "cover_simulation",
        "_lueker_bound",
        edited("(2 * num_samples)", "num_samples"),
    ),
    PlantedError(
        "C09",
        "the exponent is 1.05 times as large",
        "cover_simulation",
        "_lueker_bound",
        edited("(2 * num_samples)", "(2 * num_samples) * 1.05"),
        is_small=True,
    ),
    PlantedError(
        "C09",
        "the mean of the increments adds up to n instead of n/2",
        "cover_simulation",
        "_lueker_bound",
        edited("Fraction(num_samples, 2)", "Fraction(num_samples)"),
    ),
    PlantedError(
        "C09",
        "the condition n/2 > C ln(1/eta) is dropped",
        "cover_simulation",
        "_lueker_bound",
        edited("if excess > 0 else arb(1)", "if num_samples else arb(1)"),
    ),
    PlantedError(
        "C09",
        "the increments needed are those to half of the window",
        "cover_simulation",
        "_increments",
        lambda true: lambda eta: true(eta) / 2,
    ),
)

_START = "start = 2 * eta / length"
_END = "missing = eta if length == 1 else 2 * eta / length"
_PROGRAM_EDITS = (
    (_START, "start = 4 * eta / length", "starts at 4 eta", False),
    (_START, "start = Fraction(17, 8) * eta / length", "starts at 2.125 eta", True),
    (_END, "missing = 2 * eta / length", "ends at 1 - 2 eta", False),
    ("missing = eta if", "missing = eta * 17 / 16 if", "ends at 1 - 17/16 eta", True),
    ("else 2 * eta / length", "else 3 * eta / length", "ends at 1 - 3 eta for L = 5/4", False),
)

_PROGRAM = (
    _drift("C10", Fraction(3, 5)),
    _drift("C10", Fraction(21, 40), is_small=True),
    _drift("C10", Fraction(101, 200), is_small=True),
    *(
        PlantedError(
            "C10",
            f"the program {what}",
            "dynamic_program",
            "Program.of",
            edited(old, new),
            is_small=is_small,
        )
        for old, new, what, is_small in _PROGRAM_EDITS
    ),
    PlantedError(
        "C10",
        "a sample reaches 1.5 p instead of 2 p",
        "dynamic_program",
        "Program.all_values",
        edited("2 * points[1:]", "1.5 * points[1:]"),
    ),
    PlantedError(
        "C10",
        "a sample reaches 1.9 p instead of 2 p",
        "dynamic_program",
        "Program.all_values",
        edited("2 * points[1:]", "1.9 * points[1:]"),
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the last failing cell is taken for a success",
        "dynamic_program",
        "Program.all_values",
        edited("values[-2:] = 0.0", "values[-4:] = 0.0"),
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the values start at 0.9 instead of 1",
        "dynamic_program",
        "Program.all_values",
        edited("np.ones(2 * len(points) - 2)", "0.9 * np.ones(2 * len(points) - 2)"),
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the mean growth counts twice",
        "dynamic_program",
        "Program.all_values",
        edited("aims = points + self.means", "aims = points + 2 * self.means"),
    ),
    PlantedError(
        "C10",
        "the least of the values that are reached is taken",
        "dynamic_program",
        "_Block.next_values",
        edited("low = heights[rows, top]", "low = heights[rows, left]"),
    ),
    PlantedError(
        "C10",
        "the slope of the next value is too steep by a tenth",
        "dynamic_program",
        "_Block.next_values",
        edited("low - slopes * self.advances", "low - 1.1 * slopes * self.advances"),
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the drift of every law and window is that of uniform samples and L = 1",
        "dynamic_program",
        "_mean",
        lambda true: lambda law, p, length: true("uniform", p, Fraction(1)),
    ),
    PlantedError(
        "C10",
        "the drift of a longer window is 1.05 times as large",
        "dynamic_program",
        "least_growth",
        lambda true: lambda law, p, length: true(law, p, length) * 21 / 20,
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the mean hole is taken as 0.9 of what it is",
        "dynamic_program",
        "Program.failure_bounds_after",
        edited("(1.0 - mean_hole)", "(1.0 - 0.9 * mean_hole)"),
        is_small=True,
    ),
    PlantedError(
        "C10",
        "the table needs 55 samples at 2^-12 instead of 56",
        "dynamic_program",
        "_TABLE",
        lambda true: true | {-12: ((*true[-12][0][:-1], 55), *true[-12][1:])},
        is_small=True,
    ),
)


def _lower(
    name: str, wrong: Callable[[Any], Any], what: str, *, is_small: bool = False
) -> PlantedError:
    return PlantedError("C11", what, "lower_bounds", name, wrong, is_small=is_small)


_LOWER = (
    _lower(
        "mean_sums",
        lambda true: lambda n, reach: true(n, reach) * 9 / 10,
        "the mean number of sums is 0.9 of the true one",
        is_small=True,
    ),
    _lower(
        "mean_sums",
        lambda true: lambda n, reach: 1 + (true(n, reach) - 1) * 9 / 10,
        "the mean number of sums but the empty one is 0.9 of the true one",
        is_small=True,
    ),
    _lower(
        "mean_sums",
        lambda true: lambda n, reach: true(n, reach) - 1,
        "the empty sum is left out",
        is_small=True,
    ),
    _lower(
        "mean_sums",
        edited("range(1, num_samples + 1)", "range(1, num_samples)"),
        "the sum of all samples is left out",
        is_small=True,
    ),
    _lower(
        "mean_sums",
        edited("(k + reach) / 2) - sum_below(k, (k - reach) / 2)", "reach)"),
        "the samples are uniform on [0, 1]",
    ),
    _lower(
        "counting_reach",
        lambda true: lambda eta: Fraction(1, 2),
        "sums outside the window are not counted",
    ),
    _lower(
        "counting_bound",
        edited("covered = 2 *", "covered ="),
        "a sum covers 2 eta instead of 4 eta",
    ),
    _lower(
        "counting_bound",
        edited("covered = 2 *", "covered = Fraction(19, 10) *"),
        "a sum covers 3.8 eta instead of 4 eta",
        is_small=True,
    ),
    _lower(
        "sign_reach",
        lambda true: lambda eta: Fraction(1, 2) - eta,
        "the negative samples must come within eta instead of 2 eta",
    ),
    _lower(
        "sign_reach",
        lambda true: lambda eta: true(eta) * 21 / 20,
        "the negative samples must reach 1.05 times as far",
        is_small=True,
    ),
    _lower(
        "negatives_below",
        edited("/ (1 << num_samples)", "/ (1 << max(num_samples - 1, 0))"),
        "the sign of one sample is known",
        is_small=True,
    ),
    _lower(
        "negatives_below",
        edited(" / factorial(k)", ""),
        "k negative samples are below c with probability c^k",
    ),
    _lower(
        "sum_below",
        lambda true: lambda k, x: true(k, x) if k < 12 else true(k, x * 21 / 20),
        "sums of 12 samples and more are taken 1.05 times as large",
        is_small=True,
    ),
    _lower(
        "_ROW",
        lambda true: (*true[:-1], 13),
        "the table says that 13 samples are needed at 2^-12 instead of 12",
        is_small=True,
    ),
    _constant(
        "C11",
        "TOLERANCE_IN_ETAS",
        Fraction(19, 10),
        "all targets must be within 1.9 eta instead of 2 eta",
        is_small=True,
    ),
)

_MIXTURE = (
    _drift("C13", Fraction(3, 5)),
    _drift("C13", Fraction(51, 100), is_small=True),
    _start("C13"),
    _missing("C13"),
    _constant(
        "C13",
        "COMPONENT_MASS_OVER_LN2",
        Fraction(649, 1000),
        "the component has the mass 0.649 ln 2 instead of 0.5",
    ),
    _constant(
        "C13",
        "COMPONENT_MASS_OVER_LN2",
        Fraction(51, 100),
        "the component has the mass 0.51 ln 2 instead of 0.5",
        is_small=True,
    ),
    _constant("C13", "COMPONENT_END", Fraction(1, 4), "the component is narrowed to [-1/4, 1/4]"),
    _constant(
        "C13",
        "COMPONENT_END",
        Fraction(9, 20),
        "the component is narrowed to [-0.45, 0.45]",
        is_small=True,
    ),
    _constant(
        "C13",
        "COMPONENT_END",
        Fraction(11, 20),
        "the component is widened to [-0.55, 0.55]",
        is_small=True,
    ),
    _constant(
        "C13", "MIXTURE_LOSS", Fraction(1, 3), "the rate of a mixture is 1 - rho/3, not 1 - rho/4"
    ),
    _constant(
        "C13",
        "MIXTURE_LOSS",
        Fraction(51, 200),
        "the rate of a mixture is 1 - 0.255 rho, not 1 - rho/4",
        is_small=True,
    ),
    PlantedError(
        "C13",
        "the simulated component is [-1/4, 1/4]",
        "mixture",
        "_thinned",
        edited("int(size * constants.COMPONENT_END)", "size // 4"),
    ),
    PlantedError(
        "C13",
        "the samples are uniform whatever the mass",
        "mixture",
        "_mixture_bound",
        lambda true: lambda mass: true(arb(1)),
    ),
)

PLANTS = (*_RATE, *_LUEKER, *_PROGRAM, *_LOWER, *_MIXTURE)
