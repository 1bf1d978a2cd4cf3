"""The order of the layers of a state dict: read where it is known, and never guessed."""

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.networks import TargetNetwork


def state_of(**widths):
    """Return a state dict with one bias-free layer NAME=(inputs, outputs); __ is a dot."""
    torch.manual_seed(0)
    return {
        f"{name.replace('__', '.')}.weight": torch.randn(outputs, inputs)
        for name, (inputs, outputs) in widths.items()
    }


def names(target):
    return [layer.name for layer in target.layers]


SQUARE = (4, 4)
KNOWN = {
    "fc": (state_of(fc10=SQUARE, fc2=SQUARE, fc1=SQUARE), ["fc1", "fc2", "fc10"], "numbers"),
    "layers": (state_of(layers__2=(3, 2), layers__0=(4, 3)), ["layers.0", "layers.2"], "numbers"),
    "parallel": (state_of(module__fc2=SQUARE, module__fc1=SQUARE), None, "numbers"),
    "middle": (state_of(net__1__lin=SQUARE, net__0__lin=SQUARE), None, "numbers"),
    "two numbers": (state_of(block2__fc2=SQUARE, block2__fc1=SQUARE), None, "numbers"),
    "widths": (state_of(out=(8, 2), hidden=(4, 8)), ["hidden", "out"], "only one in which"),
    "widths and numbers": (state_of(out=(4, 2), fc2=SQUARE, fc1=(3, 4)), None, "only one in which"),
    "one": (state_of(fc=(4, 2)), ["fc"], "nothing is assumed"),
}


@pytest.mark.parametrize(("state", "expected", "reason"), KNOWN.values(), ids=KNOWN)
def test_a_known_order_is_read_whatever_the_order_of_the_keys(state, expected, reason):
    expected = expected or [key.removesuffix(".weight") for key in sorted(state)]
    for items in permutations(state.items()):
        target = TargetNetwork.from_state_dict(dict(items))
        assert names(target) == expected
        assert reason in str(target.reading)
        assert "assumed" in str(target.reading)


@given(st.permutations(range(12)))
def test_numbers_are_numbers(order):
    state = {f"net.{k}.weight": torch.eye(2) for k in order}
    assert names(TargetNetwork.from_state_dict(state)) == [f"net.{k}" for k in range(12)]


UNKNOWN = {
    # Found: 6 -> 3 and 3 -> 6 was read as 3 -> 6 -> 3
    "autoencoder": (
        state_of(encoder=(6, 3), decoder=(3, 6)),
        r"encoder,decoder \(6-3-6\); decoder,encoder \(3-6-3\).* --layers encoder,decoder",
    ),
    "projections": (state_of(up_proj=(3, 6), down_proj=(6, 3)), "more than one order"),
    "square": (state_of(query=SQUARE, key=SQUARE), "query,key .*key,query"),
    "square inside": (state_of(inp=(3, 4), b=SQUARE, a=SQUARE, out=(4, 2)), "inp,b,a,out"),
    "two stacks": (
        state_of(enc__0=(6, 4), enc__1=(4, 3), dec__0=(3, 4), dec__1=(4, 6)),
        "enc.0,enc.1,dec.0,dec.1",
    ),
    "numbers of two digits in two places": (
        state_of(b1__fc1=SQUARE, b1__fc2=SQUARE, b2__fc1=SQUARE, b2__fc2=SQUARE),
        "more than one order.*; ...",
    ),
    "one number twice": (state_of(fc1=SQUARE, fc01=SQUARE), "more than one order"),
    "many": (state_of(**{f"n{'abcdefghijklmnop'[k]}": SQUARE for k in range(16)}), "more than one"),
    # evidence against evidence
    "numbers that do not fit": (state_of(fc1=(4, 2), fc2=(3, 4)), r"say otherwise.*fc2,fc1"),
    "some numbers that do not fit": (
        state_of(fc1=(4, 5), fc2=(3, 4), out=(5, 2)),
        "say otherwise.*fc2,fc1,out",
    ),
    "nothing fits": (
        state_of(a=(3, 4), b=(5, 6)),
        r"a \(3 -> 4\), b \(5 -> 6\), which fit together in no order",
    ),
    "two networks": (
        state_of(actor__0=(4, 8), actor__2=(8, 2), critic__0=(4, 8), critic__2=(8, 1)),
        r"2 networks: 'actor': actor.0,actor.2 \(4-8-2\); 'critic': .*--layers actor.0,actor.2",
    ),
    "an embedding": (state_of(embedding=SQUARE, out=(4, 2)), "may be an Embedding"),
    "token embedding": (state_of(model__wte=SQUARE, out=(4, 2)), "may be an Embedding"),
}


