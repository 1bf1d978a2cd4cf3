"""What public values say of themselves, and when two of them are equal."""

import copy
import dataclasses
import html
import importlib
import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from strongltn import (
    Attack,
    Ball,
    Box,
    CertifySettings,
    LinearLayer,
    LocalBox,
    SourceNetwork,
    TargetNetwork,
    Ticket,
    certify_ticket,
    prune,
)
from strongltn.certify.statement import read_certificate
from strongltn.construct import RELU_DIAMOND
from strongltn.groundtruth import (
    Examples,
    GroundTruth,
    MaskOverlap,
    Recovery,
    certify_found,
)
from strongltn.networks import DifferenceNetwork, PairMask
from strongltn.networks.weight_error import weight_errors
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray
from strongltn.search import EdgePopup, attach
from strongltn.simulate import CoveringEvent, admissible_paths, hitting_times
from strongltn.subset_sum import (
    SubsetSumProblem,
    VectorProblem,
    covering_radius,
    solve,
    solve_batch,
    solve_jointly,
    solve_sizes,
    solve_sizes_batch,
    solve_vectors,
)
from strongltn.values.by_value import ByValue, are_equal

QUICK = CertifySettings(attack=Attack(num_restarts=1, num_steps=1))


def model_of(*widths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for inputs, outputs in pairwise(widths):
        layer = torch.nn.Linear(inputs, outputs)
        layer.weight.data = torch.rand(outputs, inputs, generator=generator) - 0.5
        layer.bias.data = torch.rand(outputs, generator=generator) - 0.5
        layers += [torch.nn.ReLU(), layer] if layers else [layer]
    return torch.nn.Sequential(*layers)


def model_without_biases():
    layers = [torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 2, bias=False)]
    return TargetNetwork.of({f"{i}.weight": layer.weight for i, layer in enumerate(layers)})


@pytest.fixture(scope="module")
def result():
    """The 3-4-2 network of the README."""
    return prune(model_of(3, 4, 2), num_samples=8, seed=7, settings=QUICK)


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    return result.save(tmp_path_factory.mktemp("saved") / "ticket")


@pytest.fixture(scope="module")
def values(result, saved):
    """Every kind of value that a public call returns or takes, and that holds arrays or lists."""
    ticket, target = result.ticket, result.target
    layers = target.scaled(ticket.scale_exponents)
    rows = np.random.default_rng(0).uniform(-1, 1, (50, 12))
    event = CoveringEvent(0.25, "uniform", "half")
    masks = (np.ones((4, 3), bool), np.ones((2, 4), bool))
    missed = prune(target, num_samples=2, seed=1, tolerance=1e-6, settings=QUICK)
    wide = LocalBox(np.zeros(784), np.ones(784))
    deep = SourceNetwork((2,) * 401, "uniform", 0, (True,) * 200)
    return [
        result,
        missed,
        missed.reach,
        result.build,
        result.plan,
        dataclasses.replace(result.plan, domain=wide),
        result.reach,
        result.certificate,
        *result.certificate.errors,
        *result.certificate.layers,
        *result.certificate.methods.values(),
        result.certificate.layers[0].weight_norm,
        result.certificate.attack,
        result.certificate.attack.inputs,
        ticket,
        ticket.source,
        deep,
        *ticket.pairs,
        ticket.effective(0),
        *layers,
        *weight_errors(ticket, layers, Ball()),
        DifferenceNetwork(layers, weight_errors(ticket, layers, Ball()), Ball()),
        target,
        target.reading,
        *target.layers,
        LinearLayer("a" * 5000, np.ones((1, 1))),
        wide,
        Ball(),
        Box(),
        read_certificate(saved),
        SubsetSumProblem(rows[0], 0.5),
        solve(rows[0], 0.5),
        solve_batch(rows, rows[:, 0]),
        solve_batch(rows[:0], rows[:0, 0]),
        solve_jointly(rows[0], [0.5, 0.25]),
        solve_sizes(rows[0], 0.5),
        solve_sizes_batch(rows, rows[:, 0]),
        covering_radius(rows[0], low=0.0, high=1.0),
        VectorProblem(rows[:, :2], rows[0, :2]),
        solve_vectors(rows[:12, :2], [0.5, 0.5]),
        certify_found(target, target, domain=Ball(), settings=QUICK),
        GroundTruth(*[model_without_biases()] * 2, masks=masks, output_exponent=0),
        Recovery(masks, target, None, MaskOverlap(1, 2, 0.5)),
        Examples(np.ones((500, 9), np.float32), np.ones((5, 9), np.float32)),
        hitting_times(event, trials=200, seed=0, max_samples=8),
        admissible_paths(event, num_samples=9, trials=2, seed=0),
        attach(torch.nn.Linear(50, 50), EdgePopup(), density=0.5, seed=0),
        CertifySettings(),
        RELU_DIAMOND,
    ]


