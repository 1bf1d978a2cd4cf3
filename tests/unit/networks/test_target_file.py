"""Targets from files: what is read is what the network computes, or nothing is read."""

import os
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import fractions_of, target_output
from safetensors.torch import save_file, save_model
from strategies import matrices

from strongltn.errors import InvalidInputError
from strongltn.networks import LinearLayer
from strongltn.networks.layer import evaluate
from strongltn.networks.target import load_target
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


BAD_STATES = {
    "nan": ({"fc.weight": torch.tensor([[1.0, float("nan")]])}, "1 NaN or infinite"),
    "inf": ({"fc.weight": torch.tensor([[1.0, float("inf")]])}, r"first at \(0, 1\)"),
    "bias inf": (
        {"fc.weight": torch.ones(1, 1), "fc.bias": torch.tensor([float("-inf")])},
        "'fc.bias'",
    ),
    "conv": ({"conv.weight": torch.ones(1, 1, 3, 3)}, r"'conv.weight' .*: a convolution"),
    "norm": ({"bn.weight": torch.ones(3)}, r"'bn.weight' .*: a normalisation"),
    "buffer": ({"fc.weight": torch.ones(1, 1), "fc.scale": torch.ones(1)}, "'fc.scale'"),
    "empty": ({}, "at least one Linear layer"),
    "no inputs": ({"fc.weight": torch.ones(2, 0)}, "not empty"),
    "no outputs": ({"fc.weight": torch.ones(0, 2)}, "not empty"),
    "bias alone": ({"fc.bias": torch.ones(1)}, "fc.bias without fc.weight"),
    "bias length": ({"fc.weight": torch.ones(2, 1), "fc.bias": torch.ones(1)}, "2 outputs"),
    "broken chain": ({"a.weight": torch.ones(2, 1), "b.weight": torch.ones(4, 3)}, "in no order"),
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
    "value", [[1], {"epoch": 3}, {1: torch.ones(1)}, 3.0, {"fc.weight": torch.ones(1, 1), "n": 3}]
)
def test_other_pickles_are_refused(tmp_path, value):
    with pytest.raises(InvalidInputError, match=r"torch\.save\(model\.state_dict\(\), path\)"):
        load_target(saved(tmp_path, value))


def test_whole_modules_are_not_unpickled(tmp_path):
    with pytest.raises(
        InvalidInputError, match=r"Got .*target\.pt, which .* whole module, .* Save"
    ):
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


def test_layers_are_copies_and_read_only():
    weight = np.ones((1, 2))
    layer = LinearLayer("fc", weight)
    weight[0, 0] = 5.0
    assert layer.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 2.0


def test_the_bytes_of_torch_are_found_under_all_its_suffixes(tmp_path):
    state = chain(3, 2).state_dict()
    for suffix in (".pth.tar", ".bin", ".ckpt"):
        assert load_target(saved(tmp_path, state, suffix)).chain == "3 -(0)-> 2"


@pytest.mark.parametrize("keys", [["state_dict"], ["model"], ["net"], ["any"], ["model", "net"]])
def test_a_checkpoint_is_opened_and_this_is_said(tmp_path, keys):
    content = chain(3, 2).state_dict()
    for key in reversed(keys):
        content = {key: content, "epoch": 3, "optimizer": {"state": {0: {}}, "param_groups": []}}
        content["scale"] = {"mean": torch.zeros(3), "std": torch.ones(3)}
    target = load_target(saved(tmp_path, content, ".pth.tar"))
    assert target.widths == (3, 2)
    for key in keys:
        assert f"Opened the key '{key}', beside 'epoch', 'optimizer', 'scale'." in str(
            target.reading
        )


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path):
    content = {}
    content["model"] = content
    deep = {}
    for _ in range(100):
        deep = {"model": deep}
    for bad in (content, deep):
        with pytest.raises(InvalidInputError, match="does not map names"):
            load_target(saved(tmp_path, bad))


def test_two_networks_in_one_checkpoint_are_refused_with_their_names(tmp_path):
    state = chain(3, 2).state_dict()
    path = saved(tmp_path, {"actor": state, "critic": {"net": state}})
    with pytest.raises(InvalidInputError, match=r"2 networks: 'actor' .*, 'critic' .*\['actor'\]"):
        load_target(path)


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4, bias=False)
        self.fc2.weight = self.fc1.weight

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


def test_tied_tensors_are_restored_from_the_metadata(tmp_path):
    """Found: a tied 4-4-4 was read as 4-4."""
    module, path = Tied(), tmp_path / "tied.safetensors"
    save_model(module, path)
    target = load_target(path)
    assert target.chain == "4 -(fc1)-> 4, ReLU, -(fc2)-> 4"
    assert "fc2.weight is fc1.weight" in str(target.reading)
    x = torch.randn(3, 4)
    assert torch.equal(target.to_module()(x), module(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_archive_is_named(tmp_path):
    path = tmp_path / "script.pt"
    torch.jit.trace(chain(3, 2), torch.ones(1, 3)).save(path)
    with pytest.raises(InvalidInputError, match="a TorchScript archive"):
        load_target(path)


def test_no_fifo_is_waited_for(tmp_path):
    path = tmp_path / "target.pt"
    os.mkfifo(path)
    with pytest.raises(InvalidInputError, match="which is no file"):
        load_target(path)
    with pytest.raises(InvalidInputError, match="which is no file"):
        load_target(tmp_path / f"{'n' * 300}.pt")


def test_no_file_is_read_that_the_auditor_would_refuse(tmp_path):
    path = tmp_path / "target.pt"
    with path.open("wb") as file:
        file.truncate((1 << 31) + 1)  # a hole: no byte is written
    with pytest.raises(InvalidInputError, match="at most"):
        load_target(path)


def test_layers_of_mixed_precision_are_one_module(tmp_path):
    first, last = chain(3, 4), chain(4, 2, dtype=torch.float64)
    state = {f"0.{key[2:]}": value for key, value in first.state_dict().items()}
    state |= {f"1.{key[2:]}": value for key, value in last.state_dict().items()}
    state["1.bias"] = state["1.bias"].half()
    target = load_target(saved(tmp_path, state))
    x = torch.randn(5, 3, dtype=torch.float64)
    state = {f"{2 * int(key[0])}{key[1:]}": value for key, value in state.items()}
    expected = chain(3, 4, 2, dtype=torch.float64)
    expected.load_state_dict(state)
    assert torch.equal(target.to_module()(x), expected(x))


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
