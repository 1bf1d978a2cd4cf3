"""How many samples put every target of an interval within 2 eta of a subset sum: sharpest bounds.

The adversarial dynamic program of `cover_process`, in the best of several windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count, islice

from strongltn.errors import InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.cover_process import LEAST_ETA, CoverProcess
from strongltn.theorems.drift import has_component

_CELLS = 512  # of the grid in each octave of p and of 1 - p; finer ones gain one sample at most
_COARSE_CELLS = 32  # to choose a length: every length is valid, so any choice is
_STRETCHES = (9, 10, 11, 12, 16, 18, 20, 24)  # lengths in eighths of the targets' interval


def failure_bound(
    eta: Fraction | float,
    num_samples: int,
    *,
    law: SampleLaw,
    window: Window,
    length: Fraction | None = None,
    component: bool = False,
) -> Fraction:
    r"""Return a bound on the probability that some target has no subset sum within 2 eta.

    .. math:: \Pr[\exists z \in [-R, R]\ \forall S:\ |z - \sum_{i \in S} x_i| > 2 \eta] \le
              \text{bound}

    Parameters
    ----------
    eta : Fraction or float in [2^-40, 1/2)
        Half the tolerance.
    num_samples : int >= 0
        n, independent.
    law : SampleLaw
        Of the samples: uniform, product or gaussian.
    window : Window
        Of the targets: R = 1/2 or 1.
    length : Fraction, optional
        Of the window of the process, in [2 R, 6 R]. Any length gives a valid bound; the default is
        the best of a short list.
    component : bool
        Use the uniform component of the law only; see `drift.certified_drift`.

    Returns
    -------
    Fraction in [0, 1]

    Raises
    ------
    AssumptionViolated
        The law has no density, or no uniform component.
    InvalidInputError
        A parameter is out of range.

    Notes
    -----
    Rigor: rigorous upper bound, in integers rounded upwards; it rests on `drift`.
    Cost: a second at eta = 2^-12. Randomness: none.

    Source
    ------
    The process is that of `lueker1998` (recalled); the dynamic program is this project's.

    Examples
    --------
    >>> bound = failure_bound(0.125, 24, law=SampleLaw.UNIFORM, window=Window.HALF)
    >>> 0.001 < bound < 0.01
    True
    """
    return failure_bounds(
        eta, num_samples, law=law, window=window, length=length, component=component
    )[-1]


def failure_bounds(
    eta: Fraction | float,
    max_samples: int,
    *,
    law: SampleLaw,
    window: Window,
    length: Fraction | None = None,
    component: bool = False,
) -> tuple[Fraction, ...]:
    """Return `failure_bound` with 0, 1, ..., max_samples samples, from one run of the program.

    Examples
    --------
    >>> bounds = failure_bounds(0.125, 9, law=SampleLaw.UNIFORM, window=Window.HALF)
    >>> len(bounds), bounds[0]
    (10, Fraction(1, 1))
    """
    if max_samples < 0:
        raise InvalidInputError("num_samples", got=max_samples, allowed="an integer >= 0")

    runs = _runs(eta, law, window, length=length, component=component)
    return tuple(islice(runs.best(max_samples).bounds(), max_samples + 1))


def sample_size(
    eta: Fraction | float,
    failure_probability: Fraction | float,
    *,
    law: SampleLaw,
    window: Window,
    length: Fraction | None = None,
    component: bool = False,
) -> int:
    """Return a number of samples with which `failure_bound` is at most `failure_probability`.

    Parameters
    ----------
    eta : Fraction or float in [2^-40, 1/2)
        Half the tolerance.
    failure_probability : Fraction or float in (0, 1)
    law, window, length, component
        As in `failure_bound`.

    Returns
    -------
    int >= 0

    Raises
    ------
    AssumptionViolated
        The law has no density, or no uniform component.
    InvalidInputError
        A parameter is out of range.

    Notes
    -----
    Rigor: rigorous upper bound of the number that suffices. Cost: a second at eta = 2^-12.
    Randomness: none.

    Examples
    --------
    >>> sample_size(0.125, 0.01, law=SampleLaw.UNIFORM, window=Window.HALF)
    20
    """
    if not 0 < failure_probability < 1:
        raise InvalidInputError("failure_probability", got=failure_probability, allowed="in (0, 1)")

    runs = _runs(eta, law, window, length=length, component=component)
    num_samples = runs.first_success(failure_probability)
    while runs.bound(num_samples) > failure_probability:
        num_samples += 1
    while num_samples and runs.bound(num_samples - 1) <= failure_probability:
        num_samples -= 1
    return num_samples


class _Runs:
    """Runs of the program in windows of several lengths, as far as they are asked for.

    Every length gives valid bounds: so coarse grids choose one, and a fine grid gives its bound.
    """

    def __init__(self, coarse: list[CoverProcess]) -> None:
        self._coarse = coarse
        self._runs: dict[CoverProcess, tuple[list[Fraction], Iterator[Fraction]]] = {}

    def first_success(self, failure_probability: Fraction | float) -> int:
        """Return the least number of samples that suffices by some coarse run."""
        return next(
            n
            for n in count()
            if any(self._bound(process, n) <= failure_probability for process in self._coarse)
        )

    def best(self, num_samples: int) -> CoverProcess:
        """Return the fine process in the window that is best on coarse grids."""
        chosen = min(self._coarse, key=lambda process: self._bound(process, num_samples))
        return replace(chosen, cells=_CELLS)

    def bound(self, num_samples: int) -> Fraction:
        """Return the bound of the best process."""
        return self._bound(self.best(num_samples), num_samples)

    def _bound(self, process: CoverProcess, num_samples: int) -> Fraction:
        known, more = self._runs.setdefault(process, ([], process.bounds()))
        known.extend(islice(more, max(0, num_samples + 1 - len(known))))
        return known[num_samples]


def _runs(
    eta: Fraction | float,
    law: SampleLaw,
    window: Window,
    *,
    length: Fraction | None,
    component: bool,
) -> _Runs:
    """Check the question and return a coarse run for each length to try."""
    if not LEAST_ETA <= eta < Fraction(1, 2):
        raise InvalidInputError("eta", got=eta, allowed="in [2^-40, 1/2)")
    shortest, exact_eta = 2 * window.radius, Fraction(eta)
    if length is not None and not shortest <= length <= 3 * shortest:
        allowed = f"in [{shortest}, {3 * shortest}], one to three times that of the targets"
        raise InvalidInputError("length", got=str(length), allowed=allowed)
    lengths = [shortest, shortest + 2 * exact_eta, *(shortest * k / 8 for k in _STRETCHES)]
    if length is not None:
        lengths = [length]
    elif component:  # of the lengths that are too long one stays, to say why
        lengths = [one for one in lengths if has_component(law, one)] or [shortest]
    return _Runs(
        [CoverProcess(exact_eta, law, window, one, component, _COARSE_CELLS) for one in lengths]
    )
