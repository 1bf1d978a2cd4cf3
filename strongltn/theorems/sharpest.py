r"""How many hidden neurons one input needs: the best of the proved bounds, and which it was.

A neuron of an input is of use for one of the two signs of the input. Given the signs, the neurons
of use are independent samples of the law, so with failure bounds F(k) at k samples

.. math:: P(\text{failure}) \le \sum_k \binom nk s^k (1 - s)^{n - k} F(k)

for n neurons that are of use with probability s each. F is the least of the bounds that apply: the
adversarial program (`dynamic_program`), for uniform samples on [-1/2, 1/2] also the second moment
(`second_moment`). The closed form (`supermartingale`) is taken where the program would take long,
or its grid does not reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import comb

from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.certified import least
from strongltn.theorems.dynamic_program import LEAST_ETA, CoverProcess
from strongltn.theorems.second_moment import recorded_holes
from strongltn.theorems.supermartingale import GroupSize, best_window

CLOSED_FORM = "closed form of the rearrangement drift"
PROGRAM = "dynamic program"
SECOND_MOMENT = "second moment, then the dynamic program"

_MAX_SECONDS = 20.0  # of the program, for one theorem
_MAX_SAMPLES = 2000  # beyond, the program gains a handful and takes long
_CELLS, _COARSE_CELLS = 256, 32
_STRETCHES = (4, 5, 6)  # lengths of windows in quarters of the targets' interval
_SPARE = 64  # beyond the samples whose bound is this much below the chance, none is computed


def sharpest(
    eta: Fraction,
    failure_probability: Fraction,
    *,
    law: SampleLaw,
    window: Window,
    share: Fraction = Fraction(1),
    num_layers: int = 1,
) -> GroupSize:
    r"""Return the least number of neurons that some proved bound allows.

    Parameters
    ----------
    eta : Fraction in (0, 1/2)
        Half the tolerance of a weight.
    failure_probability : Fraction in (0, 1)
        That of one subset sum, for all targets of the window at once.
    law : SampleLaw
        The law of the samples; one with a density.
    window : Window
        The interval of the targets.
    share : Fraction in (0, 1]
        The probability with which a neuron is of use.
    num_layers : int >= 1
        The layers of the network, which share the time that the program may take.

    Notes
    -----
    Rigor: rigorous; programs and sums in exact rationals, rounded upwards in the program. It rests
    on the rearrangement inequality like `dynamic_program`. Cost: seconds. Randomness: none.

    Examples
    --------
    >>> group = sharpest(Fraction(1, 64), Fraction(1, 100), law=SampleLaw.PRODUCT,
    ...                  window=Window.HALF, share=Fraction(1, 2))
    >>> group.num_samples, group.route
    (89, 'dynamic program')
    """
    closed = best_window(eta, failure_probability, law=law, window=window, share=share)
    found = replace(closed.size(failure_probability), route=CLOSED_FORM)
    seconds = estimate_seconds(eta, found.num_samples) * num_layers
    if eta < LEAST_ETA or seconds > _MAX_SECONDS or found.num_samples > _MAX_SAMPLES:
        return found
    routes = _programmed(eta, failure_probability, law, window, share)
    return min((found, *routes), key=lambda group: group.num_samples)


def routes_text(groups: Iterable[GroupSize]) -> str:
    """Return which bound was the best in which layers."""
    layers: dict[str, list[str]] = {}
    for number, group in enumerate(groups, start=1):
        layers.setdefault(group.route, []).append(str(number))
    parts = (
        f"{route} (layer{'s' if len(names) > 1 else ''} {', '.join(names)})"
        for route, names in layers.items()
    )
    return f"subset sums by the best proved bound: {'; '.join(parts)}"


def estimate_seconds(eta: Fraction, num_samples: int) -> float:
    """Estimate how long the program takes, from the samples of the closed form.

    Recorded: 0.8 to 1.6 times what it took (``experiments/bench/theorem_seconds.jsonl``).
    """
    return 2e-4 * num_samples * int(1 / eta).bit_length()


@lru_cache(maxsize=256)
def _programmed(
    eta: Fraction, chance: Fraction, law: SampleLaw, window: Window, share: Fraction
) -> tuple[GroupSize, ...]:
    """Return what the program gives, with and without a second moment before it."""
    targets = 2 * window.radius
    processes = [
        CoverProcess(eta, law, window, targets * k / 4, cells=_COARSE_CELLS) for k in _STRETCHES
    ]
    best = min(
        processes, key=lambda one: _sized(_until(one.bounds(), chance), chance, share).num_samples
    )
    fine = CoverProcess(eta, law, window, best.length, cells=_CELLS)
    bounds = _until(fine.bounds(), chance)
    sizes = [_sized(bounds, chance, share, route=PROGRAM)]
    if law is SampleLaw.UNIFORM and window is Window.HALF:
        for line in recorded_holes():
            if line.eta <= eta:
                late = _until(line.failure_bounds(eta), chance)
                whole = [Fraction(1)] * line.num_samples + late
                longer = max(len(whole), len(bounds))
                pairs = zip(_padded(whole, longer), _padded(bounds, longer), strict=True)
                both = [min(pair) for pair in pairs]
                sizes.append(_sized(both, chance, share, route=SECOND_MOMENT))
    return tuple(sizes)


def _until(bounds: Iterator[Fraction], chance: Fraction) -> list[Fraction]:
    """Return the bounds up to one that is far below the chance; they do not rise."""
    taken: list[Fraction] = []
    for bound in bounds:
        taken.append(bound)
        if _SPARE * bound <= chance:
            break
    return list(accumulate(taken, min))


def _padded(bounds: list[Fraction], length: int) -> list[Fraction]:
    """Return the bounds with the last one repeated: more samples never hurt."""
    return bounds + bounds[-1:] * (length - len(bounds))


def _sized(
    bounds: list[Fraction], chance: Fraction, share: Fraction, *, route: str = PROGRAM
) -> GroupSize:
    """Return the least size whose mean bound is at most the chance."""
    fewest = next(k for k, bound in enumerate(bounds) if bound <= chance)

    def mean(num_samples: int) -> Fraction:
        return _mean_bound(bounds, num_samples, share)

    num_samples = least(lambda n: mean(n) <= chance, start=max(fewest, 1))
    return GroupSize(num_samples, mean(num_samples), route)


def _mean_bound(bounds: list[Fraction], num_samples: int, share: Fraction) -> Fraction:
    """Return the mean of the bound at a binomial number of samples of use."""
    if share == 1:
        return bounds[min(num_samples, len(bounds) - 1)]
    kept, lost = share.numerator, share.denominator - share.numerator
    common = max(bound.denominator for bound in bounds)  # powers of two
    total, weight_left = 0, share.denominator**num_samples
    for k, bound in enumerate(bounds[: num_samples + 1]):
        weight = comb(num_samples, k) * kept**k * lost ** (num_samples - k)
        total += weight * bound.numerator * (common // bound.denominator)
        weight_left -= weight
    last = bounds[-1]
    total += weight_left * last.numerator * (common // last.denominator)
    return Fraction(total, common * share.denominator**num_samples)
