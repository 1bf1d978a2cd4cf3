"""Targets from files and modules: what is read is what the network computes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import fractions_of, target_output
from safetensors.torch import save_file
from strategies import matrices

from strongltn.errors import InvalidInputError
from strongltn.networks import LinearLayer, TargetNetwork
from strongltn.networks.target import evaluate
from strongltn.networks.target_file import load_target
from strongltn.numerics.dyadic import DyadicArray
from strongltn.testing import target_networks


def chain(*sizes, bias=True, dtype=torch.float32):
    torch.manual_seed(0)
    modules = []
    for columns, rows in pairwise(sizes):
        modules += [torch.nn.Linear(columns, rows, bias=bias, dtype=dtype), torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def saved(tmp_path, state, suffix=".pt"):
    path = tmp_path / f"target{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_files_hold_the_network(tmp_path, suffix, bias, dtype):
    module = chain(3, 4, 2, bias=bias, dtype=dtype)
    target = load_target(saved(tmp_path, module.state_dict(), suffix))
    assert target.widths == (3, 4, 2)
    assert target.num_weights == 20 + 6 * bias
    assert [layer.name for layer in target.layers] == ["0", "2"]
    x = torch.randn(5, 3, dtype=dtype)
    assert torch.equal(target.to_module()(x), module(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_exact_in_float32(tmp_path, dtype):
    state = chain(3, 2).to(dtype).state_dict()
    target = load_target(saved(tmp_path, state))
    assert target.layers[0].weight.dtype == np.float32
    assert np.array_equal(target.layers[0].weight, state["0.weight"].float().numpy())


def test_safetensors_are_in_natural_order(tmp_path):
    state = {f"fc{k}.weight": torch.full((1, 1), float(k)) for k in (1, 2, 10)}
    target = load_target(saved(tmp_path, state, ".safetensors"))
    assert [layer.name for layer in target.layers] == ["fc1", "fc2", "fc10"]


def test_state_dicts_are_in_their_own_order(tmp_path):
    state = {"b.weight": torch.ones(2, 3), "a.weight": torch.ones(1, 2), "b.bias": torch.ones(2)}
    target = load_target(saved(tmp_path, state))
    assert [layer.name for layer in target.layers] == ["b", "a"]
    assert target.layers[0].bias.tolist() == [1.0, 1.0]


BAD_STATES = {
    "nan": ({"fc.weight": torch.tensor([[1.0, float("nan")]])}, "1 NaN or infinite"),
    "inf": ({"fc.weight": torch.tensor([[1.0, float("inf")]])}, r"first at \(0, 1\)"),
    "bias inf": (
        {"fc.weight": torch.ones(1, 1), "fc.bias": torch.tensor([float("-inf")])},
        "'fc.bias'",
    ),
    "conv": ({"conv.weight": torch.ones(1, 1, 3, 3)}, r"'conv.weight' \(shape \(1, 1, 3, 3\)\)"),
    "norm": ({"bn.weight": torch.ones(3)}, "state dict of Linear layers"),
    "buffer": ({"fc.weight": torch.ones(1, 1), "fc.scale": torch.ones(1)}, "'fc.scale'"),
    "no name": ({"weight": torch.ones(1, 1)}, "'weight'"),
    "empty": ({}, "at least one Linear layer"),
    "no inputs": ({"fc.weight": torch.ones(2, 0)}, "not empty"),
    "no outputs": ({"fc.weight": torch.ones(0, 2)}, "not empty"),
    "bias alone": ({"fc.bias": torch.ones(1)}, "fc.bias without fc.weight"),
    "bias length": ({"fc.weight": torch.ones(2, 1), "fc.bias": torch.ones(1)}, "2 outputs"),
    "broken chain": ({"a.weight": torch.ones(2, 1), "b.weight": torch.ones(1, 3)}, "chain"),
    "integers": ({"fc.weight": torch.ones(1, 1, dtype=torch.int32)}, "float32 or float64"),
    "complex": ({"fc.weight": torch.ones(1, 1, dtype=torch.complex64)}, "float32 or float64"),
    "sparse": ({"fc.weight": torch.eye(2).to_sparse()}, "dense|tensors only"),  # by release
    "meta": ({"fc.weight": torch.empty(1, 1, device="meta")}, "dense"),
}


@pytest.mark.parametrize(("state", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_bad_states_are_refused(tmp_path, state, message):
    with pytest.raises(InvalidInputError, match=message):
        load_target(saved(tmp_path, state))


@pytest.mark.parametrize(
    "value", [[1], {"state_dict": {"fc.weight": torch.ones(1, 1)}}, {1: torch.ones(1)}, 3.0]
)
def test_other_pickles_are_refused(tmp_path, value):
    with pytest.raises(InvalidInputError, match=r"torch\.save\(model\.state_dict\(\), path\)"):
        load_target(saved(tmp_path, value))


def test_whole_modules_are_not_unpickled(tmp_path):
    with pytest.raises(InvalidInputError, match=r"Got .*target\.pt, which .* Save it with"):
        load_target(saved(tmp_path, torch.nn.Linear(1, 1)))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    path = saved(tmp_path, chain(3, 4, 2).state_dict(), suffix)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidInputError, match="'target'"):
        load_target(path)


# a mark that is never set, a short field, an index past the end: Found: these were tracebacks
DAMAGED = [b"t", b"\x80\x02)", b"(0", b"\x80\x02K", b"J\x00", b"\x80\x02q", b"hello", b"0" * 40]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@given(st.sampled_from(DAMAGED) | st.binary(max_size=60))
def test_damaged_pickles_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="'target'"):
        load_target(path)


@pytest.mark.parametrize("name", ["absent.pt", ".", "note.txt", "archive.pt.zip"])
def test_no_such_file_or_suffix(tmp_path, name):
    for other in ("note.txt", "archive.pt.zip"):
        (tmp_path / other).write_text("text")
    with pytest.raises(
        InvalidInputError, match=r"state-dict file of Linear layers, \.pt, \.pth or"
    ):
        load_target(tmp_path / name)


class Own(torch.nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
        self.activation = activation

    def forward(self, x):
        return self.second(self.activation(self.first(x)))


def test_modules_are_read_and_compared():
    torch.manual_seed(1)
    module = Own(torch.relu)
    target = TargetNetwork.from_module(module)
    x = torch.randn(4, 3)
    torch.testing.assert_close(target.to_module()(x), module(x))
    assert TargetNetwork.from_module(torch.nn.Linear(2, 1)).widths == (2, 1)
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1))
    assert TargetNetwork.from_module(flat).widths == (4, 1)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Tanh()), "Tanh at position 1"),
        (torch.nn.Sequential(torch.nn.ReLU()), "ReLU at position 0"),
        (torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU()), "a ReLU at the end"),
        (torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)), "Linear at position 1"),
        (torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1)), "Conv2d at position 0"),
        (torch.nn.Sequential(), "no layer"),
        (Own(torch.tanh), "whose outputs differ"),
        (torch.nn.Conv1d(1, 1, 1), "'weight'"),
    ],
    ids=["tanh", "relu first", "relu last", "no relu", "conv", "empty", "own tanh", "own conv"],
)
def test_other_modules_are_refused(module, message):
    with pytest.raises(InvalidInputError, match=message):
        TargetNetwork.from_module(module)


def test_layers_are_copies_and_read_only():
    weight = np.ones((1, 2))
    layer = LinearLayer("fc", weight)
    weight[0, 0] = 5.0
    assert layer.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 2.0


@pytest.mark.parametrize("dtype", [np.float16, np.int64, object])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(InvalidInputError, match="float32 or float64"):
        LinearLayer("fc", np.ones((1, 1), dtype=dtype))


@given(target_networks(), st.data())
def test_scaled_targets_are_exact(target, data):
    """f' = 2^-K f for any exponents, in rationals."""
    num = len(target.layers)
    exponents = tuple(data.draw(st.lists(st.integers(-50, 50), min_size=num, max_size=num)))
    x = data.draw(matrices(max_size=1))[0, 0]
    inputs = DyadicArray.from_floats(np.full(target.widths[0], x))
    out = evaluate(target.scaled(exponents), inputs).scaled(sum(exponents))
    assert fractions_of(out) == target_output(target, fractions_of(inputs))
