"""Target networks from modules: read from the graph that runs, as `torch.export` records it.

Hooks, subclasses and parametrizations are in that graph, whatever the module calls itself. What
depends on no input is evaluated once: a masked weight is the product that the module uses.
"""

from __future__ import annotations

import contextlib
import io
import logging
import operator
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from strongltn.errors import InvalidInputError
from strongltn.networks.reading import Reading, shown
from strongltn.networks.state_dict import same_dtype, to_numpy
from strongltn.networks.target import LinearLayer, TargetNetwork

_ALLOWED = "a module that computes Linear, ReLU, ..., Linear (Flatten first, Dropout in eval mode)"
_BATCHES = (3, 1)  # sizes for which the graph is taken: a forward may look at the size of a batch
_MAX_WIDTHS = 8  # input widths to try, where no example is given

# Operators that hand every sample on as it is, up to its shape and the type of its numbers.
_SAME = {
    *("aten::alias", "aten::clone", "aten::contiguous", "aten::detach", "aten::detach_"),
    *("aten::lift_fresh", "aten::lift_fresh_copy", "aten::to", "aten::type_as", "aten::_to_copy"),
    *("aten::flatten", "aten::unflatten", "aten::reshape", "aten::reshape_as", "aten::view"),
    *("aten::view_as", "aten::_unsafe_view", "aten::squeeze", "aten::squeeze_"),
    *("aten::unsqueeze", "aten::unsqueeze_"),
}
_DROPOUT = {f"aten::{kind}dropout{end}" for kind in ("", "feature_", "alpha_") for end in ("", "_")}
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_CHECKS = {"aten::_assert_tensor_metadata", "aten::_assert_scalar", "aten::_assert_async"}


class _NotTraced(Exception):
    """The forward does not run on inputs of this shape; the message is torch's first line."""


def read_module(module: torch.nn.Module, *, example: torch.Tensor | None = None) -> TargetNetwork:
    """Return the network that a module computes; `TargetNetwork.from_module` says which are read.

    Notes
    -----
    Rigor: the graph of batches of one and of three inputs; a forward that tells other sizes of
    batches apart is not found out.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise _refusal(
            "a TorchScript module", "Read its state dict: TargetNetwork.from_state_dict."
        )
    if not isinstance(module, torch.nn.Module):
        raise _refusal(f"a {type(module).__name__}")
    reasons = []
    for sample in _samples(module, example):
        try:
            networks = [_network(module, sample.expand(n, *sample.shape[1:])) for n in _BATCHES]
        except _NotTraced as error:
            shape = ", ".join(map(str, sample.shape[1:]))
            reasons.append(f"its forward does not run on one tensor (batch, {shape}): {error}")
            continue
        if not _are_equal(*networks):
            raise _refusal("another function on one input than on a batch")
        return networks[0]
    others = [
        f"{type(part).__name__} at {shown(name)!r}"
        for name, part in module.named_modules()
        if not isinstance(part, torch.nn.Linear) and list(part.parameters(recurse=False))
    ]
    held = f" (it holds {', '.join(others[:3])})" if others else ""
    raise InvalidInputError(
        "target",
        got=f"a {type(module).__name__}{held} that cannot be read: "
        + (reasons[0] if reasons else "it has no weight matrix"),
        allowed=_ALLOWED,
        hint="If it expects another shape, give one: from_module(module, example=tensor)."
        if reasons
        else "",
    )


def _samples(module: torch.nn.Module, example: torch.Tensor | None) -> Iterator[torch.Tensor]:
    """Yield one input of zeros for each shape that the module may expect."""
    if example is not None:
        is_batch = isinstance(example, torch.Tensor) and example.is_floating_point()
        if not is_batch or example.ndim < 2 or not example.numel():
            raise InvalidInputError(
                "example",
                got=f"{type(example).__name__} {tuple(getattr(example, 'shape', ()))}",
                allowed="a floating-point tensor (batch, ...), the batch not empty",
            )
        yield torch.zeros_like(example[:1], memory_format=torch.contiguous_format)
        return
    widths: dict[int, torch.Tensor] = {}
    for part in module.modules():
        tensors = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        for tensor in tensors:
            if torch.nn.parameter.is_lazy(tensor):
                raise _refusal("a lazy layer whose size is not known", "Run it on an input first.")
            if tensor.is_floating_point():
                sizes = [*tensor.shape[:0:-1], *tensor.shape[:1]] if tensor.ndim == 2 else []
                if isinstance(part, torch.nn.Linear):
                    sizes = [part.in_features]
                for size in sizes:
                    widths.setdefault(size, tensor)
    for width, like in list(widths.items())[:_MAX_WIDTHS]:
        yield torch.zeros((1, width), dtype=like.dtype, device=like.device)


def _network(module: torch.nn.Module, inputs: torch.Tensor) -> TargetNetwork:
    with _undisturbed():
        try:
            program = torch.export.export(module, (inputs.contiguous(),), strict=False)
        except Exception as error:  # whatever the user's forward, or torch on its way, raises
            text = str(error).strip().partition("\n")[0].rstrip(".")
            if "data-dependent" in text:
                text = "what it computes depends on values that it looks at"
            raise _NotTraced(f"{type(error).__name__}: {text[:300]}") from error
        return _Walk(program, inputs).network()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Silence torch, and make the result independent of the modes of the user's process."""
    disabled, precision = logging.root.manager.disable, torch.get_float32_matmul_precision()
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            torch.inference_mode(False),
            torch.no_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            warnings.simplefilter("ignore")
            torch.set_float32_matmul_precision("highest")
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        logging.disable(disabled)


