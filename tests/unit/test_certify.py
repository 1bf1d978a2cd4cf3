"""Bounds of hand-made tickets, where the supremum is known, and certificates at the edges."""

import json
from fractions import Fraction

import numpy as np
import pytest

from strongltn.certify import Attack, certify_ticket
from strongltn.certify.certificate import domain_from_json, read_certificate
from strongltn.construct import LINEAR_DIAMOND
from strongltn.errors import InvalidInputError
from strongltn.networks import (
    Activation,
    Ball,
    Box,
    LinearLayer,
    PairMask,
    SourceNetwork,
    TargetNetwork,
    Ticket,
)
from strongltn.pipeline import prune
from strongltn.rng import WeightLaw

NEARLY = Fraction(1, 10**6)


def empty_ticket(target, *, activation=Activation.RELU):
    """Keeps nothing: g is zero, so that sup ||f - g|| is sup ||f||."""
    widths = [target.widths[0]]
    for width in target.widths[1:]:
        widths += [4, width]
    nothing = np.zeros(0, dtype=np.int64)
    pairs = tuple(
        PairMask(nothing, nothing, np.zeros((width, 0), dtype=np.uint8))
        for width in target.widths[1:]
    )
    biases = tuple(layer.bias is not None for layer in target.layers)
    source = SourceNetwork(
        tuple(widths), WeightLaw.UNIFORM, 0, biases=biases, inner_activation=activation
    )
    return Ticket(source, pairs, (0,) * len(pairs), "relu-diamond", 1)


def linear(weight, bias=None):
    bias = None if bias is None else np.array(bias, dtype=np.float64)
    return TargetNetwork((LinearLayer("fc", np.array(weight, dtype=np.float64), bias),))


@pytest.mark.parametrize("activation", Activation, ids=lambda activation: activation.value)
@pytest.mark.parametrize(
    ("target", "domain", "supremum"),
    [
        (linear([[3.0, 4.0]]), Ball(), 5),
        (linear([[3.0, 4.0]]), Ball(2.5), Fraction(25, 2)),
        (linear([[3.0], [4.0]]), Ball(), 5),
        (linear([[3.0, 4.0]], [2.0]), Ball(), 7),
        (linear([[3.0, 4.0]], [-2.0]), Ball(), 7),
        (linear([[2.0, 0.0], [0.0, 1.0]]), Ball(), 2),
        (linear([[1.0, 1.0]], [-1.0]), Box(0.0, 1.0), 1),
        (linear([[1.0]], [1.0]), Box(-1.0, 2.0), 3),
        (linear([[0.5, 0.5]]), Box(1.0, 3.0), 3),
    ],
)
def test_known_suprema_are_enclosed(target, domain, supremum, activation):
    certificate = certify_ticket(target, empty_ticket(target, activation=activation), domain)
    assert certificate.lower_bound <= supremum <= certificate.upper_bound
    assert certificate.lower_bound >= supremum * (1 - NEARLY)
    assert certificate.upper_bound <= supremum * Fraction(3, 2)


def test_the_bound_of_one_linear_layer_is_tight_on_a_ball():
    certificate = prune(
        linear([[0.3, -0.2], [0.1, 0.7]]), construction=LINEAR_DIAMOND, num_samples=6
    ).certificate
    assert certificate.upper_bound <= certificate.lower_bound * (1 + NEARLY)


def test_the_centre_split_wins_far_from_the_origin():
    target = linear([[1.0, -1.0]])
    certificate = certify_ticket(target, empty_ticket(target), Box(10.0, 10.5))
    triangle = certificate.chains["spectral-triangle"].difference[-1]
    split = certificate.chains["centre-split"].difference[-1]
    assert split < triangle / 10
    assert certificate.upper_bound == split


def test_a_missing_bias_column_counts_as_error():
    target = linear([[1.0]], [0.25])
    nothing = np.zeros(0, dtype=np.int64)
    pair = PairMask(nothing, nothing, np.zeros((1, 0), dtype=np.uint8))
    ticket = Ticket(SourceNetwork((1, 4, 1), WeightLaw.UNIFORM, 0), (pair,), (0,), "x", 1)
    certificate = certify_ticket(target, ticket, Box())
    assert certificate.lower_bound == Fraction(5, 4)
    assert certificate.upper_bound >= Fraction(5, 4)


@pytest.mark.parametrize(
    "domain",
    [
        Ball(1e-300),
        Ball(1e150),
        Ball(5e-324),
        Box(1.0, 1 + 2**-52),
        Box(0.0, 5e-324),
        Box(-5e-324, 0.0),
        Box(1e10, 1e10 + 1e-5),
        Box(-1e200, 1e200),
        Box(1e300, 1.7e308),
    ],
    ids=str,
)
def test_extreme_domains_stay_sound(domain):
    target = linear([[0.5, -0.25]])
    certificate = certify_ticket(target, empty_ticket(target), domain, settings=Attack(2, 3))
    if isinstance(domain, Ball):
        truth = Fraction(5, 16) * Fraction(domain.radius) ** 2
    else:
        corners = [Fraction(domain.lower), Fraction(domain.upper)]
        truth = max((x / 2 - y / 4) ** 2 for x in corners for y in corners)
    assert certificate.lower_bound**2 <= truth <= certificate.upper_bound**2


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200])
def test_extreme_weights_stay_sound(size):
    """Found: a bound beyond the largest double was an OverflowError in the report."""
    target = TargetNetwork(
        (LinearLayer("a", np.full((1, 1), size)), LinearLayer("b", np.full((1, 1), size)))
    )
    result = prune(target, num_samples=8, settings=Attack(2, 3))
    assert 0 <= result.certificate.lower_bound <= result.certificate.upper_bound
    report = result.report()
    assert Fraction(0) <= report["empirical_error"] <= report["certified_error"]
    assert result.certificate.upper_bound <= report["certified_error"]
    json.dumps(report)


@pytest.mark.parametrize("domain", [Ball(0.1), Box(-1 / 3, 0.7)], ids=str)
def test_domains_survive_the_file(tmp_path, domain):
    target = linear([[0.5]])
    certificate = certify_ticket(target, empty_ticket(target), domain)
    for name, content in ({"ticket.json": b"x"} | certificate.to_files(b"x")).items():
        (tmp_path / name).write_bytes(content)
    stated = read_certificate(tmp_path)
    assert domain_from_json(stated["domain"]) == domain


def test_no_certificate_is_none(tmp_path):
    assert read_certificate(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b'{"domain": {"kind": "ball"}}',
        b"\xff",
        b'{"domain": {"kind": "ball", "radius": "1*2^0"}, "upper_bound": 3, "lower_bound": 1}',
    ],
)
def test_unreadable_certificates_are_refused(tmp_path, content):
    (tmp_path / "certificate.json").write_bytes(content)
    with pytest.raises(InvalidInputError, match="'DIR'"):
        read_certificate(tmp_path)


def test_more_restarts_never_lower_the_bound_much():
    result = prune(
        linear([[0.3, -0.2, 0.9], [0.1, 0.7, -0.6]], [0.1, 0.2]),
        num_samples=6,
        settings=Attack(2, 4),
    )
    better = certify_ticket(result.target, result.ticket, Ball(), settings=Attack(16, 60))
    assert better.lower_bound >= result.certificate.lower_bound * Fraction(99, 100)
    assert better.upper_bound == result.certificate.upper_bound
