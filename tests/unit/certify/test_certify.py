"""Bounds of hand-made tickets, where the supremum is known, and certificates at the edges."""

import json
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
import pytest

from proofs_check import Verdict, verify
from proofs_check.certificate import bounds as checker_bounds
from proofs_check.certificate import ranges as checker_ranges
from strongltn.certify import Attack, CertifySettings, certify_ticket, methods, two_sided
from strongltn.certify.account import account
from strongltn.certify.differential import splitting
from strongltn.certify.differential.splitting import SplittingSettings
from strongltn.certify.quadratic import proof
from strongltn.certify.statement import read_certificate
from strongltn.construct import LINEAR_DIAMOND
from strongltn.errors import InvalidInputError, SoundnessBug, UnsolvedError
from strongltn.networks import (
    Activation,
    Ball,
    Box,
    LinearLayer,
    LocalBox,
    PairMask,
    SourceNetwork,
    TargetNetwork,
    Ticket,
)
from strongltn.networks.domain import OutputNorm
from strongltn.pipeline.tickets import prune, save
from strongltn.rng import WeightLaw
from strongltn.values.json_text import json_text

NEARLY = Fraction(1, 10**6)
QUICK = CertifySettings(attack=Attack(2, 3), splitting=SplittingSettings(max_leaves=8))
GOOD = CertifySettings(attack=Attack(8, 40))


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
    ticket = empty_ticket(target, activation=activation)
    certificate = certify_ticket(target, ticket, domain, settings=GOOD)
    assert certificate.lower_bound <= supremum <= certificate.upper_bound
    assert certificate.lower_bound >= supremum * (1 - NEARLY)
    assert certificate.upper_bound <= supremum * Fraction(3, 2)


def test_the_bound_of_one_linear_layer_is_tight_on_a_ball():
    certificate = prune(
        linear([[0.3, -0.2], [0.1, 0.7]]), construction=LINEAR_DIAMOND, num_samples=6, settings=GOOD
    ).certificate
    assert certificate.upper_bound <= certificate.lower_bound * (1 + NEARLY)


def test_the_centre_split_wins_far_from_the_origin():
    target = linear([[1.0, -1.0]])
    certificate = certify_ticket(target, empty_ticket(target), Box(10.0, 10.5), settings=GOOD)
    triangle = certificate.methods["spectral-triangle"].bound
    split = certificate.methods["centre-split"].bound
    assert split < triangle / 10
    assert certificate.upper_bound <= split


def test_a_missing_bias_column_counts_as_error():
    target = linear([[1.0]], [0.25])
    nothing = np.zeros(0, dtype=np.int64)
    pair = PairMask(nothing, nothing, np.zeros((1, 0), dtype=np.uint8))
    ticket = Ticket(SourceNetwork((1, 4, 1), WeightLaw.UNIFORM, 0), (pair,), (0,), "x", 1)
    certificate = certify_ticket(target, ticket, Box(), settings=GOOD)
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
    certificate = certify_ticket(target, empty_ticket(target), domain, settings=QUICK)
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
    result = prune(target, num_samples=8, settings=QUICK)
    assert 0 <= result.certificate.lower_bound <= result.certificate.upper_bound
    report = result.report()
    assert Fraction(0) <= report["empirical_error"] <= report["certified_error"]
    assert result.certificate.upper_bound <= report["certified_error"]
    json.loads(json_text(report), parse_constant=pytest.fail)


LOCAL = LocalBox(np.array([-0.25]), np.array([0.3]))


@pytest.mark.parametrize("norm", OutputNorm)
@pytest.mark.parametrize("domain", [Ball(0.1), Box(-1 / 3, 0.7), LOCAL], ids=str)
def test_claims_survive_the_file(tmp_path, domain, norm):
    target = linear([[0.5]])
    settings = replace(QUICK, output_norm=norm)
    certificate = certify_ticket(target, empty_ticket(target), domain, settings=settings)
    for name, content in ({"ticket.json": b"x"} | certificate.to_files(b"x")).items():
        (tmp_path / name).write_bytes(content)
    stated = read_certificate(tmp_path)
    assert stated.output_norm is norm
    assert stated.methods == tuple(certificate.methods)
    assert stated.upper_bound == certificate.upper_bound
    assert stated.lower_bound == certificate.lower_bound
    if isinstance(domain, LocalBox):
        assert np.array_equal(stated.domain.lower, domain.lower)
        assert np.array_equal(stated.domain.upper, domain.upper)
    else:
        assert stated.domain == domain


