"""Strategies for subset-sum instances, with and without a known solution."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from strongltn.numerics.exact import BoolArray, FloatArray

_PLANTED_BITS = 40  # with magnitudes up to 1, sums of 2^12 such numbers are exact in float64
_MAX_PLANTED = 1 << 12


def _dyadics(bits: int) -> SearchStrategy[float]:
    """Numbers k / 2^bits in [-1, 1]."""
    return st.integers(-(1 << bits), 1 << bits).map(lambda k: k / 2.0**bits)


@st.composite
def _families(draw: DrawFn) -> SearchStrategy[float]:
    """One family of numbers: coarse and fine dyadics, any double, small multiples of one power."""
    power = 2.0 ** draw(st.integers(-1074, 1000))
    multiples = st.integers(-5, 5).map(lambda k: k * power)
    any_double = st.floats(allow_nan=False, allow_infinity=False)
    return draw(st.sampled_from([_dyadics(3), _dyadics(50), any_double, multiples]))


@st.composite
def _drawn_samples(
    draw: DrawFn, family: SearchStrategy[float], min_size: int, max_size: int
) -> FloatArray:
    pool = draw(st.lists(family, min_size=1, max_size=max_size))
    some = st.lists(st.sampled_from(pool) | family, min_size=min_size, max_size=max_size)
    return np.array(draw(some), dtype=np.float64)


@st.composite
def samples(
    draw: DrawFn,
    *,
    elements: SearchStrategy[float] | None = None,
    min_size: int = 1,
    max_size: int = 7,
) -> FloatArray:
    """Return a strategy for samples: float64 " n", finite, duplicates welcome.

    Parameters
    ----------
    elements : strategy of finite floats, optional
        Default: one family for all samples, out of dyadics, any double (subnormals, both zeros, all
        exponents) and small multiples of one power of two, whose sums tie and cancel.
    min_size, max_size : int >= 1
        The least and the largest n.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(samples(min_size=2), lambda x: x.sum() > 0).size
    2
    """
    family = draw(_families()) if elements is None else elements
    return draw(_drawn_samples(family, min_size, max_size))


@st.composite
def instances(
    draw: DrawFn,
    *,
    elements: SearchStrategy[float] | None = None,
    min_size: int = 1,
    max_size: int = 7,
) -> tuple[FloatArray, float]:
    """Return a strategy for pairs (samples, target) of one family of numbers; see `samples`."""
    family = draw(_families()) if elements is None else elements
    return draw(_drawn_samples(family, min_size, max_size)), draw(family)


@st.composite
def planted_instances(draw: DrawFn, *, max_size: int = 12) -> tuple[FloatArray, float, BoolArray]:
    """Return a strategy for instances with an exact solution: (samples, target, its mask).

    The samples are dyadic, k / 2^40 in [-1, 1], so that the target is their sum without rounding.

    Parameters
    ----------
    max_size : int in [1, 4096]
        The least and the largest n.

    Examples
    --------
    >>> from hypothesis import find
    >>> drawn, target, mask = find(planted_instances(), lambda instance: instance[2].all())
    >>> bool(drawn[mask].sum() == target)
    True
    """
    pairs = st.tuples(_dyadics(3) | _dyadics(_PLANTED_BITS), st.booleans())
    drawn = draw(st.lists(pairs, min_size=1, max_size=min(max_size, _MAX_PLANTED)))
    values = np.array([value for value, _ in drawn])
    mask = np.array([is_kept for _, is_kept in drawn])
    return values, float(values[mask].sum()), mask