# --- what is printed ---------------------------------------------------------------------------


def test_no_value_prints_its_arrays(values):
    for value in values:
        text = repr(value)
        assert len(text) < 300, text
        assert "\n" not in text
        assert "array(" not in text
        assert "tensor(" not in text
        assert text.startswith(type(value).__name__)


def test_every_kind_of_value_that_is_compared_by_value_is_looked_at(values):
    """A class that nobody put into the list above would print whatever it likes."""
    shown = {type(value) for value in values}
    for name in ("certify", "construct", "networks", "subset_sum", "pipeline.prune_result"):
        importlib.import_module(f"strongltn.{name}")
    kinds = ByValue.__subclasses__()
    kinds += [kind for parent in kinds for kind in parent.__subclasses__()]
    assert len(kinds) > 20
    assert not {kind.__name__ for kind in kinds} - {kind.__name__ for kind in shown}


def test_a_result_is_one_line_that_says_what_was_proved(result):
    least = outward_text(result.lower_bound, upwards=False)
    most = outward_text(result.upper_bound, upwards=True)
    assert repr(result) == (
        f"PruneResult(3-4-2, relu-diamond, seed 7: {least} <= sup ||f(x) - g(x)||_2 <= {most} "
        "on the unit ball)"
    )


def test_a_printed_result_names_both_networks_the_domain_the_norm_and_both_bounds(result):
    text = str(result)
    for part in (
        "The random network g of widths 3-204-4-255-2",
        "uniform weights, seed 7",
        f"of whose 3,417 weights a mask keeps {result.ticket.num_kept}",
        "the target f, 3-4-2 with 26 weights.",
        f"Proved: {outward_text(result.lower_bound, upwards=False)} <= sup ||f(x) - g(x)||_2 <= ",
        "on the unit ball.",
    ):
        assert part in text, (part, text)


def test_a_printed_result_says_whether_what_was_asked_for_holds(result):
    target = result.target
    near = prune(target, epsilon=1e3, num_samples=8, settings=QUICK)
    far = prune(target, epsilon=1e-9, num_samples=2, settings=QUICK)
    assert "Within epsilon = 1000.0." in str(near)
    assert "NOT within epsilon = 1e-09." in str(far)
    missed = prune(target, num_samples=2, tolerance=1e-6, settings=QUICK)
    said = f"{missed.reach.num_unreached} weights are further off than 9.999e-7, by up to"
    assert said in str(missed)  # 1e-6 is a float just below a millionth


@pytest.mark.parametrize("domain", ["ball", "ball:2.5", "box", "box:-1,1"])
@pytest.mark.parametrize("norm", [2, "inf"])
def test_printed_bounds_are_bounds(result, domain, norm):
    settings = dataclasses.replace(QUICK, output_norm=norm)
    certificate = certify_ticket(result.target, result.ticket, domain, settings=settings)
    least, _, _, *_ = repr(certificate).removeprefix("Certificate(").split()
    most = repr(certificate).split(" <= ")[-1].split()[0]
    assert Fraction(least) <= certificate.lower_bound
    assert Fraction(most) >= certificate.upper_bound
    assert f"||_{norm} <= " in repr(certificate)
    assert certificate.domain.in_words in str(certificate)
    assert str(certificate).startswith("Proved: ")


@pytest.mark.parametrize("digits", [1, 4, 17])
def test_outward_text_is_on_the_right_side_and_near(digits):
    generator = np.random.default_rng(1)
    for _ in range(300):
        numerator = int(generator.integers(-(10**15), 10**15))
        value = Fraction(numerator, int(generator.integers(1, 10**9))) * Fraction(10) ** int(
            generator.integers(-40, 40)
        )
        above = Fraction(outward_text(value, upwards=True, digits=digits))
        below = Fraction(outward_text(value, upwards=False, digits=digits))
        assert below <= value <= above
        assert above - below <= abs(value) * Fraction(10) ** (1 - digits)
    assert outward_text(Fraction(100), upwards=True) == "100"
    assert outward_text(Fraction(0), upwards=True) == "0"


def test_tables_for_notebooks_escape_what_strangers_wrote(result):
    for value in (result, result.ticket, result.certificate):
        assert value._repr_html_().startswith("<table>")
    strange = dataclasses.replace(result.ticket, construction="<script>alert(1)</script>")
    text = strange._repr_html_()
    assert "<script>" not in text
    assert html.escape("<script>") in text
    assert "sup ||f(x) - g(x)||_2 &lt;= " in result._repr_html_()


# --- what is equal -----------------------------------------------------------------------------