def test_local_boxes_of_mixed_sizes_are_refused_where_integers_end():
    target = linear([[0.5, 0.5]])
    domain = LocalBox(np.array([1e-300, 0.0]), np.array([1e-299, 1.0]))
    with pytest.raises(InvalidInputError, match=r"'domain'.*integers of 64 bits"):
        certify_ticket(target, empty_ticket(target), domain, settings=QUICK)


def test_a_local_box_of_another_number_of_inputs_is_refused():
    target = linear([[0.5, 0.5]])
    with pytest.raises(InvalidInputError, match=r"'domain'.*of 2 inputs"):
        certify_ticket(target, empty_ticket(target), LOCAL, settings=QUICK)


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
        b'{"version": 2, "domain": {"kind": "ball", "radius": "1*2^0"}, "upper_bound": 3}',
        b'{"version": 1, "domain": {"kind": "ball", "radius": "1*2^0"}}',
    ],
)
def test_unreadable_certificates_are_refused(tmp_path, content):
    (tmp_path / "certificate.json").write_bytes(content)
    with pytest.raises(InvalidInputError, match="'DIR'"):
        read_certificate(tmp_path)


def test_more_restarts_never_lower_the_bound_much():
    result = prune(
        linear([[0.3, -0.2, 0.9], [0.1, 0.7, -0.6]], [0.1, 0.2]), num_samples=6, settings=QUICK
    )
    settings = CertifySettings(attack=Attack(16, 60))
    better = certify_ticket(result.target, result.ticket, Ball(), settings=settings)
    assert better.lower_bound >= result.certificate.lower_bound * Fraction(99, 100)
    assert better.upper_bound == result.certificate.upper_bound


def test_an_old_certificate_asks_to_be_written_anew(tmp_path):
    (tmp_path / "certificate.json").write_text('{"version": 1}')
    with pytest.raises(InvalidInputError, match=r"of version 1, not 2.*Run strongltn certify"):
        read_certificate(tmp_path)


def deep(*, seed=0, sizes=(3, 5, 4, 2), samples=7, **options):
    """A pruned network with biases, and the domain box."""
    generator = np.random.default_rng(seed)
    layers = [
        LinearLayer(f"fc{i}", generator.normal(size=shape), generator.normal(size=shape[0]) / 4)
        for i, shape in enumerate(zip(sizes[1:], sizes, strict=False))
    ]
    return prune(TargetNetwork(tuple(layers)), num_samples=samples, domain=Box(), **options)


@pytest.fixture(scope="module")
def pruned():
    return deep(settings=GOOD)


@pytest.mark.parametrize("norm", OutputNorm)
def test_the_tight_set_is_never_worse(pruned, norm):
    bounds = []
    for is_tight in (False, True):
        settings = replace(QUICK, output_norm=norm, is_tight=is_tight)
        bounds.append(certify_ticket(pruned.target, pruned.ticket, Box(), settings=settings))
    default, tight = bounds
    assert default.methods.keys() < tight.methods.keys()
    assert not default.notes
    assert not tight.notes
    assert tight.upper_bound <= default.upper_bound
    assert tight.upper_bound < default.upper_bound * Fraction(9, 10)
    backward = [each.methods["backward-differential"].bound for each in bounds]
    assert backward[1] <= backward[0]


def test_the_largest_coordinate_is_at_most_the_norm(pruned):
    settings = replace(QUICK, output_norm=OutputNorm.INF)
    largest = certify_ticket(pruned.target, pruned.ticket, Box(), settings=settings)
    assert largest.upper_bound < largest.euclidean_bound
    assert abs(largest.euclidean_bound / pruned.certificate.upper_bound - 1) < NEARLY
    assert largest.lower_bound <= pruned.certificate.upper_bound
    report = account(pruned.target, pruned.ticket, largest)
    last = report["layers"][-1]
    assert last["difference"] == report["certified_error_by_method"]
    assert last["empirical_error"] == report["empirical_error"]


