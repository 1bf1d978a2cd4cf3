"""The comparison with the author's own outputs: rounding passes, another network does not."""

import os
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import GELU, LeakyReLU, Linear, ReLU, Sequential, Softplus, Tanh

from strongltn.errors import InvalidInputError
from strongltn.networks import LinearLayer, TargetNetwork
from strongltn.networks.likeness import compared


def network(activation=ReLU, widths=(6, 20, 20, 3), dtype=torch.float32, scale=1.0, bias=True):
    torch.manual_seed(0)
    modules = []
    for columns, rows in pairwise(widths):
        modules += [Linear(columns, rows, dtype=dtype, bias=bias), activation()]
    module = Sequential(*modules[:-1]).requires_grad_(False)
    for parameter in module.parameters():
        parameter *= scale
    return module


def saved(folder, inputs, outputs):
    paths = folder / "inputs.npy", folder / "outputs.npy"
    for path, array in zip(paths, (inputs, outputs), strict=True):
        np.save(path, array)
    return paths


def like(folder, module, inputs, outputs):
    target = TargetNetwork.from_state_dict(module.state_dict())
    return compared(target, *saved(folder, inputs, outputs))


@pytest.fixture
def inputs():
    return np.random.default_rng(0).standard_normal((2000, 6)).astype(np.float32)