def test_two_equal_prunes_are_equal_whatever_time_they_took(result):
    again = prune(model_of(3, 4, 2), num_samples=8, seed=7, settings=QUICK)
    assert again == result
    assert hash(again) == hash(result)
    assert again.seconds != result.seconds
    for name in ("target", "plan", "build", "reach", "certificate", "ticket"):
        one, other = getattr(again, name), getattr(result, name)
        assert one == other, name
        assert one is not other, name
        assert hash(one) == hash(other), name
    assert len({again, result}) == 1


def test_a_copy_is_equal_with_an_equal_hash(values):
    for value in values:
        if isinstance(value, ByValue):
            for other in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
                assert other == value
                assert hash(other) == hash(value)


def test_values_of_two_kinds_are_not_equal(values):
    kinds = {}
    for value in values:
        if isinstance(value, ByValue):
            assert value != 3
            assert value != repr(value)
            kinds.setdefault(type(value), value)
    chosen = list(kinds.values())
    for i, one in enumerate(chosen):
        assert all(one != other for other in chosen[i + 1 :])


def test_what_differs_is_not_equal(result):
    ticket, target = result.ticket, result.target
    for change in (
        {"construction": "another"},
        {"samples_per_weight": 9},
        {"scale_exponents": (1, 2)},
        {"source": dataclasses.replace(ticket.source, seed=8)},
        {"source": dataclasses.replace(ticket.source, law="gaussian")},
        {"pairs": (ticket.pairs[0], empty_like(ticket.pairs[1]))},
    ):
        assert dataclasses.replace(ticket, **change) != ticket, change
    other = model_of(3, 4, 2)
    other[0].weight.data[0, 0] = float(other[0].weight.data[0, 0]) + 2.0**-20
    assert TargetNetwork.of(other) != target
    assert TargetNetwork.of(model_of(3, 4, 2)) == target
    assert prune(other, num_samples=8, seed=7, settings=QUICK) != result
    assert prune(target, num_samples=8, seed=8, settings=QUICK) != result
    assert dataclasses.replace(result, epsilon=1.0) != result
    bound = dataclasses.replace(result.certificate, upper_bound=Fraction(1))
    assert bound != result.certificate


def empty_like(pair):
    none = np.empty(0, dtype=np.int64)
    return PairMask(none, none, np.empty((pair.num_outputs, 0), dtype=np.uint8))


def test_dtypes_tell_layers_apart_and_signs_of_zero_do_not():
    one = LinearLayer("fc", np.zeros((1, 2)))
    assert one == LinearLayer("fc", -np.zeros((1, 2)))
    assert hash(one) == hash(LinearLayer("fc", -np.zeros((1, 2))))
    assert one != LinearLayer("fc", np.zeros((1, 2), dtype=np.float32))
    assert one != LinearLayer("fc", np.zeros((2, 1)))
    assert one != LinearLayer("fc", np.zeros((1, 2)), np.zeros(1))
    assert one != LinearLayer("other", np.zeros((1, 2)))


def test_dyadic_arrays_are_equal_on_any_grid():
    one, other = DyadicArray(np.array([4, 0]), 0), DyadicArray(np.array([1, 0]), 2)
    assert one == other
    assert hash(one) == hash(other)
    zeros = DyadicArray(np.array([0]), 5), DyadicArray(np.array([0]), -5)
    assert zeros[0] == zeros[1]
    assert hash(zeros[0]) == hash(zeros[1])
    assert one != DyadicArray(np.array([4, 1]), 0)
    assert one != DyadicArray(np.array([[4, 0]]), 0)
    huge = DyadicArray(np.array([1 << 70], dtype=object), 0)
    assert huge == DyadicArray(np.array([1]), 70)
    assert hash(huge) == hash(DyadicArray(np.array([1]), 70))


def test_local_boxes_are_equal_by_their_ends():
    assert LocalBox([0.0], [1.0]) == LocalBox([0.0], [1.0])
    assert LocalBox([0.0], [1.0]) != LocalBox([0.0], [2.0])
    assert len({LocalBox([0.0], [1.0]), LocalBox([0.0], [1.0])}) == 1


def test_are_equal_goes_into_what_it_meets():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Inner:
        array: np.ndarray

    assert are_equal((Inner(np.ones(2)),), (Inner(np.ones(2)),))
    assert not are_equal((Inner(np.ones(2)),), (Inner(np.zeros(2)),))
    assert not are_equal([np.ones(2)], (np.ones(2),))
    assert not are_equal({"a": np.ones(2)}, {"b": np.ones(2)})
    assert not are_equal(np.ones(2), 1.0)


def test_results_have_no_truth_value_still(values):
    for value in values:
        if type(value).__name__ in ("SubsetSumResult", "BatchResult", "JointResult"):
            with pytest.raises(TypeError, match="truth value"):
                bool(value)
    assert isinstance(values[0].ticket, Ticket)
