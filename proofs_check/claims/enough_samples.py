"""That 37 samples are enough: a mean hole after 25, and the adversarial program after it."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise, product

import numpy as np

from proofs_check.claims import constants, hole_record, second_moment
from proofs_check.claims.cells import Law
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.dynamic_program import Program
from proofs_check.claims.pair_integrals import CELLS_PER_UNIT, PairIntegrals
from proofs_check.claims.pair_moments import stated_moments
from proofs_check.claims.second_moment import Counts
from proofs_check.claims.subset_moments import KAPPAS, Cover, kinds_near
from proofs_check.claims.unimodal_drift import least_growth

_DELTA = Fraction(1, 100)
_ETA_BITS = 12
_HALF_CELLS = 5  # the window is [-5/8, 5/8]

# What the program says after the mean hole: recorded, so that less or more is seen.
_FAILURE = Fraction(8388, 10**6)
_FAILURE_OFF = Fraction(2, 10**6)

_HOLE_OFF = Fraction(5, 10**8)
_MEAN_UNIT = Fraction(1, 10**4)  # MEAN_HOLE is rounded upwards to it
_RECORDED_MEAN = Fraction(45493257, 10**10)  # of the record, so that a changed line is seen
_MEAN_OFF = Fraction(1, 10**10)
_SPOTS = 2
_CHEAP = 1 << 21  # kinds of pairs of subsets in a spot check, at most: seconds
_CLOSE = Fraction(1, 10**6)


def _solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Return the solution of a linear system that is not singular."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        pivot = next(r for r in range(k, len(rows)) if rows[r][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for r in range(len(rows)):
            if r != k and rows[r][k]:
                factor = rows[r][k]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]


def stated_hole(first: list[Fraction], second: list[list[Fraction]]) -> Fraction:
    """Return 1 - (lambda . first)^2 / (|C| lambda . second lambda), |C| = 1/4.

    lambda solves second lambda = first on a set of kinds: first on all that are ever near, and then
    without those that come out negative, until none does.
    """
    used = [a for a, value in enumerate(first) if value > 0]
    while used:
        weights = _solved([[second[a][b] for b in used] for a in used], [first[a] for a in used])
        if min(weights) >= 0:
            terms = (w * first[a] for w, a in zip(weights, used, strict=True))
            return max(Fraction(0), 1 - CELLS_PER_UNIT * sum(terms, Fraction(0)))
        used = [a for w, a in zip(weights, used, strict=True) if w > 0]
    return Fraction(1)


def exact_mean_hole(cover: Cover, least_probability: Fraction) -> Fraction:
    """Return what `mean_hole` rounds: a list of all kappas, no mirror images, in rationals."""
    integrals = PairIntegrals(cover.num_samples)
    total, holes = Fraction(0), {}
    draws = [
        tuple(draw.count(kappa) for kappa in KAPPAS)
        for draw in product(KAPPAS, repeat=cover.num_samples)
    ]
    for counts in draws:
        share = Fraction(draws.count(counts), len(draws))
        if counts != counts[::-1]:
            share *= 2  # that of the counts and of their mirror image
        if share < least_probability:
            total += 1
            continue
        if counts not in holes:
            kinds = kinds_near(counts, cover, integrals)
            first, second = stated_moments(counts, kinds, cover)
            columns = ([row[n] for row in first] for n in range(len(cover.cells)))
            cells = [stated_hole(*pair) for pair in zip(columns, second, strict=True)]
            holes[counts] = sum(cells, Fraction(0)) / len(cells)
        total += holes[counts]
    return total / len(draws)


def _cauchy_schwarz_steps(steps: Steps) -> None:
    """Check the hole of one cell where Cauchy and Schwarz have an equality, or weights vanish."""
    tenth, none, one = Fraction(1, 10), Fraction(0), Fraction(1)
    cases: list[tuple[list[Fraction], list[list[Fraction]], Fraction]] = [
        # N is 1 with probability p, else 0: the hole is 1 - p. |C| = 1/4.
        *(([p / 4], [[p / 4]], 1 - p) for p in (tenth, 5 * tenth, 9 * tenth)),
        # Kinds that never meet, each 1 with probability 1/10 or 3/10.
        ([tenth / 4, 3 * tenth / 4], [[tenth / 4, none], [none, 3 * tenth / 4]], 6 * tenth),
        # The second kind would have a negative weight: it is left out.
        ([2 * tenth, tenth], [[one, 9 * tenth], [9 * tenth, one]], 1 - 16 * tenth**2),
        ([none], [[one]], one),
    ]
    holds = True
    for first, second, hole in cases:
        found = second_moment._hole(np.array(first, dtype=float), np.array(second, dtype=float))
        holds &= 0 <= Fraction(found) - hole <= _CLOSE and stated_hole(first, second) == hole
    steps.step("1 - (E N)^2/E N^2 where it is an equality, and where weights vanish", holds)


def _tiny_steps(steps: Steps) -> None:
    """Check the mean hole of four samples against rationals."""
    is_whole = all(
        sum(share for _, share in second_moment.kappa_counts(n)) == 1 for n in (1, 4, 9, 25)
    )
    steps.step("the probabilities of all counts sum to 1", is_whole)
    for bits, least in ((3, Fraction(1, 20)), (4, Fraction(0))):
        cover = Cover(4, bits, 2)
        exact = exact_mean_hole(cover, least)
        found = Fraction(second_moment.mean_hole(cover, least_probability=float(least)))
        text = f"mean hole {float(exact):.6f} of 4 samples, eta = 2^-{bits}, as in rationals"
        steps.step(f"{text} from a list of all quarters", 0 <= found / exact - 1 <= _CLOSE)
    # Fewer than 2^24 terms, each rounded once: with factors and ratios at most 2^-26 in all.
    holds = 2.0**-26 <= second_moment._SLACK <= float(_CLOSE) / 5
    steps.step("the margin is above all roundings", holds)


def _program_steps(steps: Steps) -> None:
    """Check the program after a random start where it can be said in rationals."""
    eta, length = Fraction(1, 16), Fraction(5, 4)
    program = Program.of(Law.UNIFORM, eta, length=length, cells_per_octave=24)
    points = [Fraction(point) for point in program.points]
    missing = 2 * eta / length
    holds = abs(points[0] - missing) < Fraction(1, 2**39)  # [-eta, eta] and the hole are as long
    holds &= abs(1 - points[-2] - missing) < Fraction(1, 2**39) and points[-1] == 1
    steps.step("starts with [-eta, eta], ends with holes shorter than 2 eta", holds)
    shares = [Fraction(1, 50), missing / 2, Fraction(1, 5)]
    first = [Fraction(next(program.failure_bounds_after(float(hole)))) for hole in shares]
    markov = [min(Fraction(1), hole / missing) for hole in shares]
    holds = all(0 <= a - b <= _CLOSE for a, b in zip(first, markov, strict=True))
    steps.step("without further samples: Markov's bound, hole over 2 eta/L", holds)
    # The program changes its array in place: each stage is copied before the next.
    stages = [[Fraction(v) for v in values.tolist()] for values in islice(program.all_values(), 4)]
    ends = [point for pair in pairwise(points) for point in pair]
    after = [list(islice(program.failure_bounds_after(float(h)), 4)) for h in shares]
    holds = True
    for hole, bounds in zip(shares, after, strict=True):
        for values, bound in zip(stages, bounds, strict=True):
            exact = min(Fraction(1), _hull_at(ends, values, 1 - Fraction(float(hole))))
            holds &= exact <= Fraction(bound) <= exact + _CLOSE
    steps.step("after 0 .. 3 samples: the concave hull of the program's values at the mean", holds)
    holds = True
    for place, p in enumerate(points[:-2]):
        slack = 1 - p - missing  # a growth of less leaves a hole
        most = min(p, 1 - p)
        mean = least_growth(Law.UNIFORM, p, length)
        if most > slack:
            worst = (
                min(Fraction(1), (most - mean) / (most - slack)) if mean > slack else Fraction(1)
            )
            holds &= worst <= stages[1][2 * place] <= worst + Fraction(1, 25)
    steps.step("one sample: the adversary's two-point law, to 1/25", holds)


def _hull_at(places: list[Fraction], values: list[Fraction], aim: Fraction) -> Fraction:
    """Return the largest mean of values over laws on `places` with a mean place of at least aim."""
    best = max(value for place, value in zip(places, values, strict=True) if place >= aim)
    left = [(p, v) for p, v in zip(places, values, strict=True) if p < aim]
    right = [(p, v) for p, v in zip(places, values, strict=True) if p >= aim]
    for p, v in left:
        for q, w in right:
            best = max(best, (v * (q - aim) + w * (aim - p)) / (q - p))
    return best


def _record_steps(steps: Steps, effort: Effort, rng: np.random.Generator) -> None:
    """Check the record of holes, whole in full mode, and what strongltn makes of it."""
    cover = Cover(constants.SECOND_MOMENT_SAMPLES, _ETA_BITS, _HALF_CELLS)
    holes = hole_record.recorded_holes()
    counts = second_moment.kappa_counts(cover.num_samples)
    likely = {c: p for c, p in counts if p >= second_moment.LEAST_PROBABILITY}
    steps.step(
        f"{len(holes)} holes: one for each likely count of quarters", holes.keys() == likely.keys()
    )
    if holes.keys() != likely.keys():
        return
    mean = Fraction(second_moment.mean_hole(cover, hole_of=lambda c: float(holes[c])))
    stated = constants.MEAN_HOLE
    text = f"their mean, rare counts as 1, is {float(mean):.6f}: {float(stated)} rounded upwards"
    steps.step(text, stated - _MEAN_UNIT < mean <= stated)
    steps.step("no line of the record has changed", abs(mean - _RECORDED_MEAN) <= _MEAN_OFF)
    promised = hole_record.promised_holes()
    own = {
        "eta": Fraction(1, 2**_ETA_BITS),
        "num_samples": Fraction(cover.num_samples),
        "length": Fraction(_HALF_CELLS, CELLS_PER_UNIT),
        "mean_hole": stated,
    }
    if promised is None:
        steps.step("strongltn is not here, its record not compared", True)
    else:
        steps.step("strongltn's record says the same", promised == [own])
    if not steps.hold:  # what follows takes longest
        return
    integrals = PairIntegrals(cover.num_samples)
    spots = list(likely) if effort is Effort.FULL else _spots(likely, rng)
    is_same = all(
        0 <= holes[c] - Fraction(second_moment.hole_given(c, cover, integrals)) <= _HOLE_OFF
        for c in spots
    )
    steps.step(
        f"{len(spots)} of {len(holes)} computed anew, the same to {float(_HOLE_OFF)}", is_same
    )


def _spots(likely: dict[Counts, Fraction], rng: np.random.Generator) -> list[Counts]:
    """Return a few counts whose hole takes seconds: those with few pairs of subsets."""
    cheap = [c for c in likely if np.prod([(n + 1) * (n + 2) * (n + 3) / 6 for n in c]) < _CHEAP]
    places = rng.choice(len(cheap), _SPOTS, replace=False).tolist()
    return [cheap[place] for place in places]


def _finish_steps(steps: Steps) -> None:
    """Check that the program ends below 1/100 after the mean hole of the constants."""
    after, more = constants.SECOND_MOMENT_SAMPLES, constants.PROGRAM_SAMPLES
    length, eta = Fraction(_HALF_CELLS, CELLS_PER_UNIT), Fraction(1, 2**_ETA_BITS)
    program = Program.of(Law.UNIFORM, eta, length=length, cells_per_octave=160)
    hole = constants.MEAN_HOLE
    bounds = list(islice(program.failure_bounds_after(float(hole)), more + 1))
    last = Fraction(bounds[-1])
    text = f"{after} samples leave a mean hole of {float(hole)}, {more} more fail with "
    text += f"{float(last):.6f}"
    holds = after + more == 37 and last <= _DELTA < Fraction(bounds[-2])
    steps.step(f"{text}, and one fewer with more than 1/100", holds)
    steps.step(f"which is {float(_FAILURE)} as recorded", abs(last - _FAILURE) <= _FAILURE_OFF)


def _enough(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    for check in (_cauchy_schwarz_steps, _tiny_steps, _program_steps, _finish_steps):
        if steps.hold:
            check(steps)
    if steps.hold:
        _record_steps(steps, effort, rng)
    if effort is Effort.QUICK:
        return steps.evidence("most holes are those of the record, computed anew in full mode")
    return steps.evidence()


CLAIMS = (
    Claim(
        "C29",
        "Of 37 independent samples of U[-1, 1] the subset sums reach every target of [-1/2, 1/2] "
        "within 2^-11, except with probability at most 1/100 over the draw. After 25 of them, and "
        "with eta = 2^-12, the mean share of [-5/8, 5/8] farther than eta from all subset sums is "
        "at most 0.0046 (doubles with a margin of 1e-7), and the program of C10 goes on from there "
        "with the drift of C27 and L = 5/4",
        Method.FLOATING,
        "this project; the event of Lueker 1998",
        _enough,
    ),
)
