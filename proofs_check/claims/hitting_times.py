"""How many samples cover all targets: a table, the recorded draws behind it, and new draws."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from proofs_check.claims.cells import Cover, Law, Times, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import lower_limit, upper_limit
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.simulated_tail import FALSE_ALARM, false_alarm_text

_MAX_SAMPLES = 40

#: The eta of the table are the powers of 2 with these exponents.
LOG2_ETAS = range(-3, -13, -1)

#: The draws behind the table: trials that reach all targets with at most n samples.
RECORD = Path(__file__).parent / "hitting_times.csv"
RECORDED_TRIALS = 4000
_SEED = 23

# The least n that surely covers in a share 1 - delta of the recorded draws: eta = 2^-3 to 2^-12.
_TABLE = {
    Law.UNIFORM: {
        Fraction(1, 10): (7, 8, 9, 11, 12, 13, 14, 16, 17, 18),
        Fraction(1, 20): (8, 9, 10, 12, 13, 14, 15, 17, 18, 19),
        Fraction(1, 100): (11, 12, 13, 14, 15, 17, 18, 19, 20, 21),
    },
    Law.PRODUCT: {
        Fraction(1, 10): (9, 11, 12, 13, 13, 14, 15, 16, 17, 18),
        Fraction(1, 20): (11, 13, 14, 14, 15, 16, 17, 18, 19, 19),
        Fraction(1, 100): (15, 17, 18, 19, 19, 19, 20, 21, 22, 23),
    },
}

#: How many trials have a time <= n, for n = 0 .. _MAX_SAMPLES, at least and at most.
Shares = tuple[tuple[int, ...], tuple[int, ...]]


def shares(below: Times, above: Times) -> Shares:
    """Return how many trials have a time <= n, from bounds of their times, trial by trial."""
    counts = range(_MAX_SAMPLES + 1)
    surely, perhaps = (
        tuple(int(np.count_nonzero(times <= n)) for n in counts) for times in (above, below)
    )
    return surely, perhaps


def drawn_lines(law: Law, log2_eta: int) -> Iterator[str]:
    """Yield the lines of the record for one law and eta: law, log2 eta, n, surely, perhaps."""
    rng = np.random.default_rng([_SEED, *law.encode(), -log2_eta])
    cover = Cover.at(log2_eta, 8)
    surely, perhaps = [0] * (_MAX_SAMPLES + 1), [0] * (_MAX_SAMPLES + 1)
    for _ in range(RECORDED_TRIALS // 100):  # few at a time: rows of cells are lists
        rows = draw_cells(law, (100, _MAX_SAMPLES), bits=cover.bits, rng=rng)
        more = shares(*cover.hitting_times(rows))
        surely, perhaps = (
            [a + b for a, b in zip(old, new, strict=True)]
            for old, new in zip((surely, perhaps), more, strict=True)
        )
    for n, (least, most) in enumerate(zip(surely, perhaps, strict=True)):
        yield f"{law},{log2_eta},{n},{least},{most}"


def recorded_shares() -> dict[tuple[Law, int], Shares]:
    """Return the record, by law and log2 of eta."""
    rows: dict[tuple[Law, int], list[tuple[int, int]]] = {}
    for line in RECORD.read_text("ascii").splitlines()[1:]:
        law, log2_eta, n, surely, perhaps = line.split(",")
        found = rows.setdefault((Law(law), int(log2_eta)), [])
        if int(n) != len(found):
            raise ValueError(f"{RECORD.name}: the line of n = {len(found)} is missing: {line}")
        found.append((int(surely), int(perhaps)))
    return {
        key: (tuple(a for a, _ in pairs), tuple(b for _, b in pairs)) for key, pairs in rows.items()
    }


def quantiles(found: Shares, trials: int, delta: Fraction) -> tuple[int, int]:
    """Return the least n that covers in a share 1 - delta of the trials, at least and at most."""
    surely, perhaps = (
        next((n for n, count in enumerate(row) if count >= (1 - delta) * trials), len(row))
        for row in found
    )
    return perhaps, surely


def may_be_same(first: Shares, second: Shares, trials: tuple[int, int], level: Fraction) -> bool:
    """Return whether both may be draws of one law: their intervals of P(T <= n) meet for all n.

    The answer is wrongly False with probability at most 4 `level` for each n.
    """
    sides = (
        (first[0], trials[0], second[1], trials[1]),
        (second[0], trials[1], first[1], trials[0]),
    )
    for surely, number, perhaps, other_number in sides:
        for count, other in zip(surely, perhaps, strict=True):
            # Where the shares overlap, so do the intervals around them.
            if count * other_number <= other * number:
                continue
            low = lower_limit(count, number, false_alarm=level)
            if low > upper_limit(other, other_number, false_alarm=level):
                return False
    return True


def _table_steps(steps: Steps, recorded: dict[tuple[Law, int], Shares]) -> None:
    wrong, wide = [], 0
    is_law = recorded.keys() == {(law, log2_eta) for law in Law for log2_eta in LOG2_ETAS}
    for (law, log2_eta), found in recorded.items():
        surely, perhaps = found
        is_law &= sorted(surely) == list(surely) and sorted(perhaps) == list(perhaps)
        is_law &= all(a <= b <= RECORDED_TRIALS for a, b in zip(surely, perhaps, strict=True))
        # 2^n sums reach at most 2^n 4 eta of the window: fewer samples never cover it.
        is_law &= perhaps[-log2_eta - 3] == 0 and surely[-1] > RECORDED_TRIALS - 4
        for delta, row in _TABLE[law].items():
            least, most = quantiles(found, RECORDED_TRIALS, delta)
            wide += most - least
            if row[-3 - log2_eta] != most:
                wrong.append(f"{law} 2^{log2_eta} at {float(delta):g}")
    number = 3 * len(recorded)
    steps.step(f"the record has {RECORDED_TRIALS} trials of each law and eta", is_law)
    text = f"{number} entries are the quantiles of the record, upper ends{'; not ' * bool(wrong)}"
    steps.step(text + ", ".join(wrong), not wrong)
    steps.step(f"the lower ends differ {wide} times", 10 * wide <= number)


def _bracket_step(steps: Steps, rng: np.random.Generator) -> None:
    """Compare brackets with times in rational arithmetic, for samples anywhere in their cells.

    With wide cells it matters where a sample lies, with narrow ones what exactly is covered.
    """
    half, tolerance = Fraction(1, 2), Fraction(1, 4)  # 2 eta
    is_bracketed, exact = True, []
    for bits in (6, 10):
        cover = Cover.at(-3, bits - 3)
        rows = draw_cells(Law.UNIFORM, (60, 9), bits=bits, rng=rng)
        below, above = cover.hitting_times(rows)
        exact.append(int(np.count_nonzero(below == above)))
        for row, low, high in zip(rows, below, above, strict=True):
            sums, time = {Fraction(0)}, 0
            samples = [(cell + Fraction(int(rng.integers(0, 65)), 64)) / 2**bits for cell in row]
            while not _covers(sums, tolerance, half) and time < len(samples):
                sums |= {x + samples[time] for x in sums}
                time += 1
            time += not _covers(sums, tolerance, half)
            is_bracketed &= low <= time <= high
    steps.step("times in rational arithmetic lie in their brackets", is_bracketed)
    text = f"{exact[0]} of 60 brackets are a point with wide cells, {exact[1]} with narrow ones"
    steps.step(text, exact[0] >= 20 and exact[1] >= 50)


def _covers(sums: set[Fraction], tolerance: Fraction, half: Fraction) -> bool:
    pieces = IntervalUnion.of((x - tolerance, x + tolerance) for x in sums)
    return pieces.within((-half, half)).measure == 2 * half


def _law_step(steps: Steps, law: Law, rows: list[list[int]], bits: int, level: Fraction) -> None:
    """Compare how many samples lie in [-1/2, 1/2): 1/2 of them, of products 1/2 + ln(2)/2."""
    cells = np.array(rows).ravel()
    half = 1 << bits - 1
    inside = int(np.count_nonzero((cells >= -half) & (cells < half)))
    # ln 2 to 7 digits, in units that the comparison cannot tell from the truth
    share = Fraction(1, 2) + (Fraction(6931472, 2 * 10**7) if law is Law.PRODUCT else 0)
    holds = lower_limit(inside, cells.size, false_alarm=level) <= share
    holds &= share <= upper_limit(inside, cells.size, false_alarm=level)
    steps.step(f"{law}: {inside / cells.size:.4f} of samples below 1/2 in size", holds)


def _redrawn(
    law: Law,
    recorded: dict[tuple[Law, int], Shares],
    *,
    effort: Effort,
    rng: np.random.Generator,
    steps: Steps,
) -> None:
    """Draw new samples of one law and compare them with the record, from the largest eta on."""
    level, means = FALSE_ALARM / _num_tests(recorded), []
    text = f"{law}: new draws agree with the record at every n, eta = 2^-3 to 2^-12"
    for log2_eta in LOG2_ETAS:
        # Fewer trials and, for small eta, wider cells: what is long in Python integers.
        trials = effort.pick(1500 if log2_eta >= -7 else 400 if log2_eta >= -9 else 120, 4000)
        cover = Cover.at(log2_eta, effort.pick(8 if log2_eta >= -8 else 6, 8))
        rows = draw_cells(law, (trials, _MAX_SAMPLES), bits=cover.bits, rng=rng)
        if log2_eta == LOG2_ETAS[0]:
            _law_step(steps, law, rows, cover.bits, level)
            if not steps.hold:
                return
        below, above = cover.hitting_times(rows)
        means.append(float(below.mean()))
        sizes = len(rows), RECORDED_TRIALS
        if not may_be_same(shares(below, above), recorded[law, log2_eta], sizes, level):
            steps.step(f"{text}; not 2^{log2_eta}", False)
            return  # the small eta take longest
    # How many samples one more bit of accuracy costs; reported, not tested.
    slope = -float(np.polyfit(LOG2_ETAS, means, 1)[0])
    steps.step(f"{text}; {slope:.2f} samples a bit, reported", True)


def _num_tests(recorded: dict[tuple[Law, int], Shares]) -> int:
    """Return how many limits are compared: four for each n and entry, and two for each law."""
    return 4 * (_MAX_SAMPLES + 1) * len(recorded) + 2 * len(Law)


def _table(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    recorded = recorded_shares()
    _table_steps(steps, recorded)
    _bracket_step(steps, rng)
    for law in Law:
        if steps.hold:
            _redrawn(law, recorded, effort=effort, rng=rng, steps=steps)
    return steps.evidence(false_alarm_text(_num_tests(recorded)))


CLAIMS = (
    Claim(
        "C23",
        "For eta = 2^-3 to 2^-12, delta = 1/10, 1/20, 1/100 and independent samples of U[-1, 1] or "
        "products of two such, the table has the least n at which, in a share 1 - delta of 4000 "
        "recorded draws, the subset sums of the first n samples surely come within 2 eta of every "
        "target of [-1/2, 1/2]; new draws agree with the record at every n",
        Method.STATISTICAL,
        "this project",
        _table,
    ),
)
