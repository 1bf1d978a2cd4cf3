"""Local boxes: what was asked for is inside, ends are exact; their texts and their files."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, LocalBox, load_center, parse_domain
from strongltn.numerics.dyadic import DyadicArray

CENTER = np.array([0.0, 0.3, 1.0])
GRID = Fraction(1, 1 << 24)
coordinates = st.floats(-1e6, 1e6)


@given(st.lists(coordinates, min_size=1, max_size=4), st.floats(0.0, 10.0))
@example([0.3], 0.0)
@example([0.5], 0.25)
@example([2.0**-30], 2.0**-31)
@example([1e-320], 0.0)
def test_the_box_asked_for_is_inside(center, radius):
    box = LocalBox.around(np.array(center), radius)
    for middle, low, high in zip(center, box.lower.tolist(), box.upper.tolist(), strict=True):
        asked = Fraction(middle) - Fraction(radius), Fraction(middle) + Fraction(radius)
        assert asked[0] - GRID < Fraction(low) <= asked[0]
        assert asked[1] <= Fraction(high) < asked[1] + GRID
        assert (Fraction(low) / GRID).denominator == (Fraction(high) / GRID).denominator == 1


@given(st.lists(st.floats(-0.1, 0.7), min_size=1, max_size=4), st.floats(0.2, 2.0))
def test_ends_stay_inside_the_clip(center, radius):
    clip = Box(0.1, 1 / 3)  # neither is a multiple of 2^-24
    center = np.maximum(np.minimum(center, 0.5), 0.0)
    box = LocalBox.around(center, radius, clip=clip)
    free = LocalBox.around(center, radius)
    assert (box.lower == np.maximum(free.lower, 0.1)).all()
    assert (box.upper == np.minimum(free.upper, 1 / 3)).all()
    assert not box.has_negative_inputs


def test_a_point_that_touches_the_clip_is_left():
    box = LocalBox.around(np.array([-0.25]), 0.25, clip=Box())
    assert box.lower.tolist() == box.upper.tolist() == [0.0]


@pytest.mark.parametrize("radius", [-1.0, np.nan, np.inf])
def test_bad_radii_are_refused(radius):
    with pytest.raises(InvalidInputError, match="'radius'"):
        LocalBox.around(CENTER, radius)


@pytest.mark.parametrize(
    "center",
    [
        np.array([0.5, np.nan]),
        np.array([0.5, np.inf]),
        np.zeros(0),
        np.zeros((2, 2)),
        np.array([0, 255], dtype=np.uint8),
        np.array([True]),
        np.array([0.5 + 1j]),
        np.array(["0.5"]),
    ],
    ids=str,
)
def test_bad_centers_are_refused(center):
    with pytest.raises(InvalidInputError, match="'center'"):
        parse_domain("local:0.1", center=center)


def test_a_center_in_other_units_is_refused():
    with pytest.raises(InvalidInputError, match=r"2 coordinates further.*units"):
        LocalBox.around(np.array([0.0, 200.0, 255.0]), 0.1, clip=Box())


@pytest.mark.parametrize("center", [1e300, 2.0**52 + 1])
def test_centers_too_large_for_their_ends_are_refused(center):
    with pytest.raises(InvalidInputError, match="'domain'"):
        LocalBox.around(np.array([center]), 0.3)


def test_local_texts():
    free, clipped = (parse_domain(text, center=CENTER) for text in ("local:0.03", "local:0.03,0,1"))
    assert (free.lower == LocalBox.around(CENTER, 0.03).lower).all()
    assert free.lower[0] < 0 < clipped.upper[0]
    assert (clipped.lower[0], clipped.upper[2]) == (0.0, 1.0)
    assert str(clipped) == "local box of 3 inputs, widths up to 0.06"
    assert str(LocalBox(CENTER, CENTER)) == "local box of 3 inputs, widths up to 0"


@pytest.mark.parametrize("text", ["local", "local:", "local:x", "local:1,2", "local:1,2,3,4"])
def test_bad_local_texts_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"'(domain|center)'"):
        parse_domain(text, center=CENTER)


@pytest.mark.parametrize("text", ["local:-1", "local:nan", "local:0.1,1,0", "local:0.1,5,6"])
def test_impossible_local_boxes_are_refused(text):
    with pytest.raises(InvalidInputError):
        parse_domain(text, center=CENTER)


def test_a_center_and_a_local_domain_go_together():
    with pytest.raises(InvalidInputError, match=r"'center'.*local:0\.1"):
        parse_domain("local:0.1")
    for text in ("ball", "box:0,1"):
        with pytest.raises(InvalidInputError, match="'center'"):
            parse_domain(text, center=CENTER)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=3))
def test_exact_ends_survive(values):
    point = DyadicArray.from_floats(np.array(values))
    box = LocalBox.from_ends(point, point)
    assert (box.lower == values).all()
    assert (box.upper == values).all()


@pytest.mark.parametrize(
    "end",
    [
        DyadicArray(np.array([(1 << 53) + 1]), 0),
        DyadicArray(np.array([1]), -1080),
        DyadicArray(np.array([1]), 1024),
        DyadicArray(np.array([1 << 2000], dtype=object), 0),
    ],
)
def test_ends_that_a_double_cannot_hold_are_refused(end):
    with pytest.raises(InvalidInputError, match="'domain'"):
        LocalBox.from_ends(end, end)


def test_infinite_ends_are_refused():
    for lower, upper in ((-np.inf, 0.0), (np.inf, np.inf), (-1.7e308, 1.7e308), (np.nan, 0.0)):
        with pytest.raises(InvalidInputError, match="'domain'"):
            LocalBox(np.array([lower]), np.array([upper]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_centers_are_read(tmp_path, dtype):
    image = np.asfortranarray(np.array([[0.0, 0.25], [0.5, 1 / 3]], dtype=dtype))
    np.save(tmp_path / "c.npy", image)
    center = load_center(tmp_path / "c.npy")
    assert center.dtype == np.float64
    assert center.tolist() == [float(x) for row in image for x in row]


@pytest.mark.parametrize(
    "array",
    [
        np.array([0, 255], dtype=np.uint8),
        np.array([0, 1]),
        np.array([0.5, np.nan]),
        np.array([], dtype=np.float32),
        np.array([{}, None], dtype=object),
        np.zeros(2, dtype=[("x", "<f4")]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_bad_center_arrays_are_refused(tmp_path, array):
    np.save(tmp_path / "c.npy", array)
    with pytest.raises(InvalidInputError, match="'center'"):
        load_center(tmp_path / "c.npy")


def test_bad_center_files_are_refused(tmp_path):
    path = tmp_path / "c.npy"
    np.save(path, np.zeros(100))
    whole = path.read_bytes()
    huge = whole.replace(b"(100,), }", b"(1000000000000000,), }".ljust(9))
    unclosed, octal = whole.replace(b")", b" "), whole.replace(b"(100", b"(010")
    for content in (b"", b"x", whole[:90], whole[:300], b"PK\x03\x04", huge, unclosed, octal):
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match="'center'"):
            load_center(path)
    np.savez(path.with_suffix(".npz"), np.zeros(3))
    for other in (tmp_path, tmp_path / "absent.npy", path.with_suffix(".npz")):
        with pytest.raises(InvalidInputError, match="'center'"):
            load_center(other)


def test_balls_of_no_radius_are_refused():
    with pytest.raises(InvalidInputError, match="'radius'"):
        Ball(0.0)
