"""Layers from state dicts, which say neither their order nor what is between them.

The order is read from numbered names or from widths that fit in one order only, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.layer import LinearLayer
from strongltn.networks.reading import Reading, shown
from strongltn.values.arguments import names_of

if TYPE_CHECKING:
    import torch

_ALLOWED = "a state dict of Linear layers: NAME.weight (2-D), NAME.bias (1-D)"
_KINDS = {
    "weight": 2,
    "bias": 1,
    "weight_orig": 2,
    "weight_mask": 2,
    "bias_orig": 1,
    "bias_mask": 1,
}
_BY_MODULE = "Only the module knows how: TargetNetwork.from_module reads it."
_NOT_LINEAR = {
    "running_mean": "batch normalisation",
    "running_var": "batch normalisation",
    "num_batches_tracked": "batch normalisation",
    "in_proj_weight": "attention",
    "weight_g": f"part of a weight that is computed. {_BY_MODULE}",
    "weight_v": f"part of a weight that is computed. {_BY_MODULE}",
    "original": f"part of a weight that is computed. {_BY_MODULE}",
    "original0": f"part of a weight that is computed. {_BY_MODULE}",
    "original1": f"part of a weight that is computed. {_BY_MODULE}",
}
_ASSUMED = "A state dict does not say what else there is: ReLU between the layers is assumed."
_ASSUMED_OF_ONE = "A state dict does not say what else there is: nothing is assumed."
_MAX_STEPS = 10_000  # of the search for orders; what needs more has more than one for all we know
_MAX_SHOWN = 3  # orders in a message

Parts = dict[str, "torch.Tensor"]


def read_state_dict(
    state: Mapping[str, torch.Tensor],
    *,
    layers: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> tuple[tuple[LinearLayer, ...], Reading]:
    """Return the layers of a state dict; `TargetNetwork.from_state_dict` says by which rules.

    Parameters
    ----------
    state : mapping from names to tensors
    layers : sequence of str, optional
        The names of the layers in the order in which they run.
    notes : sequence of str
        What was understood before, as sentences for the reading.
    """
    layers = None if layers is None else names_of("layers", layers)
    said = list(notes)
    found = {
        name: LinearLayer(name, *_arrays(name, parts, said))
        for name, parts in _grouped(state, is_given=layers is not None).items()
    }
    names, reason = _given(found, layers) if layers is not None else _ordered(found)
    assumed = _ASSUMED if len(names) > 1 else _ASSUMED_OF_ONE
    return tuple(found[name] for name in names), Reading((*said, *reason, assumed))


def _grouped(state: Mapping[str, torch.Tensor], *, is_given: bool) -> dict[str, Parts]:
    """Return the tensors of every layer by kind; refuse those that no Linear layer has."""
    import torch

    if not isinstance(state, Mapping):
        raise InvalidInputError("target", got=f"a {type(state).__name__}", allowed=_ALLOWED)
    parts: dict[str, Parts] = {}
    for key, tensor in state.items():
        name, _, kind = str(key).rpartition(".")
        is_linear = isinstance(tensor, torch.Tensor) and tensor.ndim == _KINDS.get(kind)
        if not is_linear or not isinstance(key, str):
            raise InvalidInputError(
                "target", got=f"the entry {key!a} ({_explained(kind, tensor)})", allowed=_ALLOWED
            )
        looks_embedded = re.search(r"(^|[._])(emb|wte\b|wpe\b)", name)
        if looks_embedded and not is_given:
            raise InvalidInputError(
                "target",
                got=f"the entry {key!a}, which may be an Embedding",
                allowed=_ALLOWED,
                hint="If it is a Linear layer, name all layers in order: --layers a,b,c.",
            )
        name = name or "linear"  # a Linear layer saved on its own has the keys weight and bias
        if kind in parts.setdefault(name, {}):
            raise InvalidInputError("target", got=f"two layers {name!a}", allowed=_ALLOWED)
        parts[name][kind] = tensor
    return parts


def _arrays(name: str, parts: Parts, said: list[str]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return weight and bias of a layer; what was computed for them is added to `said`."""
    weight, bias = (_part(name, kind, parts, said) for kind in ("weight", "bias"))
    if weight is None:
        raise InvalidInputError(
            "target",
            got=f"{shown(name)}.bias without {shown(name)}.weight",
            allowed="biases with weights",
        )
    matrix = to_numpy(f"{shown(name)}.weight", weight)
    if bias is None:
        return matrix, None
    return same_dtype(matrix, to_numpy(f"{shown(name)}.bias", bias))


