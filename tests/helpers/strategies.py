"""All Hypothesis strategies of the suite."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from strongltn.construct import CONSTRUCTIONS, build_ticket, make_plan
from strongltn.rng import WeightLaw
from strongltn.testing import domains, target_networks


def dyadics(*, bits=12, magnitude=1):
    """Numbers k / 2**bits up to `magnitude`: their sums are exact in float64."""
    limit = magnitude << bits
    return st.integers(-limit, limit).map(lambda k: k / 2.0**bits)


def finite_floats():
    """Any finite double: subnormals, both zeros, the whole range of exponents."""
    return st.floats(allow_nan=False, allow_infinity=False)


def grid_floats(exponent):
    """Small multiples of 2**exponent: their sums tie and cancel."""
    return st.integers(-5, 5).map(lambda k: k * 2.0**exponent)


@st.composite
def subset_sum_instances(draw, *, elements=None, min_size=1, max_size=7):
    """Instances (samples, target) from one family of numbers, duplicates welcome."""
    grid = grid_floats(draw(st.integers(-1074, 1000)))
    families = [dyadics(bits=3), dyadics(bits=50), finite_floats(), grid]
    family = draw(st.sampled_from(families)) if elements is None else elements
    pool = draw(st.lists(family, min_size=1, max_size=max_size))
    samples = draw(st.lists(st.sampled_from(pool) | family, min_size=min_size, max_size=max_size))
    return np.array(samples), draw(family)


@st.composite
def planted_instances(draw, *, elements=None, max_size=12):
    """Instances that have an exact solution: (samples, target, the planted mask)."""
    family = dyadics() if elements is None else elements
    pairs = draw(st.lists(st.tuples(family, st.booleans()), min_size=1, max_size=max_size))
    samples = np.array([x for x, _ in pairs])
    keep = np.array([k for _, k in pairs])
    return samples, float(samples[keep].sum()), keep


@st.composite
def near_tie_instances(draw, *, max_size=6):
    """Instances whose target lies at the middle of two subset sums, or one last bit beside it.

    The samples are multiples of 2**-8, so a middle is a double; its neighbours are off the grid.
    """
    elements = dyadics(bits=8)
    triples = st.tuples(elements, st.booleans(), st.booleans())
    drawn = draw(st.lists(triples, min_size=1, max_size=max_size))
    samples = np.array([x for x, _, _ in drawn])
    first = samples[[k for _, k, _ in drawn]].sum()
    second = samples[[k for _, _, k in drawn]].sum()
    middle = float(first + second) / 2
    towards = draw(st.sampled_from([-np.inf, np.inf, middle]))
    return samples, float(np.nextafter(middle, towards))


@st.composite
def batches(draw, *, max_rows=4, max_size=5):
    """Batches (samples of shape (m, n), targets of shape (m,)) that mix the number families."""
    size = draw(st.integers(1, max_size))
    instance = subset_sum_instances(min_size=size, max_size=size)
    rows = draw(st.lists(instance, min_size=1, max_size=max_rows))
    return np.array([samples for samples, _ in rows]), np.array([target for _, target in rows])


def weight_laws():
    """The laws of a source network."""
    return st.sampled_from(WeightLaw)


def seeds():
    """All seeds, small ones first."""
    return st.integers(0, 3) | st.integers(0, 2**64 - 1)


@st.composite
def addresses(draw, *, max_size=6):
    """Addresses (rows, columns) within the widest layer, repeats and neighbours welcome."""
    index = st.integers(0, 9) | st.integers(0, 2**31 - 2)
    pairs = draw(st.lists(st.tuples(index, index), min_size=1, max_size=max_size))
    rows, columns = np.array(pairs, dtype=np.int64).T
    return rows, columns


def scalars():
    """Numbers for exact arithmetic: dyadics, any finite float, multiples, extremes."""
    extremes = [0.0, -0.0, 5e-324, 1e300, -1e300, 2.0**62, -(2.0**62), 2.0**63, 2.0**61, 1.0]
    on_one_grid = st.tuples(st.integers(-5, 5), st.integers(-1074, 1000))
    multiples = on_one_grid.map(lambda pair: pair[0] * 2.0 ** pair[1])
    return st.sampled_from(extremes) | dyadics(bits=3) | finite_floats() | multiples


@st.composite
def matrices(draw, *, elements=None, max_size=3):
    """Float64 matrices (rows, columns); sizes 1 to `max_size`."""
    rows, columns = draw(st.integers(1, max_size)), draw(st.integers(1, max_size))
    family = scalars() if elements is None else elements
    flat = draw(st.lists(family, min_size=rows * columns, max_size=rows * columns))
    return np.array(flat, dtype=np.float64).reshape(rows, columns)


def rationals(*, min_value=None):
    """Rationals, dyadic or not, of any size."""
    sizes = st.integers(-200, 200).map(lambda k: Fraction(2) ** k)
    base = st.fractions(min_value=min_value, max_denominator=10**6)
    return st.tuples(base, sizes).map(lambda pair: pair[0] * pair[1])


def dyadic_rationals():
    """Rationals p * 2^k."""
    return st.tuples(st.integers(), st.integers(-3000, 3000)).map(
        lambda pair: pair[0] * Fraction(2) ** pair[1]
    )


def constructions():
    """The constructions."""
    return st.sampled_from(list(CONSTRUCTIONS.values()))


@st.composite
def plans(draw, *, targets=None, max_samples=4):
    """Pairs (target, plan) of any construction and domain."""
    target = draw(target_networks() if targets is None else targets)
    plan = make_plan(
        target,
        draw(constructions()),
        num_samples=draw(st.integers(1, max_samples)),
        tolerance=draw(st.sampled_from([1e-3, 0.1, 0.25])),
        domain=draw(domains(num_inputs=target.widths[0])),
        width_failure_probability=Fraction(1, 100),
    )
    return target, plan


@st.composite
def tickets(draw, *, targets=None, max_samples=4):
    """Triples (target, plan, build result) from any law and seed."""
    target, plan = draw(plans(targets=targets, max_samples=max_samples))
    source = plan.source(target, law=draw(weight_laws()), seed=draw(seeds()))
    return target, plan, build_ticket(target, source, plan)