@pytest.mark.parametrize(("state", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_order_is_refused_with_the_candidates(state, message):
    for items in (state.items(), reversed(state.items())):
        with pytest.raises(InvalidInputError, match=r"'target'"):
            TargetNetwork.from_state_dict(dict(items))
    with pytest.raises(InvalidInputError, match=message):
        TargetNetwork.from_state_dict(state)


def test_a_hard_search_for_orders_ends():
    """A star of many short cycles that one layer cuts off: more orders begin than can be tried."""
    state = {f"{k * 'a'}b.weight": torch.ones(2, 2) for k in range(1, 30)}
    state["x.weight"], state["y.weight"] = torch.ones(5, 7), torch.ones(8, 6)
    with pytest.raises(InvalidInputError, match="too many orders to try"):
        TargetNetwork.from_state_dict(state)


def test_layers_are_named_in_their_order():
    state = state_of(encoder=(6, 3), decoder=(3, 6), critic=(6, 1))
    target = TargetNetwork.from_state_dict(state, layers=["encoder", "decoder"])
    assert target.chain == "6 -(encoder)-> 3, ReLU, -(decoder)-> 6"
    assert "The order was given by name. Left out as told: critic." in str(target.reading)
    twice = TargetNetwork.from_state_dict(state_of(fc=SQUARE), layers=["fc", "fc"])
    assert twice.widths == (4, 4, 4)
    named = TargetNetwork.from_state_dict(state_of(embedding=SQUARE), layers=("embedding",))
    assert named.widths == SQUARE
    for layers, message in (
        (["encoder", "head"], "Got 'head'"),
        ([], r"Got \[\]"),
        ("encoder", "'layers'"),
        (["encoder", "critic"], "encoder with 3 outputs before critic with 6 inputs"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            TargetNetwork.from_state_dict(state, layers=layers)


def test_pruned_weights_are_multiplied():
    original, mask = torch.randn(2, 3), torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    state = {"fc.bias": torch.ones(2), "fc.weight_orig": original, "fc.weight_mask": mask}
    target = TargetNetwork.from_state_dict(state)
    assert target.layers[0].weight.tolist() == (original * mask).tolist()
    assert target.layers[0].bias.tolist() == [1.0, 1.0]
    assert "fc: weight_orig is multiplied by weight_mask." in str(target.reading)
    bias = {"fc.bias_orig": torch.ones(2), "fc.bias_mask": torch.tensor([True, False])}
    biased = TargetNetwork.from_state_dict({"fc.weight": original} | bias)
    assert biased.layers[0].bias.tolist() == [1.0, 0.0]


PLAIN = {"fc.weight": torch.ones(2, 3)}
BAD = {
    "half a mask": ({"fc.weight_orig": torch.ones(2, 3)}, "fc with weight_orig"),
    "mask and weight": (
        PLAIN | {"fc.weight_orig": torch.ones(2, 3), "fc.weight_mask": torch.ones(2, 3)},
        "fc with weight, weight_mask, weight_orig",
    ),
    "no mask": (
        {"fc.weight_orig": torch.ones(2, 3), "fc.weight_mask": torch.full((2, 3), 0.5)},
        "0 or 1",
    ),
    "shape of the mask": (
        {"fc.weight_orig": torch.ones(2, 3), "fc.weight_mask": torch.ones(1, 3)},
        "0 or 1",
    ),
    "batch norm": (PLAIN | {"bn.running_mean": torch.ones(2)}, "'bn.running_mean' .*normalisation"),
    "counter": (PLAIN | {"bn.num_batches_tracked": torch.tensor(3)}, "batch normalisation"),
    "layer norm": (PLAIN | {"norm.weight": torch.ones(2)}, "'norm.weight' .*a normalisation"),
    "attention": ({"mha.in_proj_weight": torch.ones(6, 2)}, "attention"),
    "weight norm": ({"fc.weight_g": torch.ones(2, 1)}, "TargetNetwork.from_module"),
    "parametrized": (
        {"fc.parametrizations.weight.original0": torch.ones(2, 1)},
        "TargetNetwork.from_module",
    ),
    "an array": ({"fc.weight": torch.ones(2, 3).numpy()}, "'fc.weight'"),
    "a number as name": ({3: torch.ones(2, 3)}, "the entry 3"),
    "a name twice": ({"weight": torch.ones(2, 3), "linear.weight": torch.ones(1, 2)}, "two layers"),
}


@pytest.mark.parametrize(("state", "message"), BAD.values(), ids=BAD)
def test_what_no_linear_layer_has_is_named(state, message):
    with pytest.raises(InvalidInputError, match=message):
        TargetNetwork.from_state_dict(state)


@pytest.mark.parametrize("state", [3, [], "fc", None])
def test_what_is_no_state_dict_is_refused(state):
    with pytest.raises(InvalidInputError, match="'target'"):
        TargetNetwork.from_state_dict(state)


def test_one_bare_layer_is_read():
    module = torch.nn.Linear(3, 2)
    target = TargetNetwork.from_state_dict(module.state_dict())
    assert target.chain == "3 -(linear)-> 2"
    x = torch.randn(4, 3)
    assert torch.equal(target.to_module()(x), module(x))


def test_names_are_shown_in_printable_ascii():
    name = "f\n\u00fc\x1b[2J\\"
    target = TargetNetwork.from_state_dict({f"{name}.weight": torch.ones(2, 3)})
    assert target.chain == r"3 -(f\n\xfc\x1b[2J\\)-> 2"
    state = {f"{name}{k}.weight": torch.ones(2, 2) for k in "ab"}
    with pytest.raises(InvalidInputError) as refused:
        TargetNetwork.from_state_dict(state)
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()