class _Walk:
    """One walk along the graph: constants are evaluated, the path of the input must be a chain."""

    def __init__(self, program: ExportedProgram, inputs: torch.Tensor) -> None:
        self._program = program
        self._inputs = inputs
        self._constants: dict[torch.fx.Node, Any] = {}
        self._names: dict[torch.fx.Node, str] = {}  # of the parameters
        self._head: torch.fx.Node | None = None  # the last value on the path of the input
        self._layers: list[LinearLayer] = []
        self._is_behind_relu = False
        self._notes: dict[str, None] = {}  # an ordered set

    def network(self) -> TargetNetwork:
        """Return the network of the chain, or refuse by operator and place what is none."""
        self._read_inputs()
        spec = self._program.call_spec.out_spec
        if spec is None or not spec.is_leaf():
            kind = "nothing" if spec is None else f"a {spec.type.__name__}"
            raise _refusal(f"a forward that returns {kind}", "It must return one tensor.")
        for node in self._program.graph.nodes:
            if node.op == "output":
                self._end(node)
            elif node.op != "placeholder":
                self._step(node)
        order = "The order and the ReLUs are those of the graph that the module runs."
        return TargetNetwork(tuple(self._layers), Reading((order, *self._notes)))

    def _read_inputs(self) -> None:
        program = self._program
        nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
        for node, spec in zip(nodes, program.graph_signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                self._head = node
            elif spec.target in program.state_dict:
                self._constants[node] = program.state_dict[spec.target].detach()
                self._names[node] = spec.target
            else:
                self._constants[node] = program.constants[str(spec.target)]

    def _step(self, node: torch.fx.Node) -> None:
        target = node.target
        if node.op == "get_attr":
            return  # the graph of a higher-order operator, which is refused where it is called
        if isinstance(target, torch._ops.OpOverload):
            name = target._schema.name
        elif target is operator.getitem:
            name = "getitem"
        else:
            raise self._refused(node, "is no step of such a chain")
        arguments = node.all_input_nodes
        if name in _CHECKS:
            return
        if all(argument in self._constants for argument in arguments):
            self._constants[node] = self._evaluated(node)
            return
        is_joined = any(a is not self._head and a not in self._constants for a in arguments)
        if is_joined or self._head not in node.args:
            raise self._refused(node, "joins values computed before")
        is_first = node.args[0] is self._head
        if is_first and name in _SAME:
            self._pass(node)
        elif is_first and name in _DROPOUT:
            if node.args[1] != 0 and node.args[2]:
                raise self._refused(node, "is active", "Call module.eval() first.")
        elif is_first and self._is_relu(name, node):
            if not self._layers:
                raise self._refused(node, "stands before the first Linear layer")
            self._is_behind_relu = True
        elif name in ("aten::linear", "aten::matmul", "aten::mm", "aten::addmm"):
            self._add_layer(name, node)
        elif name == "aten::add" or (is_first and name == "aten::add_"):
            self._add_bias(node)
        else:
            raise self._refused(node, "is no step of such a chain")
        self._head = node

    def _evaluated(self, node: torch.fx.Node) -> Any:
        """Return the value of a node that depends on no input."""
        target: Any = node.target
        if target is not operator.getitem:
            if target._schema.is_mutable:
                raise self._refused(node, "changes a tensor in place", "Call module.eval() first.")
            if torch.Tag.nondeterministic_seeded in target.tags or "empty" in target._schema.name:
                raise self._refused(node, "is another value at each call")
        names = {
            self._names[argument] for argument in node.all_input_nodes if argument in self._names
        }
        if len(names) == 1:
            self._names[node] = names.pop()
        return target(
            *torch.fx.map_arg(node.args, self._constants.__getitem__),
            **torch.fx.map_arg(node.kwargs, self._constants.__getitem__),
        )

    def _pass(self, node: torch.fx.Node) -> None:
        before, after = self._value(self._head), self._value(node)
        is_batch = after.shape[:1] == self._inputs.shape[:1] or len(self._inputs) == 1
        if before.numel() != after.numel() or not is_batch:
            raise self._refused(node, "mixes the inputs of a batch")
        if after.dtype not in _FLOATS or str(node.target) == "aten.view.dtype":
            raise self._refused(node, f"gives other numbers, of {after.dtype}")
        if torch.finfo(after.dtype).eps > torch.finfo(before.dtype).eps:
            self._note_rounding(after.dtype)

    def _is_relu(self, name: str, node: torch.fx.Node) -> bool:
        if name in ("aten::relu", "aten::relu_"):
            return True
        bounds = [*node.args[1:], node.kwargs.get("min"), node.kwargs.get("max")]
        bounds = [bound for bound in bounds if bound is not None]
        is_clamp = name in ("aten::clamp", "aten::clamp_", "aten::clamp_min", "aten::clamp_min_")
        is_lower = len(node.args) > 1 or "max" not in node.kwargs
        return is_clamp and bounds == [0] and is_lower and node.args[1:2] != (None,)

    def _add_layer(self, name: str, node: torch.fx.Node) -> None:
        if self._layers and not self._is_behind_relu:
            raise self._refused(node, "follows a Linear layer without a ReLU between them")
        arguments: list[Any] = list(node.args)
        bias = arguments.pop(0) if name == "aten::addmm" else None
        if arguments[0] is not self._head or any(value != 1 for value in node.kwargs.values()):
            raise self._refused(node, "is no Linear layer: the input is not its first factor")
        if name == "aten::linear" and len(arguments) == 3:
            bias = arguments[2]
        weight = self._constants[arguments[1]]
        values = self._value(self._head)
        if weight.ndim != 2:
            raise self._refused(node, f"has a weight of shape {tuple(weight.shape)}")
        label = self._label(node, arguments[1])
        matrix = to_numpy(f"{label}.weight", weight if name == "aten::linear" else weight.T)
        if values.numel() != len(self._inputs) * matrix.shape[1]:
            raise self._refused(node, f"acts on parts of the inputs of shape {tuple(values.shape)}")
        if values.dtype not in (torch.float32, torch.float64):
            self._note_rounding(values.dtype)
        self._layers.append(LinearLayer(label, matrix))
        self._is_behind_relu = False
        if bias is not None:
            self._set_bias(node, bias)

    def _add_bias(self, node: torch.fx.Node) -> None:
        bias: Any = node.args[1] if node.args[0] is self._head else node.args[0]
        is_bias = bias in self._constants and node.kwargs.get("alpha", 1) == 1
        is_free = bool(self._layers) and self._layers[-1].bias is None
        if not is_bias or not is_free or self._is_behind_relu:
            raise self._refused(node, "is no bias of a Linear layer")
        self._set_bias(node, bias)

    def _set_bias(self, node: torch.fx.Node, bias: Any) -> None:
        layer, row = self._layers[-1], self._constants[bias]
        if row.numel() != 1 and row.numel() != row.shape[-1]:
            raise self._refused(node, f"adds a bias of shape {tuple(row.shape)}")
        row = row.flatten().expand(layer.num_outputs)
        self._layers[-1] = LinearLayer(
            layer.name, *same_dtype(layer.weight, to_numpy(f"{layer.name}.bias", row))
        )

    def _end(self, node: torch.fx.Node) -> None:
        results: Any = node.args[0]
        if not isinstance(results[0], torch.fx.Node):
            raise _refusal(f"a forward that returns {results[0]!r}", "It must return one tensor.")
        if results[0] is not self._head or not self._layers:
            raise _refusal("a forward whose output is no Linear layer of its input")
        if self._is_behind_relu:
            raise _refusal("a ReLU at the end", "It must end in a Linear layer.")

    def _label(self, node: torch.fx.Node, weight: Any) -> str:
        """Return the name of a layer: that of its weight, or of its module, if that says more."""
        name = self._names.get(weight, "").partition(".parametrizations.")[0]
        stem = name.removesuffix("weight").removesuffix(".")
        path = _place(node)[0]
        return (stem if stem.startswith(path) else path) or "linear"

    def _note_rounding(self, dtype: torch.dtype) -> None:
        kind = str(dtype).removeprefix("torch.")
        self._notes[f"The module rounds to {kind}; f is the real-valued network, unrounded."] = None

    def _value(self, node: Any) -> torch.Tensor:
        value: torch.Tensor = node.meta["val"]
        return value

    def _refused(self, node: torch.fx.Node, reason: str, hint: str = "") -> InvalidInputError:
        path, kind = _place(node)
        place = f"{shown(path)!r} ({kind})" if path else f"the forward of {kind}"
        return _refusal(f"{node.target} at {place}, which {reason}", hint)


def _place(node: torch.fx.Node) -> tuple[str, str]:
    """Return the path and the class of the innermost module in which a node runs."""
    stack = list((node.meta.get("nn_module_stack") or {"": ("", "the module")}).values())
    path, kind = stack[-1]
    return path, kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]


def _are_equal(first: TargetNetwork, second: TargetNetwork) -> bool:
    pairs = zip(first.layers, second.layers, strict=False)
    return len(first.layers) == len(second.layers) and all(
        np.array_equal(one.weight, other.weight)
        and np.array_equal(_or_zero(one.bias), _or_zero(other.bias))
        for one, other in pairs
    )


def _or_zero(bias: NDArray[Any] | None) -> NDArray[Any]:
    return np.zeros(0) if bias is None else bias


def _refusal(got: str, hint: str = "") -> InvalidInputError:
    return InvalidInputError("target", got=got, allowed=_ALLOWED, hint=hint)