def _part(name: str, kind: str, parts: Parts, said: list[str]) -> torch.Tensor | None:
    """Return a weight or a bias, or the product of the two tensors that pruning makes of it."""
    import torch

    original, mask = parts.get(f"{kind}_orig"), parts.get(f"{kind}_mask")
    if original is None and mask is None:
        return parts.get(kind)
    if original is None or mask is None or kind in parts:
        raise InvalidInputError(
            "target",
            got=f"{shown(name)} with {', '.join(sorted(parts))}",
            allowed=f"{kind}, or {kind}_orig and {kind}_mask",
        )
    is_dense = all(part.layout is torch.strided and not part.is_meta for part in (original, mask))
    if not is_dense or original.shape != mask.shape or not ((mask == 0) | (mask == 1)).all():
        raise InvalidInputError(
            f"{shown(name)}.{kind}_mask", got="others", allowed=f"0 or 1 for each of {kind}_orig"
        )
    said.append(f"{shown(name)}: {kind}_orig is multiplied by {kind}_mask.")
    return original.detach() * mask.to(original.dtype)


def _given(
    found: Mapping[str, LinearLayer], layers: Sequence[str]
) -> tuple[Sequence[str], list[str]]:
    unknown = [name for name in layers if name not in found]
    if unknown or not layers:
        raise InvalidInputError(
            "layers",
            got=", ".join(map(ascii, unknown)) if unknown else ascii(layers),
            allowed=f"names of layers in the order in which they run, of {_listed(found)}",
        )
    reason = ["The order was given by name."]
    rest = [name for name in found if name not in layers]
    if rest:
        reason.append(f"Left out as told: {', '.join(map(shown, rest))}.")
    return layers, reason


def _ordered(found: dict[str, LinearLayer]) -> tuple[Sequence[str], list[str]]:
    """Return the names in the order that numbers or widths give, and which of the two it was."""
    if len(found) <= 1:
        return list(found), []
    names = _by_number(found)
    if names is not None and _fits(found, names):
        return names, ["The order is that of the numbers in the names."]
    orders = _orders(found)
    if not orders:
        raise _no_chain(found)
    if len(orders) == 1 and not _contradicts(orders[0]):
        return orders[0], ["The order is the only one in which the widths fit."]
    shown_orders = "; ".join(_order_text(found, order) for order in orders[:_MAX_SHOWN])
    reason = (
        "names whose numbers say otherwise than the only order that fits"
        if len(orders) == 1
        else "layers that fit together in more than one order"
    )
    raise InvalidInputError(
        "target",
        got=f"{reason}: {shown_orders}{'; ...' if len(orders) > _MAX_SHOWN else ''}",
        allowed="layers whose order is known",
        hint=f"Say it by name, such as --layers {_short(','.join(map(shown, orders[0])))}",
    )


def _by_number(names: Mapping[str, Any]) -> list[str] | None:
    """Return names that differ in one number alone, in its order; None for others."""
    split = {name: re.split(r"([0-9]{1,18})", name) for name in names}
    texts = {tuple(pieces[::2]) for pieces in split.values()}
    if len(texts) != 1:
        return None
    columns = list(zip(*(pieces[1::2] for pieces in split.values()), strict=True))
    varying = [k for k, column in enumerate(columns) if len(set(column)) > 1]
    if len(varying) != 1 or len(set(map(int, columns[varying[0]]))) < len(split):
        return None
    return sorted(split, key=lambda name: int(split[name][2 * varying[0] + 1]))


