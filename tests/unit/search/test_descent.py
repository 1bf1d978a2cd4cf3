"""One pass for a whole step: the same as torch's SGD and a selection, and never outdated."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from strongltn.errors import InvalidInputError
from strongltn.search import Biprop, EdgePopup, Init, IteRand, Scope, attach, initialize
from strongltn.search.descent import ScoreSGD

RATES = {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01}


def searched(method, *, scope=Scope.LAYER):
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Flatten(), nn.ReLU(), nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 3)
    )
    initialize(module, Init.KAIMING_NORMAL, seed=2)
    return attach(module, method, density=0.5, seed=2, scope=scope)


def descend(handle, optimizer, *, num_steps=5):
    for step in range(num_steps):
        x = torch.from_numpy(np.random.default_rng(step).standard_normal((6, 1, 4, 4))).float()
        optimizer.zero_grad()
        handle.module(x).square().mean().backward()
        optimizer.step()
        handle.after_step()


@pytest.mark.parametrize("by_magnitude", [True, False])
def test_it_descends_as_torch_does(by_magnitude):
    ours, theirs = (searched(EdgePopup(by_magnitude=by_magnitude)) for _ in range(2))
    one = ScoreSGD(ours, **RATES)
    two = torch.optim.SGD(theirs.score_parameters(), **RATES)
    descend(ours, one)
    descend(theirs, two)
    for left, right in zip(ours.score_parameters(), theirs.score_parameters(), strict=True):
        torch.testing.assert_close(left, right)
        torch.testing.assert_close(one.state[left], two.state[right])
    for name, mask in theirs.masks().items():
        assert torch.equal(ours.masks()[name], mask)


@pytest.mark.parametrize(
    ("method", "scope"), [(Biprop(), Scope.LAYER), (EdgePopup(), Scope.GLOBAL)], ids=repr
)
def test_what_one_pass_cannot_do_is_left_to_torch(method, scope):
    ours, theirs = (searched(method, scope=scope) for _ in range(2))
    descend(ours, ScoreSGD(ours, **RATES))
    descend(theirs, torch.optim.SGD(theirs.score_parameters(), **RATES, fused=True))
    for left, right in zip(ours.score_parameters(), theirs.score_parameters(), strict=True):
        assert torch.equal(left, right)


def change_scores(handle):
    with torch.no_grad():
        handle.score_parameters()[1].neg_().add_(0.1)


def change_weights(handle):
    handle.module[3].parametrizations.weight.original.mul_(2)


def load_others(handle):
    other = searched(EdgePopup())
    change_scores(other)
    handle.module.load_state_dict(other.module.state_dict())


@pytest.mark.parametrize(
    "change", [change_scores, change_weights, load_others, lambda handle: handle.set_density(0.2)]
)
def test_the_weight_follows_every_change(change):
    handle = searched(EdgePopup())
    descend(handle, ScoreSGD(handle, **RATES))
    before = handle.module[3].weight.detach().clone()
    change(handle)
    assert torch.equal(handle.module[3].weight, handle.effective_weights()["3.weight"])
    assert not torch.equal(handle.module[3].weight, before)


def test_a_weight_that_iterand_redraws_comes_back_as_what_it_is_now():
    handle = searched(IteRand(period=5, fraction=1.0))
    original = handle.module[3].parametrizations.weight.original
    before, optimizer = original.clone(), ScoreSGD(handle, **RATES)
    descend(handle, optimizer)  # five steps: the fifth redraws
    masks = handle.masks()["3.weight"]
    descend(handle, optimizer, num_steps=4)
    is_back = handle.masks()["3.weight"] & ~masks
    assert is_back.any()
    assert (original != before)[is_back].all()
    assert torch.equal(handle.module[3].weight, handle.effective_weights()["3.weight"])


def test_gradients_gather_until_they_are_dropped():
    handle = searched(EdgePopup())
    optimizer = ScoreSGD(handle, **RATES)
    x = torch.ones(2, 1, 4, 4)
    handle.module(x).sum().backward()
    once = handle.layers["3.weight"].kept.tensor.grad.clone()
    handle.module(x).sum().backward()
    assert torch.equal(handle.layers["3.weight"].kept.tensor.grad, 2 * once)
    optimizer.zero_grad()
    before = copy.deepcopy(handle.module.state_dict())
    optimizer.step()
    assert all(torch.equal(new, before[name]) for name, new in handle.module.state_dict().items())


def test_a_graph_of_an_earlier_step_is_refused():
    handle = searched(EdgePopup())
    optimizer = ScoreSGD(handle, **RATES)
    output = handle.module(torch.ones(2, 1, 4, 4))
    output.sum().backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_a_score_that_is_no_number_is_refused_in_the_step_that_made_it():
    handle = searched(EdgePopup())
    optimizer = ScoreSGD(handle, **RATES | {"lr": 1e38})
    handle.module(1e6 * torch.eye(4).view(1, 1, 4, 4)).sum().backward()
    with pytest.raises(InvalidInputError, match="NaN or infinite"):
        optimizer.step()
