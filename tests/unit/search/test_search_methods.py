"""Each method's effective weight, gradient and draws, against formulas written out."""

import math
import sys

import numpy as np
import pytest
import torch
from torch import nn

from strongltn.errors import InvalidInputError
from strongltn.models.density import Schedule
from strongltn.models.initialization import LayerStreams
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
from strongltn.search.method import (
    AbstractMethod,
    AbstractSampledMethod,
    method_names,
    type_named,
)
from strongltn.search.methods.edge_popup import InitialScores


def layer_with(method, *, density=0.5, size=(6, 8), bias=False):
    layer = nn.Linear(size[1], size[0], bias=bias)
    initialize(layer, Init.KAIMING_NORMAL, seed=3)
    frozen = layer.weight.detach().clone()
    return layer, attach(layer, method, density=density, seed=3), frozen


def gradient_of(layer, handle):
    """The score gradient of sum(g * effective weight) for a random g: (gradient, g)."""
    g = torch.from_numpy(np.random.default_rng(0).standard_normal(layer.weight.shape)).float()
    (scores,) = handle.score_parameters()
    (gradient,) = torch.autograd.grad((g * layer.weight).sum(), scores)
    return gradient, g


@pytest.mark.parametrize("by_magnitude", [True, False])
def test_edge_popup_masks_the_weight_and_passes_the_gradient_straight_through(by_magnitude):
    layer, handle, frozen = layer_with(EdgePopup(by_magnitude=by_magnitude))
    (scores,) = handle.score_parameters()
    with torch.no_grad():
        scores[0, :2] = 0.0
    mask = handle.masks()["weight"]
    assert torch.equal(layer.weight, torch.where(mask, frozen, 0.0))
    gradient, g = gradient_of(layer, handle)
    expected = g * frozen * (scores.sign() if by_magnitude else 1)
    assert torch.equal(gradient, expected)
    assert (gradient[~mask] != 0).any()  # pruned weights can come back


def test_biprop_gives_two_values_and_their_mean_magnitude():
    layer, handle, frozen = layer_with(Biprop())
    mask = handle.masks()["weight"]
    scale = frozen[mask].abs().mean()
    expected = torch.where(mask, scale * frozen.sign(), 0.0)
    torch.testing.assert_close(layer.weight, expected)
    assert layer.weight.detach().abs().unique().numel() == 2
    gradient, g = gradient_of(layer, handle)
    (scores,) = handle.score_parameters()
    torch.testing.assert_close(gradient, g * scale * frozen.sign() * scores.sign())