def test_methods_that_do_not_apply_or_fail_are_noted(pruned, monkeypatch):
    def fail(*_, **__):
        raise UnsolvedError("the numbers are too far apart", result=None)

    monkeypatch.setattr(methods, "quadratic_bound", fail)
    tight = replace(QUICK, is_tight=True)
    found = certify_ticket(pruned.target, pruned.ticket, Ball(), settings=tight)
    assert set(found.methods) == {
        "spectral-triangle",
        "centre-split",
        "differential-interval",
        "backward-differential",
    }
    assert found.notes == (
        "input-splitting is left out: it splits boxes, and the domain ball:1 is a ball",
        "quadratic is left out: the numbers are too far apart",
    )


def test_the_prover_keeps_to_the_limits_of_the_checker():
    assert splitting._MAX_RANGE_WORK == checker_ranges._MAX_WORK
    assert proof._MAX_MATRIX_ENTRIES == checker_bounds._MAX_ENTRIES


# the inputs of the layers are 3 + 5 + 4, the most outputs 5
@pytest.mark.parametrize("work", [0, 60, 7 * 60])
def test_what_is_too_wide_for_the_file_is_left_out(pruned, monkeypatch, tmp_path, work):
    monkeypatch.setattr(splitting, "_MAX_RANGE_WORK", work)
    monkeypatch.setattr(proof, "_MAX_MATRIX_ENTRIES", 10)
    monkeypatch.setattr(checker_ranges, "_MAX_WORK", work)
    found = certify_ticket(
        pruned.target, pruned.ticket, Box(), settings=replace(QUICK, is_tight=True)
    )
    backward, interval = (
        found.methods[name] for name in ("backward-differential", "differential-interval")
    )
    assert (backward.bound == interval.bound) == (work == 0)
    leaves = {name: method for name, method in found.methods.items() if name == "input-splitting"}
    assert bool(leaves) == (work > 0)
    assert all(
        len(method.arrays["input-splitting.tree"]) <= work // 60 for method in leaves.values()
    )
    assert any("too large for a certificate" in note for note in found.notes)
    save(replace(pruned, certificate=found), tmp_path)
    assert verify(tmp_path).verdict is Verdict.PROVED


def test_bounds_that_contradict_one_another_are_a_bug(pruned, monkeypatch):
    found = replace(pruned.certificate.attack, lower_bound=Fraction(10**6))
    monkeypatch.setattr(two_sided, "attack", lambda *_, **__: found)
    with pytest.raises(SoundnessBug, match="above the bound"):
        certify_ticket(pruned.target, pruned.ticket, Box())


def test_progress_counts_every_stage(pruned):
    calls = []
    settings = replace(QUICK, is_tight=True)
    found = certify_ticket(
        pruned.target,
        pruned.ticket,
        Box(),
        settings=settings,
        progress=lambda *call: calls.append(call),
    )
    whole = [call[1:] for call in calls if call[0] == "certifying"]
    assert whole[0] == (0, len(found.seconds))
    assert whole[-1] == (len(found.seconds), len(found.seconds))
    assert found.seconds.keys() == {"norms", "attack", *found.methods}
    assert {call[0] for call in calls} > {"certifying"}


def test_the_account_is_in_the_units_of_the_target(pruned):
    found = pruned.certificate
    figures = account(pruned.target, pruned.ticket, found)
    assert any(pruned.ticket.scale_exponents)
    for layer, row in zip(pruned.target.layers, figures["layers"], strict=True):
        norm = np.linalg.norm(layer.weight, 2)
        assert norm <= row["weight_norm"] <= norm * 1.000001
        assert row["name"] == layer.name
        assert 0 < row["empirical_error"] <= min(row["difference"].values())
        assert set(row["difference"]) == set(row["activation"]) == set(found.methods)
    assert figures["layers"][0]["activation"]["spectral-triangle"] == pytest.approx(3**0.5)
    last = figures["layers"][-1]
    assert Fraction(last["difference"][figures["least_method"]]) >= found.upper_bound
    assert figures["certified_error"] == min(figures["certified_error_by_method"].values())
    assert figures["ratio"] == last["ratio"]
    assert prod(row["ratio_growth"] for row in figures["layers"]) == pytest.approx(last["ratio"])
    json.dumps(figures, allow_nan=False)


def test_the_account_of_a_perfect_ticket_has_no_ratio():
    target = linear([[0.0, 0.0]])
    found = certify_ticket(target, empty_ticket(target), Ball(), settings=QUICK)
    figures = account(target, empty_ticket(target), found)
    assert figures["certified_error"] == figures["empirical_error"] == 0
    assert figures["ratio"] is None
    assert figures["layers"][0]["ratio_growth"] is None
