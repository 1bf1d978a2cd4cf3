"""How many samples cover all targets, drawn again and compared with the table."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from proofs_check.claims.cells import Cover, Law, Times, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import lower_limit, upper_limit
from proofs_check.claims.simulated_tail import FALSE_ALARM, false_alarm_text

_MAX_SAMPLES = 40

# The recalled table of this project: quantiles for eta = 2^-3 to 2^-12, by failure probability.
_TABLE = {
    Law.UNIFORM: {
        Fraction(1, 10): (7, 8, 9, 11, 12, 13, 14, 16, 17, 18),
        Fraction(1, 20): (8, 9, 10, 12, 13, 14, 15, 17, 18, 19),
        Fraction(1, 100): (11, 12, 13, 14, 15, 16, 18, 19, 21, 22),
    },
    Law.PRODUCT: {
        Fraction(1, 10): (9, 11, 12, 13, 14, 14, 15, 16, 17, 18),
        Fraction(1, 20): (11, 13, 14, 15, 15, 16, 17, 18, 18, 20),
        Fraction(1, 100): (14, 17, 18, 18, 18, 19, 20, 21, 22, 23),
    },
}


def may_be_quantile(
    value: int, below: Times, above: Times, *, delta: Fraction, false_alarm: Fraction
) -> bool:
    """Return whether `value` lies in a confidence interval of the least n, P(T <= n) >= 1 - delta.

    `below` and `above` bound the times T, trial by trial. The answer is wrongly False with
    probability at most `false_alarm`.
    """
    trials, level = len(below), false_alarm / 2
    enough = int(np.count_nonzero(below <= value))
    before = int(np.count_nonzero(above <= value - 1))
    return (
        upper_limit(enough, trials, false_alarm=level) >= 1 - delta
        and lower_limit(before, trials, false_alarm=level) < 1 - delta
    )


def _table(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps, slopes = Steps(), []
    log2_etas = range(-3, effort.pick(-7, -10), -1)
    trials, num_tests = effort.pick(1500, 4000), 2 * 3 * len(log2_etas)
    for law, rows in _TABLE.items():
        misses, means = [], []
        for index, log2_eta in enumerate(log2_etas):
            cover = Cover.at(log2_eta, 8)
            samples = draw_cells(law, (trials, _MAX_SAMPLES), bits=cover.bits, rng=rng)
            below, above = cover.hitting_times(samples)
            means.append(float(below.mean()))
            for delta, row in rows.items():
                level = FALSE_ALARM / num_tests
                if not may_be_quantile(row[index], below, above, delta=delta, false_alarm=level):
                    misses.append(f"2^{log2_eta} at delta = {float(delta):g}")
        text = f"{law}: {3 * len(log2_etas)} quantiles in their intervals ({trials} trials)"
        steps.step(f"{text}{'; not ' * bool(misses)}{', '.join(misses)}", not misses)
        # How many samples one more bit of accuracy costs; reported, not tested.
        slopes.append(float(np.polyfit(log2_etas, means, 1)[0]))
    text = ", ".join(f"{law} {-slope:.2f}" for law, slope in zip(_TABLE, slopes, strict=True))
    steps.step(f"samples per bit, reported: {text}", True)
    return steps.evidence(false_alarm_text(num_tests))


CLAIMS = (
    Claim(
        "C23",
        "The table of simulated sample sizes is drawn again",
        Method.STATISTICAL,
        "this project",
        _table,
    ),
)
