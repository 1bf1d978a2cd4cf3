"""Targets from modules: the graph that runs is read, or refused by operator and place."""

import copy
import io
import logging
import warnings
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from torch.nn import Flatten, Linear, ReLU, Sequential
from torch.nn.functional import linear
from torch.nn.utils import parametrizations

from strongltn.errors import InvalidInputError
from strongltn.networks import TargetNetwork


class Forward(torch.nn.Module):
    """Two square layers and a forward of one's own."""

    def __init__(self, forward):
        super().__init__()
        self.first, self.last = Linear(4, 4), Linear(4, 4)
        self.function = forward

    def forward(self, x):
        return self.function(self, x)


class MaskedLinear(Linear):
    def __init__(self, *widths):
        super().__init__(*widths)
        self.register_buffer("mask", torch.ones_like(self.weight))
        self.mask[0, 0] = 0

    def forward(self, x):
        return linear(x, self.weight * self.mask, self.bias)


class NegativeReLU(ReLU):
    def forward(self, x):
        return -super().forward(x)


class Reversed(Sequential):
    def forward(self, x):
        for module in reversed(self):
            x = module(x)
        return x


class Raw(torch.nn.Module):
    """Weights that belong to no Linear layer, and a list in place of modules."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(3, 4))
        self.b = torch.nn.Parameter(torch.randn(1, 4))
        self.shift = torch.randn(3)  # no buffer

    def forward(self, x):
        x = torch.relu(x.view(len(x), -1) @ self.w + self.b).clamp(min=0)
        return torch.addmm(self.shift, x, self.w.T)


def plain(*, dtype=None):
    return Sequential(Linear(3, 4, dtype=dtype), ReLU(), Linear(4, 2, dtype=dtype))


def pruned():
    module = plain()
    torch.nn.utils.prune.l1_unstructured(module[0], "weight", 3)
    return module


def low_rank():
    return Forward(lambda m, x: linear(x, m.first.weight @ m.last.weight))


def no_grad(module, x):
    with torch.no_grad():
        return module.last(torch.relu(module.first(x)))


READ = {
    "plain": (plain(), "3 -(0)-> 4, ReLU, -(2)-> 2"),
    "one layer": (Linear(3, 2), "3 -(linear)-> 2"),
    "float64": (plain(dtype=torch.float64), "3 -(0)-> 4, ReLU, -(2)-> 2"),
    "identities": (
        Sequential(Flatten(), torch.nn.Identity(), Linear(4, 3), torch.nn.Dropout(), ReLU(True))
        .append(Linear(3, 2))
        .eval(),
        "4 -(2)-> 3, ReLU, -(5)-> 2",
    ),
    "no dropout": (Sequential(Linear(3, 2), torch.nn.Dropout(0.0)), "3 -(0)-> 2"),
    "masked": (Sequential(MaskedLinear(3, 4), ReLU(), Linear(4, 2)), "3 -(0)-> 4, ReLU, -(2)-> 2"),
    "pruned": (pruned(), "3 -(0)-> 4, ReLU, -(2)-> 2"),
    "weight norm": (Sequential(parametrizations.weight_norm(Linear(3, 4))), "3 -(0)-> 4"),
    "spectral": (Sequential(parametrizations.spectral_norm(Linear(3, 4))).eval(), "3 -(0)-> 4"),
    "orthogonal": (Sequential(parametrizations.orthogonal(Linear(3, 3))), "3 -(0)-> 3"),
    "low rank": (low_rank(), "4 -(linear)-> 4"),
    "own sequence": (Reversed(Linear(4, 2), ReLU(), Linear(3, 4)), "3 -(2)-> 4, ReLU, -(0)-> 2"),
    "raw": (Raw(), "3 -(w)-> 4, ReLU, -(w)-> 3"),
    "no grad": (Forward(no_grad), "4 -(first)-> 4, ReLU, -(last)-> 4"),
    "twice": (
        Forward(lambda m, x: m.last(m.first(x).relu_().relu())),
        "4 -(first)-> 4, ReLU, -(last)-> 4",
    ),
    "in place, named before": (
        Forward(lambda m, x: m.last(y) if (y := m.first(x)).relu_() is y else None),
        "4 -(first)-> 4, ReLU, -(last)-> 4",
    ),
    "tied": (
        Forward(lambda m, x: m.first(m.first(x).relu())),
        "4 -(first)-> 4, ReLU, -(first)-> 4",
    ),
    "parallel": (torch.nn.DataParallel(plain()), "3 -(module.0)-> 4, ReLU, -(module.2)-> 2"),
    "compiled": (
        torch.compile(plain(), backend="eager"),
        "3 -(_orig_mod.0)-> 4, ReLU, -(_orig_mod.2)-> 2",
    ),
}


@pytest.mark.parametrize(("module", "chain"), READ.values(), ids=READ)
def test_the_network_that_runs_is_read(module, chain):
    target = TargetNetwork.from_module(module)
    assert target.chain == chain
    assert "graph that the module runs" in str(target.reading)
    dtype = next(module.parameters()).dtype
    x = 100 * torch.randn(64, target.widths[0], dtype=dtype)
    original = getattr(module, "_orig_mod", module)
    torch.testing.assert_close(target.to_module()(x), original(x), rtol=1e-5, atol=1e-5)


def test_masks_are_exact():
    module = Sequential(MaskedLinear(3, 4))
    (layer,) = TargetNetwork.from_module(module).layers
    assert np.array_equal(layer.weight, (module[0].weight * module[0].mask).detach().numpy())
    assert layer.weight[0, 0] == 0
    reading = str(TargetNetwork.from_module(module).reading)
    assert "0: the weight is the tensor that the module computes." in reading


def hooked(register, hook):
    module = plain()
    getattr(module[0], register)(hook)
    return module


def residual(module, x):
    return module.last(module.first(x).relu()) + x


def relu_behind_a_view(module, x):
    y = module.first(x)
    y.view(-1).relu_()
    return module.last(y)


def written_to_a_weight(module, x):
    torch.add(module.first(x), 1.0, out=module.last.weight.data[: len(x)])
    return module.last(x)


class Masks(Linear):
    """A mask that is not saved, and a state dict that is not the truth."""

    def __init__(self, *widths):
        super().__init__(*widths)
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)

    def forward(self, x):
        return linear(x, self.weight * self.mask, self.bias)

    def state_dict(self, *arguments, **options):
        return {k: 2 * v for k, v in super().state_dict(*arguments, **options).items()}


def test_tensors_are_those_of_the_module():
    module = Masks(3, 2)
    (layer,) = TargetNetwork.from_module(module).layers
    assert not layer.weight.any()
    assert layer.bias.tolist() == module.bias.tolist()


def counted(module, x):
    module.first.weight += 1
    return module.last(x)


def autocast(module, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return module.last(x)


def data_dependent(module, x):
    return module.first(x) if x.sum() > 0 else module.last(x)


NORM = torch.nn.BatchNorm1d
GRAPHS = {
    "tanh": (Sequential(Linear(1, 1), torch.nn.Tanh()), r"aten.tanh.default at '1' \(Tanh\)"),
    "gelu": (Sequential(Linear(1, 1), torch.nn.GELU(), Linear(1, 1)), r"gelu.* '1' \(GELU\)"),
    "leaky": (Sequential(Linear(1, 1), torch.nn.LeakyReLU()), "leaky_relu"),
    "relu6": (Sequential(Linear(1, 1), torch.nn.ReLU6()), r"hardtanh.* \(ReLU6\)"),
    "prelu": (Sequential(Linear(1, 1), torch.nn.PReLU()), "prelu"),
    "softmax": (Sequential(Linear(1, 1), torch.nn.Softmax(dim=1)), "softmax"),
    "relu first": (Sequential(ReLU(), Linear(1, 1)), r"'0' \(ReLU\), which stands before"),
    "relu last": (Sequential(Linear(1, 1), ReLU()), "a ReLU at the end"),
    "no relu": (Sequential(Linear(1, 1), Linear(1, 1)), r"'1' \(Linear\), .* without a ReLU"),
    "nested": (Sequential(plain(), Sequential(torch.nn.Sigmoid())), r"sigmoid.* '1\.0'"),
    "dropout": (Sequential(Linear(1, 1), torch.nn.Dropout()), r"active. Call module.eval\(\)"),
    "norm": (Sequential(Linear(1, 1), NORM(1)), r"'1' \(BatchNorm1d\), .* module.eval\(\)"),
    "norm, eval": (Sequential(Linear(1, 1), NORM(1)).eval(), r"batch_norm.* '1' \(BatchNorm1d\)"),
    "spectral norm": (Sequential(parametrizations.spectral_norm(Linear(3, 4))), r"eval\(\)"),
    "own relu": (
        Sequential(Linear(1, 1), NegativeReLU(), Linear(1, 1)),
        "neg.* 'NegativeReLU'|neg",
    ),
    "own sequence": (Reversed(Linear(4, 4), torch.nn.Tanh()), "tanh"),
    "hook": (hooked("register_forward_hook", lambda m, i, o: 2 * o), r"mul.*'0' \(Linear\)"),
    "pre-hook": (hooked("register_forward_pre_hook", lambda m, i: (i[0] + 1,)), "add.Tensor"),
    "residual": (Forward(residual), "add.Tensor at the forward of Forward, which joins"),
    "in place": (Forward(relu_behind_a_view), "view.* which mixes|view.* which joins"),
    "a written weight": (Forward(written_to_a_weight), "writes into|does not run|in place"),
    "weights from inputs": (Forward(lambda m, x: m.first(x) @ m.first(x).T), "which"),
    "a sum of inputs": (Forward(lambda m, x: x @ x.T @ x), "weight that depends|which"),
    "all of the input": (Forward(lambda m, x: torch.addmm(x, x, m.first.weight)), "depends on"),
    "concatenated": (Forward(lambda m, x: m.first(torch.cat([x[:1], x[1:]]))), "which"),
    "changed weight": (Forward(counted), "changes a tensor in place|does not run"),
    "noise": (Forward(lambda m, x: m.first(x) + torch.randn(4)), "another value at each call"),
    "no values": (Forward(lambda m, x: m.first(x) + torch.empty(4)), "another value at each call"),
    "two biases": (Forward(lambda m, x: m.first(x) + m.last.bias), "no bias of a Linear layer"),
    "bias first": (Forward(lambda m, x: m.first(x - m.last.bias)), "aten.sub"),
    "a bias a row": (Forward(lambda m, x: m.first(x) + m.last.weight[: len(x)]), "no bias"),
    "negative add": (
        Forward(lambda m, x: torch.add(x @ m.first.weight, m.last.bias, alpha=-1)),
        "no bias",
    ),
    "transposed": (Forward(lambda m, x: (m.first.weight @ x.T).T), "which"),
    "over the batch": (Forward(lambda m, x: m.first(x - x.mean(0))), "aten.mean"),
    "bits": (Forward(lambda m, x: m.first(x.view(torch.int32).float())), "other numbers"),
    "half bits": (
        Forward(lambda m, x: m.first(x.half().view(torch.bfloat16).float())),
        "other numbers",
    ),
    "integers": (Forward(lambda m, x: m.first(x.int().float())), "other numbers"),
    "a value not its own": (
        Forward(lambda m, x: m.first(m.last.weight[: len(x)].view_as(x))),
        "view_as",
    ),
    "no input": (Forward(lambda m, x: m.last.weight), "is no Linear layer of its input"),
    "the input": (Forward(lambda m, x: x), "is no Linear layer of its input"),
    "one input": (Forward(lambda m, x: m.first(x) if len(x) > 1 else m.last(x)), "on one input"),
    "autocast": (Forward(autocast), "wrap_with_autocast at the forward of Forward"),
    "tuple": (Forward(lambda m, x: (m.first(x), x)), "returns a tuple"),
    "dict": (Forward(lambda m, x: {"y": m.first(x)}), "returns a dict"),
    "none": (Forward(lambda m, x: None), "returns None"),
    "a number": (Forward(lambda m, x: 3.0), r"returns 3\.0"),
    "lstm": (torch.nn.LSTM(3, 4), "returns a tuple"),
    "clamped above": (Forward(lambda m, x: m.last(m.first(x).clamp(max=0))), "aten.clamp"),
    "clamped at 1": (Forward(lambda m, x: m.last(m.first(x).clamp(1))), "aten.clamp"),
    "clamped twice": (Forward(lambda m, x: m.last(m.first(x).clamp(0, 6))), "aten.clamp"),
    "clamped by a tensor": (
        Forward(lambda m, x: m.last(torch.clamp(m.first(x), m.last.bias))),
        "aten.clamp",
    ),
}
NOT_RUN = {
    "flatten the batch": (Sequential(Flatten(0), Linear(3, 4)), r"\(batch, 3\): RuntimeError"),
    "flatten more": (Sequential(Flatten(1, 2), Linear(3, 4)), r"\(batch, 3\): IndexError"),
    "conv": (
        Sequential(torch.nn.Conv2d(1, 2, 3), Flatten(), Linear(8, 2)),
        "holds Conv2d at '0'.*example=tensor",
    ),
    "embedding": (Sequential(torch.nn.Embedding(3, 4), Linear(4, 2)), "holds Embedding at '0'"),
    "two inputs": (torch.nn.Bilinear(3, 3, 2), "holds Bilinear|no weight matrix"),
    "attention": (torch.nn.MultiheadAttention(4, 1), "missing a required argument: 'key'"),
    "values": (Forward(data_dependent), "depends on values that it looks at"),
    "numpy": (Forward(lambda m, x: torch.from_numpy(x.numpy())), "does not run on one tensor"),
    "a fault": (Forward(lambda m, x: 1 / 0), "ZeroDivisionError: division by zero"),
    "empty": (Sequential(), "no weight matrix"),
    "conv alone": (torch.nn.Conv1d(1, 1, 1), r"Conv1d .* no weight matrix"),
    "lazy": (Sequential(torch.nn.LazyLinear(4)), "a lazy layer"),
    "meta": (Sequential(Linear(3, 4, device="meta")), "dense, with values"),
}


@pytest.mark.parametrize(
    ("module", "message"), (GRAPHS | NOT_RUN).values(), ids=[*GRAPHS, *NOT_RUN]
)
def test_another_network_is_refused_by_operator_and_place(module, message):
    with pytest.raises(InvalidInputError, match=message):
        TargetNetwork.from_module(module)


class Keyword(torch.nn.Linear):
    def forward(self, *, x):
        return super().forward(x)


@pytest.mark.parametrize("module", [3, None, "model", Linear, Keyword(3, 2)])
def test_what_takes_no_tensor_is_refused(module):
    with pytest.raises(InvalidInputError, match="'target'"):
        TargetNetwork.from_module(module)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript_is_refused():
    with pytest.raises(InvalidInputError, match="a TorchScript module"):
        TargetNetwork.from_module(torch.jit.trace(plain(), torch.ones(1, 3)))


@pytest.mark.parametrize("scale", [1e-9, 1e30])
def test_a_wrong_network_is_refused_at_any_size(scale):
    """Found: outputs below 1e-5, and those that overflow, were compared with a tolerance."""
    module = Forward(lambda m, x: scale * m.last(torch.tanh(m.first(x))))
    with pytest.raises(InvalidInputError, match="tanh"):
        TargetNetwork.from_module(module)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_understood(dtype):
    module = plain(dtype=dtype)
    target = TargetNetwork.from_module(module)
    assert np.array_equal(target.layers[0].weight, module[0].weight.detach().float().numpy())
    kind = str(dtype).removeprefix("torch.")
    assert f"The module rounds to {kind}; f is the real-valued network" in str(target.reading)


def test_mixed_precision_is_understood():
    def forward(module, x):
        return module.last(module.first(x.half()).relu().float())

    module = Forward(forward)
    module.first.half()
    target = TargetNetwork.from_module(module)
    assert target.widths == (4, 4, 4)
    assert "rounds to float16" in str(target.reading)
    narrow = plain()
    narrow[0].bias.data = narrow[0].bias.data.double()
    assert TargetNetwork.from_module(narrow).layers[0].weight.dtype == np.float64


@pytest.mark.parametrize("shape", [(5, 1, 2, 2), (1, 2, 2), (2, 4)])
def test_an_example_gives_the_shape(shape):
    module = Sequential(Flatten(1, -1), Linear(4, 2))
    x = torch.randn(shape)
    target = TargetNetwork.from_module(module, example=x)
    assert torch.equal(target.to_module()(x.flatten(1)), module(x))


def test_an_example_is_needed_where_the_forward_wants_images():
    module = Forward(lambda m, x: m.first(x.flatten(2).flatten(1)))
    with pytest.raises(InvalidInputError, match="example=tensor"):
        TargetNetwork.from_module(module)
    assert TargetNetwork.from_module(module, example=torch.ones(2, 1, 2, 2)).widths == (4, 4)
    parts = Sequential(Flatten(2), Linear(4, 2))  # acts on two halves of each input
    with pytest.raises(InvalidInputError, match="acts on parts of the inputs"):
        TargetNetwork.from_module(parts, example=torch.ones(1, 2, 2, 2))
    with pytest.raises(InvalidInputError, match=r"mixes the inputs|does not run"):
        TargetNetwork.from_module(
            Sequential(Flatten(0, 1), Linear(4, 2)), example=torch.ones(2, 2, 4)
        )


@pytest.mark.parametrize(
    "example", [3, torch.ones(4), torch.ones(0, 4), torch.ones(2, 4, dtype=torch.int64)]
)
def test_bad_examples_are_refused(example):
    with pytest.raises(InvalidInputError, match="'example'"):
        TargetNetwork.from_module(Linear(4, 2), example=example)


@contextmanager
def setting(change, back):
    change()
    try:
        yield
    finally:
        back()


STATES = {
    "nothing": nullcontext,
    "no grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: torch.device("meta"),
    "dtype": lambda: setting(
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_dtype(torch.float32),
    ),
    "precision": lambda: setting(
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: torch.set_float32_matmul_precision("highest"),
    ),
    "logging": lambda: setting(
        lambda: logging.disable(logging.INFO), lambda: logging.disable(logging.NOTSET)
    ),
}


def process_state():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.get_rng_state().tolist(),
        logging.root.manager.disable,
        list(warnings.filters),
    )


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_the_state_of_the_process_is_neither_used_nor_changed(state):
    modules = [pruned(), low_rank()]
    expected = [TargetNetwork.from_module(module) for module in modules]
    branching = Forward(data_dependent)
    with state():
        before = process_state()
        found = [TargetNetwork.from_module(module) for module in modules]
        with pytest.raises(InvalidInputError):
            TargetNetwork.from_module(branching)
        assert process_state() == before
    for one, other in zip(expected, found, strict=True):
        assert one.chain == other.chain
        assert str(one.reading) == str(other.reading)
        for first, second in zip(one.layers, other.layers, strict=True):
            assert np.array_equal(first.weight, second.weight)


@pytest.mark.parametrize("name", ["plain", "pruned", "spectral", "identities", "weight norm"])
def test_the_module_is_left_as_it_was(name):
    module, _ = READ[name]
    modes = [part.training for part in module.modules()]
    kinds = {key: type(value) for part in module.modules() for key, value in vars(part).items()}
    before = copy.deepcopy(module.state_dict())
    TargetNetwork.from_module(module)
    assert modes == [part.training for part in module.modules()]
    after = {key: type(value) for part in module.modules() for key, value in vars(part).items()}
    assert after == kinds
    assert before.keys() == module.state_dict().keys()
    assert all(torch.equal(value, module.state_dict()[key]) for key, value in before.items())
    assert all(p.requires_grad for p in module.parameters())


def test_torch_says_nothing(monkeypatch):
    """Found: torch logged tracebacks beside the refusal."""
    out, err, logged = io.StringIO(), io.StringIO(), []
    monkeypatch.setattr(logging.Handler, "handle", lambda _, record: logged.append(record))
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("always")
        TargetNetwork.from_module(pruned())
        for module in (Forward(data_dependent), NOT_RUN["flatten the batch"][0]):
            with pytest.raises(InvalidInputError):
                TargetNetwork.from_module(module)
    assert [str(one.message) for one in caught] == []
    assert out.getvalue() + err.getvalue() == ""
    assert [record for record in logged if record.levelno >= logging.INFO] == []
