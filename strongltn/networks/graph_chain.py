"""The chain Linear, ReLU, ..., Linear in a graph of `torch.export`, or why there is none.

Constants are evaluated: a masked weight is the product that the module uses.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from strongltn.errors import InvalidInputError
from strongltn.networks.layer import LinearLayer
from strongltn.networks.reading import Reading, shown
from strongltn.networks.state_dict import same_dtype, to_numpy

#: What a refusal says that a module may be.
ALLOWED = "a module that computes Linear, ReLU, ..., Linear (Flatten first, Dropout in eval mode)"

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


def refusal(got: str, hint: str = "") -> InvalidInputError:
    """Return the refusal of a module."""
    return InvalidInputError("target", got=got, allowed=ALLOWED, hint=hint)


class GraphChain:
    """One walk along the graph: constants are evaluated, the path of the input must be a chain."""

    def __init__(
        self, module: torch.nn.Module, program: ExportedProgram, inputs: torch.Tensor
    ) -> None:
        self._program = program
        # not from `state_dict`, which a module may define as it likes
        self._tensors: dict[str, torch.Tensor] = {
            **dict(module.named_parameters(remove_duplicate=False)),
            **dict(module.named_buffers(remove_duplicate=False)),
        }
        self._inputs = inputs
        self._constants: dict[torch.fx.Node, Any] = {}
        self._names: dict[torch.fx.Node, str] = {}  # of the parameters
        self._head: torch.fx.Node | None = None  # the last value on the path of the input
        self._layers: list[LinearLayer] = []
        self._is_behind_relu = False
        self._notes: dict[str, None] = {}  # an ordered set

    def read(self) -> tuple[tuple[LinearLayer, ...], Reading]:
        """Return the layers of the chain, or refuse by operator and place what is none."""
        self._read_inputs()
        spec = self._program.call_spec.out_spec
        if spec is None or not spec.is_leaf():
            kind = "nothing" if spec is None else f"a {spec.type.__name__}"
            raise refusal(f"a forward that returns {kind}", "It must return one tensor.")
        for node in self._program.graph.nodes:
            if node.op == "output":
                self._end(node)
            elif node.op != "placeholder":
                self._step(node)
        order = "The order and the ReLUs are those of the graph that the module runs."
        return tuple(self._layers), Reading((order, *self._notes))

    def _read_inputs(self) -> None:
        program = self._program
        nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
        for node, spec in zip(nodes, program.graph_signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                self._head = node
            elif spec.target in self._tensors:
                self._constants[node] = self._tensors[spec.target].detach()
                self._names[node] = spec.target
            elif isinstance(program.constants.get(str(spec.target)), torch.Tensor):
                self._constants[node] = program.constants[str(spec.target)]
            else:
                raise refusal(f"the constant {shown(str(spec.target))!r}, which is no tensor")

    def _step(self, node: torch.fx.Node) -> None:
        target = node.target
        if node.op == "get_attr":
            return  # the graph of a higher-order operator, which is refused where it is called
        name, is_mutable = "getitem", False
        if isinstance(target, torch._ops.OpOverload):
            name, is_mutable = target._schema.name, target._schema.is_mutable
        elif target is not operator.getitem:
            raise self._refused(node, "is no step of such a chain")
        if name in _CHECKS:
            return
        arguments = node.all_input_nodes
        if all(argument in self._constants for argument in arguments):
            self._constants[node] = self._evaluated(node)
            return
        is_joined = any(a is not self._head and a not in self._constants for a in arguments)
        if is_joined or self._head not in node.args:
            raise self._refused(node, "joins values computed before")
        is_first = node.args[0] is self._head
        if is_mutable and not (is_first and name.endswith("_")):
            raise self._refused(node, "writes into another tensor")
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
        arguments, keywords = torch.fx.map_arg(
            (node.args, node.kwargs), self._constants.__getitem__
        )
        try:
            return target(*arguments, **keywords)
        except RuntimeError as error:
            raise self._refused(node, f"cannot be evaluated: {error}") from error

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
        if any(part not in self._constants for part in (arguments[1], bias) if part is not None):
            raise self._refused(node, "has a weight that depends on the input")
        weight = self._constants[arguments[1]]
        values = self._value(self._head)
        if weight.ndim != 2:
            raise self._refused(node, f"has a weight of shape {tuple(weight.shape)}")
        label = self._label(node, arguments[1])
        if arguments[1].op != "placeholder":
            self._note(f"{shown(label)}: the weight is the tensor that the module computes.")
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
            raise refusal(f"a forward that returns {results[0]!r}", "It must return one tensor.")
        if results[0] is not self._head or not self._layers:
            raise refusal("a forward whose output is no Linear layer of its input")
        if self._is_behind_relu:
            raise refusal("a ReLU at the end", "It must end in a Linear layer.")

    def _label(self, node: torch.fx.Node, weight: Any) -> str:
        """Return the name of a layer: that of its weight, or of its module, if that says more."""
        name = self._names.get(weight, "").partition(".parametrizations.")[0]
        stem = name.removesuffix("weight").removesuffix(".")
        path = _place(node)[0]
        return (stem if stem.startswith(path) else path) or "linear"

    def _note_rounding(self, dtype: torch.dtype) -> None:
        kind = str(dtype).removeprefix("torch.")
        self._note(f"The module rounds to {kind}; f is the real-valued network, unrounded.")

    def _note(self, sentence: str) -> None:
        self._notes[sentence] = None

    def _value(self, node: Any) -> torch.Tensor:
        value: torch.Tensor = node.meta["val"]
        return value

    def _refused(self, node: torch.fx.Node, reason: str, hint: str = "") -> InvalidInputError:
        path, kind = _place(node)
        place = f"{shown(path)!r} ({kind})" if path else f"the forward of {kind}"
        return refusal(f"{node.target} at {place}, which {reason}", hint)


def _place(node: torch.fx.Node) -> tuple[str, str]:
    """Return the path and the class of the innermost module in which a node runs."""
    stack = list((node.meta.get("nn_module_stack") or {"": ("", "the module")}).values())
    path, kind = stack[-1]
    return path, kind.__name__ if isinstance(kind, type) else str(kind).rpartition(".")[2]
