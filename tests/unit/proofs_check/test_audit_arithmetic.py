"""The auditor's own arithmetic: exact numbers, its generator, the vertices of a neuron, roots."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from oracles import normal_tables, source_entry
from plain_tickets.arithmetic import square

from proofs_check.certificate.bounds import prove_semidefinite
from proofs_check.certificate.effective import (
    Source,
    effective_layer,
    gaussian,
    gaussian_tables,
    philox4x32,
)
from proofs_check.certificate.exact import Dyadic, decimal, from_floats, require_bound
from proofs_check.certificate.ranges import _largest, _vertices
from proofs_check.certificate.reader import Rejected
from proofs_check.numbers_text import dyadic_text


def test_a_neuron_is_bounded_at_its_vertices() -> None:
    """All lines cross at integers, so that the integer points of a rectangle suffice."""
    rng = random.Random(11)
    ends, coefficients, expected = [], [], []
    for _ in range(2000):
        z0, d0 = rng.randrange(-4, 4), rng.randrange(-4, 4)
        z1, d1 = rng.randrange(z0, 5), rng.randrange(d0, 5)
        # -p s(z) - q s(-z) - r s(z + d) - t s(-z - d): where all are positive, 0 is the only peak
        p, q, r, t = (rng.randrange(-3, 4) for _ in range(4))
        c, g, scale, shift = -p - q - r - t, -r - t, -q - t, -t
        ends.append([[z0, d0], [z1, d1]])
        coefficients.append([c, g, -scale, -shift])
        points = itertools.product(range(z0, z1 + 1), range(d0, d1 + 1))
        values = (
            c * max(z, 0) + g * (max(z + d, 0) - max(z, 0)) - scale * z - shift * d
            for z, d in points
        )
        expected.append(max(values))
    leaf = np.arange(len(ends))
    found = _largest(Dyadic(np.array(coefficients)), _vertices(Dyadic(np.array(ends), -2)), leaf)
    assert found.numerators.tolist() == expected
    assert found.exponent == -2


def test_a_matrix_that_is_not_semidefinite_is_rejected_by_its_diagonal_rows() -> None:
    M = Dyadic(np.array([[1, 5], [5, 10]]))  # its determinant is negative
    roots, factor = Dyadic(np.array([1])), Dyadic(np.array([[0, 0]]))
    with pytest.raises(Rejected, match="entry 0"):
        prove_semidefinite("M", M, roots=roots, factor=factor)


@pytest.mark.parametrize(
    ("claimed", "sums", "holds"),
    [
        (5, [(0, 4, 9)], True),
        (5, [(1, 4, 9)], False),
        (4, [(0, 4, 9)], False),
        (4, [(0, 5, 9), (1, 4, 1)], True),
        (-1, [(0, 0, 0)], False),
        (-1, [(0, 1, 0)], False),
        (0, [(0, 1, 1)], False),
        (2, [(0, 0, 4)], True),
        (Fraction(9, 4), [(0, 5, 0)], True),
        (Fraction(2235, 1000), [(0, 5, 0)], False),
    ],
)
def test_sums_of_roots_are_compared_exactly(
    claimed: Fraction, sums: list[tuple[int, int, int]], holds: bool
) -> None:
    parts = [tuple(Dyadic(part) for part in triple) for triple in sums]
    bound = Dyadic(math.floor(claimed * 1024), -10)
    if holds:
        require_bound("claim", bound, *parts)  # type: ignore[arg-type]
    else:
        with pytest.raises(Rejected, match=r"claim is not proved: .* < "):
            require_bound("claim", bound, *parts)  # type: ignore[arg-type]


def source_of(seed: int, law: str) -> Source:
    return Source({"seed": seed, "law": law, "inner_activation": "relu"})


def test_sums_that_outgrow_64_bits_are_exact() -> None:
    h, source = 1 << 19, source_of(3, "gaussian")
    hidden = np.arange(h)
    first = source.draw(0, hidden, np.zeros_like(hidden))
    second = source.draw(1, np.zeros_like(hidden), hidden)
    kept = np.packbits((second > 0)[None, :], axis=1, bitorder="little")
    zero = from_floats(np.zeros((1, 1)), 0), from_floats(np.zeros(1), 0)
    mask = hidden, np.zeros_like(hidden), kept
    layer = effective_layer(0, zero, mask, source=source, is_signed=True)
    terms = list(zip(first.tolist(), second.tolist(), strict=True))
    plus = sum(a * b for a, b in terms if a > 0 and b > 0)
    minus = sum(-a * b for a, b in terms if a < 0 and b > 0)
    assert max(plus, minus) > 1 << 63
    assert layer.error.numerators.tolist() == [[plus, minus]]


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], words: tuple[int, ...]
) -> None:
    assert tuple(int(word) for word in philox4x32(counter, key)) == words


@pytest.mark.parametrize("law", ["uniform", "signed-constant", "gaussian"])
def test_entries_equal_the_scalar_generator(law: str) -> None:
    rng = np.random.default_rng(4)
    rows, columns = rng.integers(0, 2**31, size=(2, 40))
    for layer in (0, 1, 2):
        drawn = source_of(21, law).draw(layer, rows, columns)
        expected = [
            source_entry(law, seed=21, layer=layer, row=int(r), column=int(c))
            for r, c in zip(rows, columns, strict=True)
        ]
        assert [Fraction(int(v), 2**24) for v in drawn] == expected


def test_gaussian_thresholds_equal_those_of_another_library() -> None:
    cells, slopes = gaussian_tables()
    assert cells.shape == (2047,)
    assert slopes.shape == (2048,)
    assert [int(cells[j]) for j in range(2047)] == normal_tables()[0]
    assert (np.diff(cells.astype(object)) >= 0).all()


def test_a_threshold_belongs_to_the_cell_above_it() -> None:
    threshold = normal_tables()[0][6]
    for position, cell in ((threshold - 1, 6), (threshold, 7)):
        words = (position % 2**32, position >> 32, 0, 2**31 - 1)
        (magnitude,) = gaussian(tuple(np.array([word], dtype=np.uint64) for word in words))
        assert magnitude == (2 * 4096 * cell + 1) * 8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_become_exact(dtype: str) -> None:
    tiny = float(np.finfo(dtype).smallest_subnormal)
    values = np.array([0.0, -0.0, 1.0, -1.5, 0.1, tiny, float(np.finfo(dtype).max)], dtype=dtype)
    exact = from_floats(values, -3)
    expected = [Fraction(float(v)) / 8 for v in values]
    assert [exact.fraction(i) for i in range(values.size)] == expected
    assert exact.square_sum().fraction() == square(expected)


def test_decimals_are_rounded_outwards() -> None:
    third = Fraction(1, 3)
    assert Fraction(decimal(third, 7, "ROUND_FLOOR")) < third
    assert Fraction(decimal(third, 7, "ROUND_CEILING")) > third
    assert dyadic_text(Fraction(-12)) == "-3*2^2"
    assert dyadic_text(Fraction(0)) == "0*2^0"
    assert dyadic_text(Fraction(5, 8)) == "5*2^-3"