def _contradicts(order: Sequence[str]) -> bool:
    """Return whether two names that differ in one number alone stand in the other order."""
    return any(
        _by_number({first: None, second: None}) == [second, first]
        for k, second in enumerate(order)
        for first in order[:k]
    )


def _fits(found: Mapping[str, LinearLayer], names: Sequence[str]) -> bool:
    return all(
        found[before].num_outputs == found[after].num_inputs for before, after in pairwise(names)
    )


def _orders(found: dict[str, LinearLayer]) -> list[list[str]]:
    """Return the orders in which the widths fit, up to one more than a message shows."""
    orders: list[list[str]] = []
    started: list[list[str]] = [[]]
    for _ in range(_MAX_STEPS):
        if not started or len(orders) > _MAX_SHOWN:
            return orders
        order = started.pop()
        if len(order) == len(found):
            orders.append(order)
        started += [
            [*order, name]
            for name in reversed(found)  # the first name is tried first
            if name not in order and _fits(found, [*order[-1:], name])
        ]
    raise InvalidInputError(
        "target",
        got=f"{len(found)} layers with too many orders to try",
        allowed="layers whose order is known",
        hint="Name all layers in order: --layers a,b,c.",
    )


def _no_chain(found: dict[str, LinearLayer]) -> InvalidInputError:
    """Return the refusal of layers that fit together in no order: are they several networks?"""
    groups: dict[str, dict[str, LinearLayer]] = {}
    for name, layer in found.items():
        groups.setdefault(name.partition(".")[0], {})[name] = layer
    chains = {name: _orders(group) for name, group in groups.items()}
    if len(groups) > 1 and all("." in name for name in found) and all(chains.values()):
        first = next(iter(chains.values()))[0]
        return InvalidInputError(
            "target",
            got=f"{len(groups)} networks: "
            + "; ".join(f"{name!a}: {_order_text(found, chains[name][0])}" for name in groups),
            allowed="one network",
            hint=f"Name the layers of the one that you mean: --layers {_short(','.join(first))}",
        )
    return InvalidInputError(
        "target",
        got=f"{_listed(found)}, which fit together in no order",
        allowed="a chain of Linear layers, each fed by the one before",
        hint="If some of them are another network, name the layers that you mean: --layers a,b,c.",
    )


def _listed(found: Mapping[str, LinearLayer]) -> str:
    return _short(
        ", ".join(
            f"{shown(name)} ({layer.num_inputs} -> {layer.num_outputs})"
            for name, layer in found.items()
        )
    )


def _order_text(found: Mapping[str, LinearLayer], order: Sequence[str]) -> str:
    widths = [found[order[0]].num_inputs, *(found[name].num_outputs for name in order)]
    return _short(f"{','.join(map(shown, order))} ({'-'.join(map(str, widths))})")


def _short(text: str, *, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def to_numpy(key: str, tensor: torch.Tensor) -> NDArray[Any]:
    """Return the exact values of a tensor as float32 or float64, or refuse it by its name."""
    import torch

    if tensor.dtype in (torch.float16, torch.bfloat16):  # exact in float32
        tensor = tensor.float()
    if tensor.dtype not in (torch.float32, torch.float64):
        raise InvalidInputError(
            key, got=f"dtype {tensor.dtype}", allowed="float16, bfloat16, float32 or float64"
        )
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise InvalidInputError(
            key, got=f"a tensor on {tensor.device}, {tensor.layout}", allowed="dense, with values"
        )
    array: NDArray[Any] = tensor.detach().cpu().resolve_neg().numpy()
    return array


def same_dtype(weight: NDArray[Any], bias: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return weight and bias in the wider of their types, exactly."""
    dtype = np.result_type(weight, bias)
    return weight.astype(dtype), bias.astype(dtype)


def _explained(kind: str, tensor: object) -> str:
    shape = getattr(tensor, "shape", None)
    text = type(tensor).__name__ if shape is None else f"shape {tuple(shape)}"
    if kind in _NOT_LINEAR:
        return f"{text}: {_NOT_LINEAR[kind]}"
    if kind == "weight" and shape is not None:
        return f"{text}: a convolution" if len(shape) > 2 else f"{text}: a normalisation"
    return text
