"""Layers from modules: read from the graph that runs, as `torch.export` records it.

Hooks, subclasses and parametrizations are in that graph, whatever the module calls itself. What
depends on no input is evaluated once: a masked weight is the product that the module uses.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.graph_chain import ALLOWED, GraphChain, refusal
from strongltn.networks.layer import LinearLayer
from strongltn.networks.reading import Reading, shown
from strongltn.process.default_state import in_default_state
from strongltn.values.arguments import described

_BATCHES = (3, 1)  # sizes for which the graph is taken: a forward may look at the size of a batch
_MAX_WIDTHS = 8  # input widths to try, where no example is given


class _NotTraced(Exception):
    """The forward does not run on inputs of this shape; the message is torch's first line."""


Network = tuple[tuple[LinearLayer, ...], Reading]


def read_module(module: torch.nn.Module, *, example: torch.Tensor | None = None) -> Network:
    """Return the layers that a module computes; `TargetNetwork.from_module` says which are read.

    Notes
    -----
    Rigor: the graph of batches of one and of three inputs; a forward that tells other sizes of
    batches apart is not found out.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise refusal("a TorchScript module", "Read its state dict: TargetNetwork.from_state_dict.")
    if not isinstance(module, torch.nn.Module):
        raise refusal(f"a {type(module).__name__}")
    reasons = []
    for sample in _samples(module, example):
        try:
            networks = [_network(module, sample.expand(n, *sample.shape[1:])) for n in _BATCHES]
        except _NotTraced as error:
            shape = ", ".join(map(str, sample.shape[1:]))
            reasons.append(f"its forward does not run on one tensor (batch, {shape}): {error}")
            continue
        if not _are_equal(*(layers for layers, _ in networks)):
            raise refusal("another function on one input than on a batch")
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
        allowed=ALLOWED,
        hint="If it expects another shape, give one: from_module(module, example=tensor)."
        if reasons
        else "",
    )


def _samples(module: torch.nn.Module, example: torch.Tensor | None) -> Iterator[torch.Tensor]:
    """Yield one input of zeros for each shape that the module may expect."""
    if example is not None:
        is_batch = isinstance(example, torch.Tensor) and example.is_floating_point()
        is_dense = is_batch and example.layout is torch.strided
        if not is_dense or example.ndim < 2 or not example.numel():
            raise InvalidInputError(
                "example",
                got=f"{described(example)} {tuple(getattr(example, 'shape', ()))}",
                allowed="a dense floating-point tensor (batch, ...), the batch not empty",
            )
        yield torch.zeros_like(example[:1], memory_format=torch.contiguous_format)
        return
    widths: dict[int, torch.Tensor] = {}
    for part in module.modules():
        tensors = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
        for tensor in tensors:
            if torch.nn.parameter.is_lazy(tensor):
                raise refusal("a lazy layer whose size is not known", "Run it on an input first.")
            if tensor.is_floating_point():
                sizes = [*tensor.shape[:0:-1], *tensor.shape[:1]] if tensor.ndim == 2 else []
                if isinstance(part, torch.nn.Linear):
                    sizes = [part.in_features]
                for size in sizes:
                    widths.setdefault(size, tensor)
    for width, like in list(widths.items())[:_MAX_WIDTHS]:
        yield torch.zeros((1, width), dtype=like.dtype, device=like.device)


def _network(module: torch.nn.Module, inputs: torch.Tensor) -> Network:
    with _undisturbed():
        try:
            program = torch.export.export(module, (inputs.contiguous(),), strict=False)
        except Exception as error:  # whatever the user's forward, or torch on its way, raises
            text = str(error).strip().partition("\n")[0].rstrip(".")
            if "data-dependent" in text:
                text = "what it computes depends on values that it looks at"
            raise _NotTraced(f"{type(error).__name__}: {text[:300]}") from error
        return GraphChain(module, program, inputs).read()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Silence torch, and make the result independent of the state of the user's process."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            in_default_state(),
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _are_equal(first: tuple[LinearLayer, ...], second: tuple[LinearLayer, ...]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(one.weight, other.weight)
        and np.array_equal(_entries(one.bias), _entries(other.bias))
        for one, other in zip(first, second, strict=True)
    )


def _entries(bias: NDArray[Any] | None) -> NDArray[Any]:
    return np.zeros(0) if bias is None else bias
