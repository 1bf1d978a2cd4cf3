"""What must never change, and what a checkpoint must hold: each a complaint about other codes."""

import copy
import io
import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from strongltn.errors import InvalidInputError
from strongltn.models.density import num_kept_of
from strongltn.search import (
    Biprop,
    EdgePopup,
    GemMiner,
    Init,
    IteRand,
    LearnedSupermask,
    Scope,
    SignedSupermask,
    attach,
    initialize,
)
from strongltn.search.descent import ScoreSGD
from strongltn.search.method import AbstractSampledMethod

METHODS = [
    EdgePopup(),
    EdgePopup(by_magnitude=False),
    Biprop(),
    IteRand(period=3, fraction=0.5),
    LearnedSupermask(),
    SignedSupermask(),
    GemMiner(),
]
EXACT = [method for method in METHODS if not isinstance(method, AbstractSampledMethod)]
ALL = pytest.mark.parametrize("method", METHODS, ids=repr)
SCOPES = pytest.mark.parametrize("scope", Scope)
DESCENTS = pytest.mark.parametrize("kind", [torch.optim.SGD, ScoreSGD])


class Small(nn.Module):
    """Convolutions, a BatchNorm with weights of its own, linear layers, a bias here and there."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.hidden = nn.Linear(12, 7, bias=False)
        self.last = nn.Linear(7, 3)

    def forward(self, x):
        x = nn.functional.relu(self.norm(self.conv(x))).flatten(1)
        return self.last(nn.functional.relu(self.hidden(x)))


def source(seed=5):
    torch.manual_seed(0)
    module = Small()
    initialize(module, Init.KAIMING_NORMAL, seed=seed)
    return module


def attached(method, *, density=0.4, scope=Scope.LAYER, seed=5):
    return attach(source(), method, density=density, seed=seed, scope=scope)


def batch(step):
    rng = np.random.default_rng(step)
    x = torch.from_numpy(rng.standard_normal((6, 1, 4, 4)).astype(np.float32))
    return x, torch.from_numpy(rng.integers(0, 3, 6))


def optimizer(handle, parameters=None, *, kind=torch.optim.SGD):
    rates = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.05}
    if kind is ScoreSGD:
        return ScoreSGD(handle, **rates)
    parameters = handle.score_parameters() if parameters is None else parameters
    return kind(parameters, **rates)


def train(handle, descent, steps):
    handle.module.train()
    for step in steps:
        x, y = batch(step)
        with handle.held_masks() if handle.scope is Scope.GLOBAL else nullcontext():
            loss = nn.functional.cross_entropy(handle.module(x), y) + handle.penalty()
            descent.zero_grad()
            loss.backward()
        descent.step()
        handle.after_step()


def bits(tensor):
    return tensor.detach().contiguous().numpy().tobytes()


def frozen(module):
    """Every parameter that is not a score, by its name."""
    return {
        name: bits(parameter)
        for name, parameter in module.named_parameters()
        if not name.endswith("scores")
    }


def saved(handle):
    """A checkpoint as bytes, as a file would hold it."""
    file = io.BytesIO()
    torch.save(handle.module.state_dict(), file)
    return file.getvalue()


def loaded(checkpoint):
    return torch.load(io.BytesIO(checkpoint))


@SCOPES
@pytest.mark.parametrize("takes_all", [False, True])
@pytest.mark.parametrize("method", [m for m in METHODS if not isinstance(m, IteRand)], ids=repr)
def test_frozen_weights_keep_their_bits(method, scope, takes_all):
    """Under momentum and weight decay, even where the optimizer is handed all parameters."""
    handle = attached(method, scope=scope)
    before, first = frozen(handle.module), [s.clone() for s in handle.score_parameters()]
    everything = handle.module.parameters() if takes_all else None
    train(handle, optimizer(handle, everything), range(8))
    assert frozen(handle.module) == before
    for old, new in zip(first, handle.score_parameters(), strict=True):
        assert not torch.equal(old, new)


@SCOPES
@pytest.mark.parametrize("method", [m for m in METHODS if not isinstance(m, IteRand)], ids=repr)
def test_frozen_weights_keep_their_bits_where_one_pass_does_all(method, scope):
    handle = attached(method, scope=scope)
    before = frozen(handle.module)
    train(handle, optimizer(handle, kind=ScoreSGD), range(8))
    assert frozen(handle.module) == before


def test_the_sources_weights_are_those_that_are_frozen():
    plain = dict(source().named_parameters())
    handle = attached(EdgePopup())
    after = frozen(handle.module)
    for name in handle.layers:
        original = name.removesuffix("weight") + "parametrizations.weight.original"
        assert after[original] == bits(plain[name])
    assert after["conv.bias"] == bits(plain["conv.bias"])
    assert after["norm.weight"] == bits(plain["norm.weight"])


def test_only_scores_need_gradients():
    handle = attached(EdgePopup())
    needing = [name for name, p in handle.module.named_parameters() if p.requires_grad]
    assert needing == [f"{n}.parametrizations.weight.0.scores" for n in ("conv", "hidden", "last")]
    assert len(handle.score_parameters()) == 3


@SCOPES
@DESCENTS
@ALL
def test_pruned_weights_do_not_grow_back(method, scope, kind):
    """After training, what the mask prunes is zero in the network, and nothing else is."""
    handle = attached(method, scope=scope)
    train(handle, optimizer(handle, kind=kind), range(6))
    handle.module.eval()
    masks = handle.masks()
    for name, layer in (("conv", handle.module.conv), ("last", handle.module.last)):
        assert torch.equal(layer.weight != 0, masks[f"{name}.weight"])


@pytest.mark.parametrize("density", [0.01, 0.4, 0.75, 1.0])
@DESCENTS
@pytest.mark.parametrize("method", EXACT, ids=repr)
def test_a_density_is_the_fraction_kept_in_each_layer(method, density, kind):
    handle = attached(method, density=density)
    train(handle, optimizer(handle, kind=kind), range(2))
    for mask in handle.masks().values():
        assert int(mask.sum()) == num_kept_of(density, mask.numel())


@pytest.mark.parametrize("method", EXACT, ids=repr)
def test_a_global_density_is_the_fraction_kept_of_all(method):
    handle = attached(method, density=0.3, scope=Scope.GLOBAL)
    train(handle, optimizer(handle), range(2))
    masks = handle.masks().values()
    size = sum(mask.numel() for mask in masks)
    assert sum(int(mask.sum()) for mask in masks) == num_kept_of(0.3, size)
    assert handle.kept_density() == num_kept_of(0.3, size) / size


def test_a_global_mask_keeps_the_largest_of_all_layers():
    handle = attached(EdgePopup(), density=0.3, scope=Scope.GLOBAL)
    masks = handle.masks()
    kept = torch.cat([layer.scores[masks[n]].abs() for n, layer in handle.layers.items()])
    pruned = torch.cat([layer.scores[~masks[n]].abs() for n, layer in handle.layers.items()])
    assert kept.min() > pruned.max()


@SCOPES
def test_equal_scores_are_not_all_kept_nor_all_pruned(scope):
    handle = attached(EdgePopup(), density=0.5, scope=scope)
    for scores in handle.score_parameters():
        nn.init.constant_(scores, 0.25)
    kept = torch.cat([mask.flatten() for mask in handle.masks().values()])
    sizes = [s.numel() for s in handle.score_parameters()]
    parts = [sum(sizes)] if scope is Scope.GLOBAL else sizes
    expected = [
        torch.arange(size) < num_kept_of(0.5, size) for size in parts
    ]  # the first ones, by index
    assert torch.equal(kept, torch.cat(expected))


def test_a_negative_score_can_be_kept_and_moves():
    """The magnitude ranks, and the gradient of |score| has the sign of the score."""
    handle = attached(EdgePopup(), density=0.5)
    scores = handle.layers["hidden.weight"].scores
    masks = handle.masks()["hidden.weight"]
    is_negative = scores < 0
    assert (masks & is_negative).any()
    before = scores.detach().clone()
    train(handle, optimizer(handle), range(1))
    moved = scores.grad != 0
    assert (moved & is_negative & masks).any()
    assert torch.equal(before != scores.detach(), torch.ones_like(masks))  # weight decay moves all


@ALL
def test_checkpoints_hold_masks_that_follow_from_them(method):
    handle = attached(method)
    descent = optimizer(handle)
    train(handle, descent, range(4))
    checkpoint = loaded(saved(handle))
    masks = handle.masks()
    again = attached(
        method, density=0.9, seed=5 if isinstance(method, AbstractSampledMethod) else 77
    )
    again.module.load_state_dict(checkpoint)
    for name, mask in masks.items():
        key = name.removesuffix("weight") + "parametrizations.weight.0.mask"
        assert torch.equal(checkpoint[key], mask)
        assert torch.equal(again.masks()[name], mask)
        assert torch.equal(again.effective_weights()[name], handle.effective_weights()[name])
    assert (again.density, again.num_steps) == (0.4, 4)


@SCOPES
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_mask_that_is_not_that_of_its_scores_is_refused(method, scope):
    checkpoint = attached(method, scope=scope).module.state_dict()
    for key in [key for key in checkpoint if key.endswith("mask")]:
        damaged = copy.deepcopy(checkpoint)
        mask = damaged[key].view(-1)
        mask.copy_(mask.roll(1))
        with pytest.raises(InvalidInputError, match="another mask"):
            attached(method, scope=scope).module.load_state_dict(damaged)
    attached(method, scope=scope).module.load_state_dict(checkpoint)


def test_a_drawn_mask_is_that_of_its_seed():
    checkpoint = attached(LearnedSupermask()).module.state_dict()
    with pytest.raises(InvalidInputError, match="of another method, scope or seed"):
        attached(LearnedSupermask(), seed=6).module.load_state_dict(checkpoint)


def test_a_mask_with_one_weight_too_few_is_refused():
    handle = attached(EdgePopup())
    checkpoint = copy.deepcopy(handle.module.state_dict())
    scores = handle.layers["last.weight"].scores.abs()
    mask = checkpoint["last.parametrizations.weight.0.mask"]
    least = torch.where(mask, scores, torch.inf).argmin()
    mask.view(-1)[least] = False
    with pytest.raises(InvalidInputError, match=r"last\.weight"):
        handle.module.load_state_dict(checkpoint)


def test_a_checkpoint_without_masks_is_refused_by_torch():
    handle = attached(EdgePopup())
    with pytest.raises(RuntimeError, match="Missing key"):
        handle.module.load_state_dict(source().state_dict())
    handle.module.load_state_dict(attached(EdgePopup(), seed=6).module.state_dict())


@SCOPES
@DESCENTS
@ALL
def test_a_resumed_run_is_the_same_run(method, scope, kind):
    """Three steps, a checkpoint, three steps: bit for bit the six steps in one go."""
    whole = attached(method, scope=scope)
    train(whole, optimizer(whole, kind=kind), range(6))
    first = attached(method, scope=scope)
    descent = optimizer(first, kind=kind)
    train(first, descent, range(3))
    checkpoint, momentum = loaded(saved(first)), copy.deepcopy(descent.state_dict())
    second = attached(method, scope=scope)
    second.module.load_state_dict(checkpoint)
    descent = optimizer(second, kind=kind)
    descent.load_state_dict(momentum)
    train(second, descent, range(3, 6))
    one, two = whole.module.state_dict(), second.module.state_dict()
    assert one.keys() == two.keys()
    for name in one:
        assert bits(one[name]) == bits(two[name]), name


@ALL
def test_no_global_generator_is_read_or_set(method):
    torch.manual_seed(1)
    module = Small()
    states = torch.get_rng_state(), np.random.get_state()[1].tobytes(), random.getstate()  # noqa: NPY002
    initialize(module, Init.SIGNED_CONSTANT, seed=3)
    handle = attach(module, method, density=0.5, seed=3)
    train(handle, optimizer(handle), range(4))
    handle.detach()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tobytes() == states[1]  # noqa: NPY002
    assert random.getstate() == states[2]


@ALL
def test_the_seed_decides_alone(method):
    """Global seeds change nothing; the one seed changes scores of every layer."""
    runs = []
    for seed, noise in ((5, 0), (5, 1), (6, 0)):
        handle = attached(method, seed=seed)
        torch.manual_seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        train(handle, optimizer(handle), range(4))
        runs.append([bits(scores) for scores in handle.score_parameters()])
    assert runs[0] == runs[1]
    assert all(a != b for a, b in zip(runs[0], runs[2], strict=True))


def test_every_layer_and_purpose_has_a_stream_of_its_own():
    """Two layers of one shape differ, and a new layer shifts no other."""
    pair = nn.Sequential(nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False))
    initialize(pair, Init.KAIMING_NORMAL, seed=1)
    handle = attach(pair, EdgePopup(), density=0.5, seed=1)
    first, second = handle.score_parameters()
    assert not torch.equal(first, second)
    alone = nn.Sequential(nn.Linear(5, 5, bias=False))
    initialize(alone, Init.KAIMING_NORMAL, seed=1)
    assert torch.equal(alone[0].weight, pair[0].parametrizations.weight.original)
    scores = attach(alone, EdgePopup(), density=0.5, seed=1).score_parameters()[0]
    assert torch.equal(scores, first)


@DESCENTS
@ALL
def test_a_detached_network_is_plain_and_computes_the_same(method, kind):
    handle = attached(method)
    train(handle, optimizer(handle, kind=kind), range(3))
    x, _ = batch(9)
    before = saved(handle)
    plain = handle.detach()
    assert type(plain.hidden) is nn.Linear
    assert plain.state_dict().keys() == source().state_dict().keys()
    assert not any(parameter.requires_grad for parameter in plain.parameters())
    assert torch.equal(plain(x), handle.module.eval()(x))
    for name, weight in handle.effective_weights().items():
        assert torch.equal(plain.get_parameter(name), weight)
    assert saved(handle) == before


def test_held_masks_stand_still_and_others_do_not():
    handle = attached(EdgePopup(), scope=Scope.GLOBAL)
    handle.module.eval()
    scores = handle.layers["last.weight"].scores
    old = handle.module.last.weight
    with handle.held_masks(), torch.no_grad():
        scores.neg_().add_(1)
        assert torch.equal(handle.module.last.weight, old)
    assert not torch.equal(handle.module.last.weight, old)


@SCOPES
@ALL
def test_holding_masks_changes_no_bit(method, scope):
    results = []
    for is_held in (False, True):
        handle = attached(method, scope=scope)
        x, y = batch(0)
        with handle.held_masks() if is_held else nullcontext():
            loss = nn.functional.cross_entropy(handle.module(x), y)
            loss.backward()
        results.append([bits(loss), *(bits(s.grad) for s in handle.score_parameters())])
    assert results[0] == results[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", EXACT, ids=repr)
def test_cuda_keeps_what_the_cpu_keeps(method):
    here = attached(method)
    there = attach(source().cuda(), method, density=0.4, seed=5)
    for name, mask in there.masks().items():
        assert torch.equal(mask.cpu(), here.masks()[name])
    weights = here.effective_weights()
    for name, weight in there.effective_weights().items():
        torch.testing.assert_close(weight.cpu(), weights[name])
    x, y = batch(0)
    losses = []
    for handle, device in ((here, "cpu"), (there, "cuda")):
        losses.append(nn.functional.cross_entropy(handle.module(x.to(device)), y.to(device)))
        losses[-1].backward()
    for one, two in zip(here.score_parameters(), there.score_parameters(), strict=True):
        torch.testing.assert_close(two.grad.cpu(), one.grad, rtol=1e-3, atol=1e-5)


def test_a_density_can_fall():
    handle = attached(EdgePopup(), density=1.0)
    assert handle.kept_density() == 1.0
    handle.set_density(0.1)
    assert int(handle.masks()["hidden.weight"].sum()) == 8
    with pytest.raises(InvalidInputError, match="'density'"):
        handle.set_density(0.0)
    assert handle.density == 0.1


def test_a_copy_is_searched_on_its_own():
    handle = attached(EdgePopup())
    twin = copy.deepcopy(handle)
    before = saved(handle)
    train(twin, optimizer(twin), range(2))
    assert saved(handle) == before
    assert saved(twin) != before


def test_layers_can_be_chosen():
    class Copies(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(5, 4))

        def forward(self, x):
            return (self.weight * x[:, None, :]).flatten(1)

    module = nn.Sequential(Copies(), nn.Linear(20, 2))
    handle = attach(module, EdgePopup(), density=0.5, seed=0, names=["0"])
    assert list(handle.layers) == ["0.weight"]
    assert int((module(torch.ones(1, 4))[0] != 0).sum()) == 2
    assert not torch.nn.utils.parametrize.is_parametrized(module[1])


def tied():
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[1].weight = module[0].weight
    return module


def empty():
    module = nn.Linear(2, 2)
    module.weight = nn.Parameter(torch.ones(0, 2))
    return module


@pytest.mark.parametrize(
    ("name", "module", "arguments"),
    [
        ("density", nn.Linear(2, 2), {"density": 0}),
        ("density", nn.Linear(2, 2), {"density": 1.5}),
        ("density", nn.Linear(2, 2), {"density": float("nan")}),
        ("seed", nn.Linear(2, 2), {"seed": -1}),
        ("seed", nn.Linear(2, 2), {"seed": 1.0}),
        ("module", nn.ReLU(), {}),
        ("module", tied(), {}),
        ("module", empty(), {}),
        ("module", nn.Linear(2, 2).half(), {}),
        ("names", nn.Linear(2, 2), {"names": ["missing"]}),
        ("names", nn.Sequential(nn.ReLU()), {"names": ["0"]}),
    ],
)
def test_bad_input_is_refused_and_nothing_is_changed(name, module, arguments):
    before = {k: p.requires_grad for k, p in module.named_parameters()}
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        attach(module, EdgePopup(), **{"density": 0.5, "seed": 0} | arguments)
    assert {k: p.requires_grad for k, p in module.named_parameters()} == before


def test_a_module_is_masked_once():
    handle = attached(EdgePopup())
    with pytest.raises(InvalidInputError, match="parametrized already"):
        attach(handle.module, EdgePopup(), density=0.5, seed=0)


def test_double_precision_stays_double():
    handle = attach(source().double(), EdgePopup(), density=0.5, seed=0)
    assert {scores.dtype for scores in handle.score_parameters()} == {torch.float64}
    assert handle.module.last.weight.dtype is torch.float64