def test_signed_supermasks_keep_hide_and_invert():
    layer, handle, frozen = layer_with(SignedSupermask())
    (scores,) = handle.score_parameters()
    with torch.no_grad():
        scores[0, 0] = 0.0
    mask = handle.masks()["weight"]
    signs = torch.where(mask, torch.where(scores < 0, -1.0, 1.0), 0.0)
    assert set(signs.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert torch.equal(layer.weight, signs * frozen)
    gradient, g = gradient_of(layer, handle)
    expected = g * frozen
    expected[0, 0] = 0.0
    assert torch.equal(gradient, expected)


@pytest.mark.parametrize("rescales", [True, False])
def test_learned_supermasks_are_drawn_anew_at_every_step_of_training(rescales):
    layer, handle, frozen = layer_with(
        LearnedSupermask(rescales=rescales), density=0.3, size=(60, 50)
    )
    drawn = layer.weight.detach() != 0
    assert torch.equal(drawn, layer.weight != 0)  # one mask for each step
    handle.after_step()
    assert not torch.equal(drawn, layer.weight != 0)
    assert abs(float(drawn.float().mean()) - 0.3) < 0.05
    factor = drawn.numel() / drawn.count_nonzero() if rescales else 1.0
    handle.groups[0].num_steps = 0
    torch.testing.assert_close(layer.weight, frozen * drawn * factor)


def test_learned_supermasks_are_one_draw_in_evaluation():
    """A function of scores, seed and layer, in which each weight answers to its own score."""
    layer, handle, _ = layer_with(LearnedSupermask(), density=0.3, size=(60, 50))
    (scores,) = handle.score_parameters()
    probability = torch.linspace(0, 1, 50)  # a column each
    with torch.no_grad():
        scores.copy_(probability.logit().expand(60, 50).clamp(-100, 100))
    layer.eval()
    mask = layer.weight != 0
    handle.after_step()
    assert torch.equal(layer.weight != 0, mask)
    assert torch.equal(handle.masks()["weight"], mask)
    assert not mask[:, 0].any()
    assert mask[:, -1].all()
    assert float((mask.float().mean(0) - probability).abs().max()) < 0.25  # 3.9 deviations
    with torch.no_grad():
        scores[:, 20:].add_(1)
    raised = handle.masks()["weight"]
    assert torch.equal(raised[:, :20], mask[:, :20])
    assert (raised | mask).equal(raised)  # a larger score loses nothing
    assert int(raised.sum()) > int(mask.sum())


def test_the_standing_mask_is_of_its_seed_and_layer():
    method, scores = LearnedSupermask(), torch.zeros(40, 40)
    masks = [
        method.standing_mask(scores, generator=LayerStreams(seed, name).generator("evaluation"))
        for seed, name in ((3, "weight"), (4, "weight"), (3, "other"))
    ]
    _, handle, _ = layer_with(method, size=(40, 40))
    assert torch.equal(handle.masks()["weight"], masks[0])
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert 0.4 < float((masks[one] ^ masks[two]).float().mean()) < 0.6


def test_learned_supermasks_pass_the_gradient_through_the_probability():
    layer, handle, frozen = layer_with(LearnedSupermask(rescales=False))
    (scores,) = handle.score_parameters()
    probability = scores.detach().sigmoid()
    gradient, g = gradient_of(layer, handle)
    torch.testing.assert_close(gradient, g * frozen * probability * (1 - probability))


def test_a_learned_supermask_needs_a_probability():
    with pytest.raises(InvalidInputError, match="'density'"):
        layer_with(LearnedSupermask(), density=1.0)


def test_gem_miner_is_clipped_and_regularised():
    layer, handle, frozen = layer_with(GemMiner(l1=0.5, l2=0.25))
    (scores,) = handle.score_parameters()
    assert 0 <= scores.detach().min() <= scores.detach().max() <= 1
    assert torch.equal(layer.weight, frozen * handle.masks()["weight"])
    penalty = handle.penalty()
    expected = 0.5 * scores.sum() + 0.25 * (scores * scores).sum()
    torch.testing.assert_close(penalty, expected)
    (gradient,) = torch.autograd.grad(penalty, scores)
    torch.testing.assert_close(gradient, 0.5 + 0.5 * scores.detach())
    with torch.no_grad():
        scores.mul_(3).sub_(1)
    handle.after_step()
    assert scores.min() == 0
    assert scores.max() == 1
    assert int(handle.masks()["weight"].sum()) == 24  # however many tie at 0 or 1


def test_other_methods_have_no_penalty():
    _, handle, _ = layer_with(EdgePopup())
    assert handle.penalty() == 0


def test_iterand_redraws_pruned_weights_and_keeps_the_bits_of_kept_ones():
    layer, handle, frozen = layer_with(IteRand(period=4, fraction=0.5))
    original = layer.parametrizations.weight.original
    mask = handle.masks()["weight"]
    for _ in range(3):
        handle.after_step()
    assert torch.equal(original, frozen)
    handle.after_step()
    changed = original != frozen
    assert not (changed & mask).any()
    assert 0.2 < float(changed[~mask].float().mean()) < 0.8
    assert not original.requires_grad


def test_a_redrawn_weight_is_a_function_of_its_address_alone():
    """Other masks, other rounds before it: where both redraw, both draw the same."""
    runs = []
    for start in (0, 4):
        layer, handle, frozen = layer_with(IteRand(period=4, fraction=1.0))
        (scores,) = handle.score_parameters()
        if start:
            with torch.no_grad():
                scores.copy_(scores.flip(0))
        handle.groups[0].num_steps = start
        for _ in range(8 - start):
            handle.after_step()
        runs.append((layer.parametrizations.weight.original.clone(), handle.masks()["weight"]))
    (first, mask), (second, other) = runs
    both = ~mask & ~other
    assert both.any()
    assert torch.equal(first[both], second[both])
    assert not (first == frozen)[both].any()


def test_redrawn_weights_have_the_law_of_the_source():
    method = IteRand(period=1, fraction=1.0, init=Init.SIGNED_CONSTANT)
    layer, handle, _ = layer_with(method)
    handle.after_step()
    pruned = ~handle.masks()["weight"]
    values = layer.parametrizations.weight.original[pruned].abs().unique()
    assert values.tolist() == [pytest.approx(math.sqrt(2 / 8))]


@pytest.mark.parametrize(
    ("initial", "half_width"),
    [(InitialScores.FAN_IN, 1 / math.sqrt(400)), (InitialScores.WEIGHT_SCALE, math.sqrt(2 / 400))],
)
def test_first_scores_are_uniform(initial, half_width):
    _, handle, _ = layer_with(EdgePopup(initial=initial), size=(50, 400))
    scores = handle.score_parameters()[0].detach()
    assert float(scores.abs().max()) == pytest.approx(half_width, rel=0.02)
    assert float(scores.std()) == pytest.approx(half_width / math.sqrt(3), rel=0.02)
    assert abs(float(scores.mean())) < 0.02 * half_width


def test_the_fan_in_of_a_convolution_counts_its_window():
    layer = nn.Conv2d(3, 40, 5)
    initialize(layer, Init.SIGNED_CONSTANT, seed=0)
    assert layer.weight.abs().unique().tolist() == [pytest.approx(math.sqrt(2 / 75))]
    assert float((layer.weight > 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize(("init", "factor"), [(Init.KAIMING_NORMAL, 1), (Init.SCALED, 2)])
def test_normal_weights_have_their_standard_deviation(init, factor):
    layer = nn.Linear(200, 200)
    initialize(layer, init, seed=0, density=0.25)
    assert float(layer.weight.detach().std()) == pytest.approx(factor * 0.1, rel=0.02)


def test_streams_are_functions_of_their_address():
    keys = {
        LayerStreams(seed, layer).key(purpose, round_)
        for seed in (0, 1)
        for layer in ("a", "b")
        for purpose in ("mask", "weight")
        for round_ in (0, 1)
    }
    assert len(keys) == 16
    one, two = (LayerStreams(7, "a").generator("weight").random(3) for _ in range(2))
    assert np.array_equal(one, two)


def test_methods_are_known_by_their_names():
    def all_below(kind):
        return {kind, *(c for child in kind.__subclasses__() for c in all_below(child))}

    shipped = {c for c in all_below(AbstractMethod) if c.__module__ in sys.modules}
    shipped = {c for c in shipped if c.__module__.startswith("strongltn")}  # and no test's toy
    found = {type_named(name) for name in method_names()}
    assert found == shipped - {AbstractMethod, AbstractSampledMethod}
    for kind in found:
        method = kind()
        assert method == kind()
        assert hash(method) == hash(kind())
        assert repr(method).startswith(kind.__name__)
    with pytest.raises(InvalidInputError, match="edge-popup, biprop"):
        type_named("edgepopup")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("period", lambda: IteRand(period=0)),
        ("period", lambda: IteRand(period=2.5)),
        ("fraction", lambda: IteRand(fraction=0.0)),
        ("fraction", lambda: IteRand(fraction=float("nan"))),
        ("l1", lambda: GemMiner(l1=-1.0)),
        ("l2", lambda: GemMiner(l2=math.inf)),
        ("density", lambda: Schedule.CONSTANT.density_at(0.5, end=0.0)),
        ("density", lambda: Schedule.LINEAR.density_at(0.5, end=1.1)),
        ("progress", lambda: Schedule.CONSTANT.density_at(1.1, end=0.5)),
        ("progress", lambda: Schedule.CUBIC.density_at(-0.1, end=0.5)),
        ("fan_in", lambda: Init.SCALED.draw((2, 0), generator=None, density=1.0)),
        ("density", lambda: Init.SCALED.draw((2, 2), generator=None, density=0.0)),
        ("layer", lambda: LayerStreams(0, "κ")),
        ("seed", lambda: LayerStreams(-1, "a")),
    ],
)
def test_bad_settings_are_refused(name, make):
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        make()


def test_schedules_begin_and_end_where_they_should():
    for schedule in Schedule:
        for end in (0.05, 0.3):
            values = [schedule.density_at(k / 50, end=end) for k in range(51)]
            assert values == sorted(values, reverse=True)
            assert all(0 < value <= 1 for value in values)
            assert values[0] == (end if schedule is Schedule.CONSTANT else 1)
            assert values[-1] == end
    assert Schedule.LINEAR.density_at(0.5, end=0.5) == 0.75
    assert Schedule.CUBIC.density_at(0.5, end=0.2) == pytest.approx(0.3)


def test_global_scope_and_sampling_go_together():
    module = nn.Sequential(nn.Linear(6, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))
    initialize(module, Init.SIGNED_CONSTANT, seed=0)
    handle = attach(module, LearnedSupermask(), density=0.5, seed=0, scope=Scope.GLOBAL)
    module.eval()
    assert 10 <= sum(int(mask.sum()) for mask in handle.masks().values()) <= 38  # 24, 4 deviations