def run(module, inputs):
    return module(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_own_outputs_are_like_it(tmp_path, inputs, dtype, scale):
    module = network(dtype=dtype, scale=scale, bias=False)
    x = inputs.astype(str(dtype).removeprefix("torch."))
    outputs = run(module, x)
    likeness = like(tmp_path, module, x, outputs).reading.likeness
    assert likeness.num_inputs == 2000
    assert likeness.tells_relu
    assert f"torch.{likeness.rounding}" == str(dtype)
    assert likeness.largest_difference < 1e-6 * np.abs(outputs).max()
    # in float64 the difference is 0 or not, as the machine adds up
    assert likeness.largest_difference > 0 or dtype is torch.float64


def test_the_difference_is_exact_where_floats_are(tmp_path):
    module = Sequential(Linear(2, 2), ReLU(), Linear(2, 1)).requires_grad_(False)
    for parameter in module.parameters():
        parameter.copy_(torch.ones_like(parameter))
    x = np.array([[1.0, 2.0], [-4.0, 1.0]], dtype=np.float32)
    outputs = run(module, x)
    assert like(tmp_path, module, x, outputs).reading.likeness.largest_difference == 0.0
    outputs[0] = np.nextafter(outputs[0], 100)
    likeness = like(tmp_path, module, x, outputs).reading.likeness
    assert likeness.largest_difference == outputs[0, 0] - 9.0
    assert "On 2 inputs its outputs are the author's up to 9.54e-07" in str(likeness)


@pytest.mark.parametrize(
    ("activation", "scale"),
    [(kind, size) for kind in (Tanh, LeakyReLU, torch.nn.Identity) for size in (1e-6, 1.0, 1e6)]
    + [(kind, size) for kind in (GELU, Softplus) for size in (1e-6, 1.0)],  # 1e6 x is ReLU to both
)
def test_another_activation_is_found_out_at_any_size(tmp_path, inputs, activation, scale):
    """Found: such networks have the state dict of a ReLU chain, and were certified as one."""
    module = network(activation, scale=scale, bias=False)
    with pytest.raises(InvalidInputError, match=r"'like'.* rounding in float32 explains"):
        like(tmp_path, module, inputs, run(module, inputs))


def test_another_order_is_found_out(tmp_path):
    module = network(widths=(8, 8, 8, 8))
    x = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
    state = {f"{'ab'[k == 2]}{k}.weight": module[k].weight for k in (0, 2, 4)}
    target = TargetNetwork.from_state_dict(state, layers=["b2", "a0", "a4"])
    with pytest.raises(InvalidInputError, match="order and activations"):
        compared(target, *saved(tmp_path, x, run(module, x)))


def test_rounding_is_that_of_the_coarser_type(tmp_path, inputs):
    module = network()
    outputs = run(module, inputs)
    wide = like(tmp_path, module, inputs, outputs.astype(np.float64)).reading.likeness
    assert wide.rounding == "float32"
    half = like(tmp_path, module, inputs, outputs.astype(np.float16)).reading.likeness
    assert half.rounding == "float16"
    with pytest.raises(InvalidInputError, match="explains"):
        like(tmp_path, module, inputs, outputs.astype(np.float16).astype(np.float32))


def test_images_are_flattened(tmp_path, inputs):
    module = network()
    outputs = run(module, inputs)
    target = like(tmp_path, module, inputs.reshape(-1, 1, 2, 3), outputs[:, None])
    assert target.reading.likeness.num_inputs == 2000
    one = network(widths=(6, 4, 1))
    target = like(tmp_path, one, inputs, run(one, inputs)[:, 0])
    assert target.reading.likeness.num_inputs == 2000


def test_inputs_that_say_nothing_of_the_relus_are_named(tmp_path):
    module = network(widths=(2, 3, 1))
    for parameter in module.parameters():
        parameter.abs_()
    x = np.ones((4, 2), dtype=np.float32)
    target = like(tmp_path, module, x, run(module, x))
    assert "So they are without the ReLUs: these inputs say nothing of them." in str(target.reading)
    tiny = network(scale=1e-6)  # its last bias is all that one sees
    x = np.ones((4, 6), dtype=np.float32)
    assert not like(tmp_path, tiny, x, run(tiny, x)).reading.likeness.tells_relu
    x = np.ones((4, 2), dtype=np.float32)
    line = Sequential(Linear(2, 1)).requires_grad_(False)
    assert "ReLUs" not in str(like(tmp_path, line, x, run(line, x)).reading.likeness)


@given(st.data())
def test_any_order_of_summation_passes(tmp_path_factory, data):
    """Sums in float32 in an order of one's own are within what is explained."""
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    layers = [
        LinearLayer(
            f"{i}",
            generator.standard_normal((rows, columns)).astype(np.float32),
            generator.standard_normal(rows).astype(np.float32),
        )
        for i, (columns, rows) in enumerate(pairwise(sizes))
    ]
    x = generator.standard_normal((3, sizes[0])).astype(np.float32)
    values = x
    for i, layer in enumerate(layers):
        values = np.maximum(values, 0) if i else values
        terms = values[:, None, :] * layer.weight
        total = np.broadcast_to(layer.bias, terms.shape[:2]).copy()
        for column in generator.permutation(terms.shape[2]):
            total += terms[:, :, column]
        values = total
    folder = tmp_path_factory.mktemp("like")
    target = compared(TargetNetwork(tuple(layers)), *saved(folder, x, values))
    assert target.reading.likeness.num_inputs == 3


X, Y = np.ones((2, 6), dtype=np.float32), np.ones((2, 3), dtype=np.float32)
NAN = np.full((2, 3), np.nan, dtype=np.float32)
BAD = {
    "inputs": (X[:, :5], Y, r"inputs \(2, 5\)"),
    "outputs": (X, Y[:, :2], r"outputs \(2, 2\)"),
    "numbers": (X, Y[:1], r"outputs \(1, 3\)"),
    "none": (X[:0], Y[:0], r"inputs \(0, "),
    "vector": (X[0], Y, r"inputs \(6, 1\)"),
    "number": (X, Y[0, 0], r"shape \(\)"),
    "integers": (X.astype(int), Y, "dtype int64"),
    "complex": (X, Y.astype(complex), "dtype complex128"),
    "longdouble": (X.astype(np.longdouble), Y, "dtype float128|dtype longdouble"),
    "nan": (X, NAN, "finite numbers"),
    "infinity": (X * np.float32(np.inf), Y, "finite numbers"),
}


@pytest.mark.parametrize(("inputs", "outputs", "message"), BAD.values(), ids=BAD)
def test_bad_arrays_are_refused(tmp_path, inputs, outputs, message):
    with pytest.raises(InvalidInputError, match=message):
        like(tmp_path, network(), inputs, outputs)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY\x01\x00", b"PK\x03\x04"])
def test_other_files_are_refused(tmp_path, content):
    target = TargetNetwork.from_state_dict(network().state_dict())
    paths = saved(tmp_path, X, Y)
    paths[1].write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"'like'.*outputs\.npy"):
        compared(target, *paths)


def test_no_pickle_is_read_and_no_fifo_waited_for(tmp_path):
    target = TargetNetwork.from_state_dict(network().state_dict())
    paths = saved(tmp_path, X, np.array([[print]], dtype=object))
    with pytest.raises(InvalidInputError, match="'like'"):
        compared(target, *paths)
    paths[0].unlink()
    os.mkfifo(paths[0])
    with pytest.raises(InvalidInputError, match="no such regular file"):
        compared(target, *paths)


def test_what_float64_cannot_evaluate_is_refused(tmp_path):
    layers = (LinearLayer("a", np.full((1, 1), 1e200)), LinearLayer("b", np.full((1, 1), 1e200)))
    paths = saved(tmp_path, np.ones((1, 1)), np.ones((1, 1)))
    with pytest.raises(InvalidInputError, match="where the network as read gives inf"):
        compared(TargetNetwork(layers), *paths)
