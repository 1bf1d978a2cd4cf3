"""The Python interface takes what users hold, and refuses everything else by name."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
import torch

import strongltn
from strongltn import (
    Attack,
    Ball,
    Box,
    CertifySettings,
    LinearLayer,
    LocalBox,
    PrunedNetwork,
    SourceNetwork,
    TargetNetwork,
    Ticket,
    WeightLaw,
    certify_ticket,
    load_ticket,
    prune,
)
from strongltn.construct import (
    CONSTRUCTIONS,
    LINEAR_DIAMOND,
    RELU_DIAMOND,
    Construction,
    build_ticket,
    construction_named,
    make_plan,
)
from strongltn.errors import InvalidInputError, StrongLTNError
from strongltn.groundtruth import certify_found, constructed_truth, plant
from strongltn.networks import Activation, OutputNorm
from strongltn.rng import named_generator, stream_key
from strongltn.search import EdgePopup, Init, Scope, SearchConfig, attach, initialize
from strongltn.simulate import CoveringEvent, hitting_times, subset_sizes
from strongltn.subset_sum import (
    SubsetSumProblem,
    VectorProblem,
    covering_radius,
    is_covering,
    solve,
    solve_batch,
    solve_jointly,
    solve_sizes,
    solve_targets,
    solve_vectors,
)
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.subset_sum.solvers import (
    BruteForce,
    FixedSize,
    GrowingPrefix,
    IntegerProgram,
    MeetInTheMiddle,
    SchroeppelShamir,
)

QUICK = CertifySettings(attack=Attack(num_restarts=1, num_steps=1))


@pytest.fixture(scope="module")
def model():
    """A trained network as a user holds it."""
    generator = torch.Generator().manual_seed(3)
    layers = torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)
    for layer in layers:
        layer.weight.data = torch.rand(layer.weight.shape, generator=generator) - 0.5
        layer.bias.data = torch.rand(layer.bias.shape, generator=generator) - 0.5
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])


@pytest.fixture(scope="module")
def result(model):
    """What all the calls below must give."""
    return prune(
        TargetNetwork.from_module(model),
        construction=RELU_DIAMOND,
        num_samples=6,
        law=WeightLaw.UNIFORM,
        seed=7,
        domain=Box(0.0, 1.0),
        settings=QUICK,
    )


# --- what is accepted --------------------------------------------------------------------------


def test_a_module_a_state_dict_a_file_and_a_ticket_are_targets(model, result, tmp_path):
    torch.save(model.state_dict(), tmp_path / "model.pt")
    result.save(tmp_path / "ticket")
    state = model.state_dict()
    for held in (model, state, tmp_path / "model.pt", str(tmp_path / "model.pt")):
        target = prune(held, num_samples=2, settings=QUICK).target
        assert target.widths == (3, 2, 1)
        assert np.array_equal(target.layers[0].weight, result.target.layers[0].weight)
    assert TargetNetwork.of(str(tmp_path / "ticket")) == result.target
    assert TargetNetwork.of(result.target) is result.target


@pytest.mark.parametrize(
    "words",
    [
        {"law": "uniform"},
        {"law": "UNIFORM"},
        {"domain": "box"},
        {"domain": "box:0,1"},
        {"construction": "relu-diamond"},
        {"construction": "RELU_DIAMOND"},
        {"seed": np.int64(7)},
        {"seed": np.uint8(7)},
        {"seed": torch.tensor(7)},
        {"seed": np.array(7)},
        {"num_samples": np.int64(6)},
        {"num_samples": torch.tensor(6)},
        {"tolerance": np.float32(0.01), "epsilon": None},
        {"domain": Box(np.float32(0), np.int64(1))},
        {"domain": Box(Fraction(0), Fraction(1))},
    ],
    ids=str,
)
def test_prune_takes_the_command_lines_words_and_any_number(model, result, words):
    asked = {
        "num_samples": 6,
        "seed": 7,
        "domain": Box(),
        "settings": QUICK,
        "tolerance": np.float32(0.01),
    }
    found = prune(model, **(asked | words))
    assert found.ticket == result.ticket
    assert type(found.ticket.source.seed) is int
    assert type(found.ticket.samples_per_weight) is int
    assert found.certificate == result.certificate


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32(0.5), 0.5),
        (1, 1.0),
        (np.int64(1), 1.0),
        (Fraction(1, 2), 0.5),
        (torch.tensor(0.5), 0.5),
        (Fraction(1, 10), 0.09999999999999999),  # the largest float below: 0.1 is above a tenth
    ],
)
def test_epsilon_is_a_float_that_is_not_above_what_was_given(model, given, kept):
    found = prune(model, epsilon=given, num_samples=2, settings=QUICK)
    assert found.epsilon == kept
    assert type(found.epsilon) is float
    assert found.epsilon <= given
    assert found.report()["epsilon"] == kept


@pytest.mark.parametrize("domain", ["ball", "ball:2", "box", "box:-1,0.5"])
def test_a_ticket_is_certified_on_a_domain_named_in_words(model, result, domain):
    certificate = certify_ticket(model, result.ticket, domain, settings=QUICK)
    assert str(certificate.domain) == {"ball": "ball:1", "box": "box:0,1"}.get(domain, domain)


@pytest.mark.parametrize("norm", [2, "2", "inf", "INF", "two", np.int64(2), np.inf, float("inf")])
def test_a_norm_is_named_as_in_numpy(norm):
    expected = OutputNorm.TWO if str(norm).lower() in ("2", "two") else OutputNorm.INF
    assert CertifySettings(output_norm=norm).output_norm is expected


def test_sources_take_lists_words_and_numpy_integers():
    source = SourceNetwork([3, np.int64(4), 2], "gaussian", np.uint64(2**64 - 1), [True], "linear")
    assert source == SourceNetwork(
        (3, 4, 2), WeightLaw.GAUSSIAN, 2**64 - 1, (True,), Activation.LINEAR
    )
    assert hash(source) == hash(SourceNetwork((3, 4, 2), "GAUSSIAN", 2**64 - 1, (True,), "LINEAR"))


def test_layers_take_tensors_and_sequences():
    expected = LinearLayer("fc", np.array([[1.0, 2.0]]), np.array([0.5]))
    assert LinearLayer("fc", [[1, 2]], [Fraction(1, 2)]) == expected
    weight = torch.tensor([[1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    assert LinearLayer("fc", weight, torch.tensor([0.5], dtype=torch.float64)) == expected
    assert LinearLayer("fc", torch.ones(1, 1)).weight.dtype == np.float32
    target = TargetNetwork([expected])
    assert target.layers == (expected,)


def test_local_boxes_take_tensors_and_sequences():
    box = LocalBox([0, 1], (0.5, 1.5))
    assert box == LocalBox(torch.tensor([0.0, 1.0]), np.array([0.5, 1.5]))
    around = LocalBox.around([0.25, 1.25], np.float32(0.25))
    assert (around.lower.tolist(), around.upper.tolist()) == ([0.0, 1.0], [0.5, 1.5])


def test_plans_take_words(model, result):
    plan = make_plan(model, "linear-diamond", num_samples=np.int64(6), tolerance=1, domain="box")
    assert plan.construction is LINEAR_DIAMOND
    assert plan.source(result.target, law="uniform", seed=np.int64(7)).law is WeightLaw.UNIFORM
    custom = Construction("mine", "relu", True, MeetInTheMiddle(), "nowhere")
    assert custom.inner_activation is Activation.RELU


@pytest.mark.parametrize(
    "samples",
    [
        [1, 2, 4],
        (1.0, 2.0, 4.0),
        np.array([1, 2, 4], dtype=np.uint8),
        np.array([1, 2, 4], dtype=np.float16),
        torch.tensor([1, 2, 4]),
        torch.tensor([1.0, 2.0, 4.0], requires_grad=True),
        torch.tensor([1.0, 2.0, 4.0], dtype=torch.bfloat16),
        [Fraction(1), np.float32(2), torch.tensor(4.0)],
        range(1, 5),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}",
)
def test_subset_sums_are_solved_of_whatever_holds_numbers(samples):
    first = 5 if isinstance(samples, range) else 5.25
    found = solve(samples, first)
    assert found.exact_error in (0, Fraction(1, 4))
    assert found == solve(SubsetSumProblem(samples, first))
    assert found == solve(samples, torch.tensor(first), solver=BruteForce())
    assert found == solve(samples, np.float32(first), BruteForce())
    assert solve(samples, first, tolerance=0.25).verdict.value == "solved"
    rows = [list(samples)]
    assert solve_batch(rows, [first]).mask[0].tolist() == found.mask.tolist()
    assert solve_batch(torch.tensor([[0.5, 0.25]]), torch.tensor([0.25])).error.tolist() == [0.0]


def test_a_problem_may_still_be_followed_by_its_solver():
    problem = SubsetSumProblem([0.5, 0.25], 0.25)
    assert solve(problem, BruteForce()) == solve(problem, solver=BruteForce()) == solve(problem)
    vectors = VectorProblem([[1, 2], [3, 4]], [1, 2])
    assert solve_vectors([[1, 2], [3, 4]], [1, 2]) == solve_vectors(vectors)
    for call in (
        lambda: solve(problem, 0.5, BruteForce()),
        lambda: solve(problem, tolerance=0.5),
        lambda: solve_vectors(vectors, [1, 2]),
    ):
        with pytest.raises(InvalidInputError, match="either a"):
            call()


def test_solvers_take_numpy_integers():
    for solver in (
        BruteForce(max_samples=np.int64(5)),
        FixedSize(np.int64(1)),
        GrowingPrefix(first=np.int64(2), step=np.int32(1)),
        MeetInTheMiddle(max_bytes=np.int64(2**20)),
        SchroeppelShamir(max_bytes=np.int64(2**25)),
        IntegerProgram(size=np.int64(1), time_limit_seconds=Fraction(9, 2)),
    ):
        assert all("np." not in repr(value) for value in vars(solver).values())
        assert solve([0.5, 0.25], 0.5, solver).exact_error == 0


def test_a_search_takes_words_and_numpy_numbers():
    module = torch.nn.Linear(4, 2)
    handle = attach(module, EdgePopup(), density=np.float32(0.5), seed=np.int64(0), scope="global")
    assert handle.scope is Scope.GLOBAL
    initialize(torch.nn.Linear(2, 2), "signed-constant", seed=np.int64(1))
    run = {"method": EdgePopup(), "model": "fc2", "data": "digits", "density": 0.5}
    config = SearchConfig(**run, epochs=np.int64(2), seed=np.int64(3), init="scaled", scope="layer")
    same = SearchConfig(**run, epochs=2, seed=3, init=Init.SCALED)
    assert config == same
    assert config.identity == same.identity


def test_ground_truths_take_models_and_words():
    model = torch.nn.Linear(2, 1, bias=False)
    target = TargetNetwork.of(model)
    built = constructed_truth(
        model, num_samples=np.int64(4), domain="box", seed=np.int64(0), construction="relu-diamond"
    )
    assert built == constructed_truth(target, num_samples=4, domain=Box(), seed=0, law="uniform")
    planted = plant(model, [], seed=np.int64(0), init="kaiming-normal")
    assert planted == plant(target, (), seed=0)
    assert certify_found(model, model, domain="ball", settings=QUICK).upper_bound == 0


def test_a_simulation_takes_words_and_numpy_integers():
    event = CoveringEvent(0.25, "uniform", "half")
    assert event == CoveringEvent(0.25, SampleLaw.UNIFORM, Window.HALF)
    times = hitting_times(event, trials=np.int64(3), seed=np.int64(0), max_samples=np.int64(8))
    assert type(times.seed) is int
    sizes = subset_sizes(4, law="uniform", window="unit", trials=np.int64(2), seed=np.int64(0))
    assert len(sizes) == 2


def test_streams_are_those_of_the_python_integer():
    assert stream_key(np.int64(7), name="source") == stream_key(7, name="source")
    assert named_generator(np.uint8(7), name="x").random() == named_generator(7, name="x").random()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "parameter", "words"),
    [
        (lambda m: prune(m, num_samples=2, law="unifrom"), "law", "Did you mean 'uniform'?"),
        (
            lambda m: prune(m, num_samples=2, law="unifrom"),
            "law",
            "one of uniform, signed-constant, g",
        ),
        (
            lambda m: prune(m, num_samples=2, construction="relu-dimond"),
            "construction",
            "single-weight. Got relu-dimond. Did you mean 'relu-diamond'?",
        ),
        (lambda m: prune(m, num_samples=2, domain="bal:2"), "domain", "Did you mean 'ball'?"),
        (lambda m: prune(m, num_samples=2, domain=2), "domain", "a text such as ball:2"),
        (lambda m: prune(m, num_samples=True), "num_samples", "Got True"),
        (lambda m: prune(m, num_samples=2, seed=True), "seed", "Got True"),
        (lambda m: prune(m, num_samples=2, seed=2**64), "seed", "[0, 2^64)"),
        (lambda m: prune(m, num_samples=2, seed=1.0), "seed", "Got 1.0"),
        (lambda m: prune(m, epsilon=float("nan")), "epsilon", "Got nan"),
        (lambda m: prune(m, epsilon="0.1"), "epsilon", "a finite number > 0"),
        (lambda m: prune(m, epsilon=True), "epsilon", "Got True"),
        (lambda m: prune(m), "epsilon", "epsilon=0.1 or num_samples=20"),
        (lambda m: prune(3, num_samples=2), "target", "a torch module, a state dict"),
        (lambda m: prune(m, num_samples=2, progress=3), "progress", "a function"),
        (lambda m: prune(m, num_samples=2, settings=CertifySettings), "settings", "parentheses"),
        (lambda m: CertifySettings(output_norm="manhattan"), "output_norm", "one of 2, inf"),
        (lambda m: SourceNetwork((2, 2.5, 1), "uniform", 0), "widths", "Got 2.5"),
        (lambda m: SourceNetwork((2, 2, 1), "uniform", 0, (1,)), "biases", "True or False"),
        (lambda m: Ball("2"), "radius", "Got 2"),
        (lambda m: Ball(Fraction(1, 3)), "radius", "Write float"),
        (lambda m: Ball(np.bool_(True)), "radius", "Got True"),
        (lambda m: LocalBox(["0"], [1]), "domain", "dtype <U1"),
        (lambda m: PrunedNetwork(m), "ticket", "a Ticket"),
        (lambda m: prune(m, num_samples=80), "num_samples", "With epsilon instead"),
        (lambda m: Attack(num_steps="many"), "num_steps", "an integer >= 1. Got many"),
        (lambda m: solve([0.5], 0.5, BruteForce), "solver", "Write BruteForce(...)"),
        (lambda m: solve([0.5]), "target", "Got None"),
        (lambda m: attach(m, EdgePopup, density=0.5, seed=0), "method", "Write EdgePopup(...)"),
        (
            lambda m: attach(m, EdgePopup(), density=0.5, seed=0, scope="all"),
            "scope",
            "one of layer, global",
        ),
        (lambda m: load_ticket(3), "path", "a path"),
        (lambda m: load_ticket("/nowhere"), "path", "a ticket directory of strongltn prune"),
        (lambda m: CoveringEvent(0.25, "unifrom", "half"), "law", "Did you mean 'uniform'?"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(model, call, parameter, words):
    with pytest.raises(InvalidInputError) as caught:
        call(model)
    assert caught.value.parameter == parameter
    assert words in str(caught.value)


def test_a_ticket_of_another_network_is_refused(model, result):
    other = torch.nn.Linear(3, 1)
    with pytest.raises(InvalidInputError, match=r"'ticket'.*widths 3-1.*widths 3-2-1"):
        certify_ticket(other, result.ticket, "ball")


class Nothing:
    """A value that is no part of any call."""


NONSENSE = [
    None,
    Nothing(),
    Nothing,
    True,
    -1,
    1j,
    10**400,
    float("nan"),
    float("inf"),
    "nonsense",
    "",
    b"bytes",
    [],
    ["a", None],
    [[1.0], [1.0, 2.0]],
    {},
    {"a": 1},
    np.zeros((0, 0)),
    np.array([np.nan]),
    np.array(["a"]),
    torch.zeros(2, 2, 2),
    torch.zeros(1, dtype=torch.complex64),
    torch.zeros(2, 2).to_sparse(),
    lambda: None,
]


def calls(model, result, tmp_path):
    """Return public calls with arguments that are right and quick."""
    target, ticket = result.target, result.ticket
    plan = make_plan(target, RELU_DIAMOND, num_samples=2, tolerance=0.1, domain=Ball())
    rows, goals = [[0.5, 0.25]], [0.5]
    pair = ticket.pairs[0]
    yield (
        prune,
        {
            "target": target,
            "construction": "relu-diamond",
            "epsilon": None,
            "num_samples": 2,
            "tolerance": 0.1,
            "law": "uniform",
            "seed": 0,
            "domain": "ball",
            "settings": QUICK,
            "progress": None,
        },
    )
    yield (
        certify_ticket,
        {
            "target": target,
            "ticket": ticket,
            "domain": "ball",
            "settings": QUICK,
            "progress": None,
        },
    )
    yield (
        make_plan,
        {
            "target": target,
            "construction": "relu-diamond",
            "num_samples": 2,
            "tolerance": 0.1,
            "domain": "ball",
            "width_failure_probability": Fraction(1, 10),
        },
    )
    source = plan.source(target, law="uniform", seed=0)
    yield build_ticket, {"target": target, "source": source, "plan": plan, "solver": None}
    yield plan.source, {"target": target, "law": "uniform", "seed": 0}
    yield construction_named, {"name": "relu-diamond"}
    yield (
        Construction,
        {
            "name": "mine",
            "inner_activation": "relu",
            "shares_hidden": True,
            "solver": MeetInTheMiddle(),
        }
        | {"source": "nowhere"},
    )
    yield TargetNetwork, {"layers": target.layers}
    yield TargetNetwork.of, {"value": target}
    yield TargetNetwork.from_state_dict, {"state": model.state_dict(), "layers": ["0", "2"]}
    yield TargetNetwork.from_module, {"module": model, "example": torch.zeros(1, 3)}
    yield LinearLayer, {"name": "fc", "weight": [[1.0]], "bias": [1.0]}
    yield (
        SourceNetwork,
        {
            "widths": (1, 2, 1),
            "law": "uniform",
            "seed": 0,
            "biases": (True,),
            "inner_activation": "relu",
        },
    )
    yield (
        Ticket,
        {
            "source": ticket.source,
            "pairs": ticket.pairs,
            "scale_exponents": ticket.scale_exponents,
            "construction": "mine",
            "samples_per_weight": 2,
        },
    )
    yield type(pair), {"hidden": pair.hidden, "inputs": pair.inputs, "kept": pair.kept}
    yield PrunedNetwork, {"ticket": ticket, "dtype": torch.float32}
    yield ticket.to_module, {"dtype": torch.float32}
    yield ticket.source.to_module, {"dtype": torch.float32}
    yield Ball, {"radius": 1.0}
    yield Box, {"lower": 0.0, "upper": 1.0}
    yield LocalBox, {"lower": [0.0], "upper": [1.0]}
    yield LocalBox.around, {"center": [0.5], "radius": 0.5, "clip": Box()}
    yield (
        CertifySettings,
        {
            "attack": Attack(),
            "output_norm": 2,
            "is_tight": False,
        }
        | {name: getattr(QUICK, name) for name in ("backward", "splitting", "quadratic")},
    )
    yield Attack, {"num_restarts": 1, "num_steps": 1, "seed": 0}
    yield load_ticket, {"path": tmp_path / "ticket"}
    yield result.save, {"path": tmp_path / "ticket", "overwrite": True}
    yield solve, {"problem": [0.5], "target": 0.5, "solver": None, "tolerance": 0.1}
    yield (
        solve_batch,
        {
            "samples": rows,
            "targets": goals,
            "solver": None,
            "tolerance": 0.1,
            "device": "cpu",
        },
    )
    yield solve_targets, {"samples": [0.5], "targets": goals, "solver": None, "tolerance": 0.1}
    yield solve_jointly, {"samples": [0.5], "targets": goals, "solver": None, "tolerance": 0.1}
    yield solve_sizes, {"samples": [0.5], "target": 0.5, "max_bytes": 2**20}
    yield solve_vectors, {"problem": [[0.5]], "target": [0.5], "max_bytes": 2**20}
    yield covering_radius, {"samples": [0.5], "low": 0.0, "high": 1.0, "max_bytes": 2**20}
    yield is_covering, {"samples": [[0.5]], "low": 0.0, "high": 1.0, "tolerance": 0.5}
    yield (
        attach,
        {
            "module": torch.nn.Linear(2, 2),
            "method": EdgePopup(),
            "density": 0.5,
            "seed": 0,
            "scope": "layer",
            "names": None,
        },
    )
    yield initialize, {"module": torch.nn.Linear(2, 2), "init": "scaled", "seed": 0, "density": 0.5}
    yield CoveringEvent, {"eta": 0.25, "law": "uniform", "window": "half"}


@pytest.mark.filterwarnings("ignore")  # of libraries, about what they are given
def test_no_value_of_any_parameter_fails_from_within(model, result, tmp_path, monkeypatch):
    """Each parameter of each public call gets each value that makes no sense."""
    monkeypatch.chdir(tmp_path)
    result.save(tmp_path / "ticket")
    tried, wrong = 0, []
    for call, good in calls(model, result, tmp_path):
        name = getattr(call, "__qualname__", repr(call))
        for parameter in good:
            for value in NONSENSE:
                keywords = dict(good)
                keywords[parameter] = value
                if call is attach:  # it changes the module
                    keywords["module"] = value if parameter == "module" else torch.nn.Linear(2, 2)
                arguments = []
                if call is solve or call is solve_vectors:
                    arguments = [keywords.pop("problem")]
                if parameter == "progress" and callable(value):
                    continue  # whatever it raises is the caller's own
                tried += 1
                try:
                    call(*arguments, **keywords)
                except StrongLTNError:
                    pass
                except Exception as error:
                    wrong.append(f"{name}({parameter}={value!r:.40}): {error!r:.120}")
    assert not wrong, "\n".join([f"{len(wrong)} of {tried}", *wrong])
    assert tried > 2000


def test_the_calls_above_name_parameters_that_exist(model, result, tmp_path):
    for call, good in calls(model, result, tmp_path):
        known = inspect.signature(call).parameters
        assert good.keys() <= known.keys(), call


def test_the_words_are_those_of_the_command_line():
    from strongltn.construct.catalogue import ConstructionWord
    from strongltn.rng import LawWord

    assert set(ConstructionWord.__args__) == CONSTRUCTIONS.keys()
    assert set(LawWord.__args__) == {law.value for law in WeightLaw}
    assert strongltn.construct.CONSTRUCTIONS is CONSTRUCTIONS
