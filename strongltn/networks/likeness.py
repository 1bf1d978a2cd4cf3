"""A network against outputs that its author computed: is it the network that was meant?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.reading import Likeness
from strongltn.networks.target import TargetNetwork
from strongltn.values.arrays import read_array

_BLOCK = 1 << 10  # inputs evaluated at a time
_FLOATS = (np.float16, np.float32, np.float64)


def compared(target: TargetNetwork, inputs: Path, outputs: Path) -> TargetNetwork:
    """Return a network whose reading records how near it is to its author's own outputs.

    Parameters
    ----------
    target : TargetNetwork
    inputs, outputs : Path
        Two ``.npy`` files of floating-point numbers, (number, ...) each; every input and output is
        flattened. The outputs are those of the author's network on the inputs.

    Raises
    ------
    InvalidInputError
        The files do not hold such arrays; or an output differs by more than rounding explains.

    Notes
    -----
    Rigor: an output passes if it differs by no more than the worst case of rounding in the coarser
    of its own type and that of the weights, with sums at least in float32, in any order. A network
    that differs by less is another network that this check does not tell apart.
    """
    x, y = (_rows(read_array(path, parameter="like"), path) for path in (inputs, outputs))
    expected = (len(x), target.widths[0]), (len(x), target.widths[-1])
    if (x.shape, y.shape) != expected or not len(x):
        raise InvalidInputError(
            "like",
            got=f"inputs {x.shape} and outputs {y.shape}, flattened",
            allowed=f"(number, {target.widths[0]}) and (number, {target.widths[-1]}), number >= 1",
        )
    dtypes = [layer.weight.dtype for layer in target.layers]
    arithmetic = max((y.dtype, *dtypes), key=lambda dtype: float(np.finfo(dtype).eps))
    largest, tells_relu = 0.0, len(target.layers) == 1
    for start in range(0, len(x), _BLOCK):
        part = slice(start, start + _BLOCK)
        stated = y[part].astype(np.float64)
        values, explained = _evaluated(target, x[part], arithmetic)
        difference = np.abs(values - stated)
        is_like = (difference <= explained) & np.isfinite(explained) & np.isfinite(values)
        if not is_like.all():
            row, column = (int(k) for k in np.argwhere(~is_like)[0])
            raise InvalidInputError(
                "like",
                got=f"output {column} of input {start + row}: {y[start + row, column]:.6g}, where "
                f"the network as read gives {values[row, column]:.6g}, and rounding in "
                f"{arithmetic} explains {explained[row, column]:.2g}",
                allowed=f"the outputs of {target.chain}",
                hint="Are order and activations those of your network, and the outputs computed in "
                f"{arithmetic}, without autocast or TF32?",
            )
        largest = max(largest, float(difference.max()))
        linear = _evaluated(target, x[part], arithmetic, has_relu=False)[0]
        tells_relu |= not (np.abs(linear - stated) <= explained).all()
    likeness = Likeness(len(x), largest, str(arithmetic), tells_relu)
    return replace(target, reading=replace(target.reading, likeness=likeness))


def _rows(array: NDArray[Any], path: Path) -> NDArray[Any]:
    if array.dtype not in _FLOATS or array.ndim < 1 or not np.isfinite(array).all():
        raise InvalidInputError(
            "like",
            got=f"{path}: dtype {array.dtype}, shape {array.shape}",
            allowed="finite numbers of float16, float32 or float64, (number, ...)",
        )
    return array.reshape(len(array), -1 if array.size else 0)


def _evaluated(
    target: TargetNetwork,
    inputs: NDArray[Any],
    arithmetic: np.dtype[Any],
    *,
    has_relu: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the outputs, and what rounding explains of each."""
    limits, sums = np.finfo(arithmetic), np.finfo(max(arithmetic, np.dtype(np.float32)))
    values = inputs.astype(np.float64)
    errors = np.abs(values) * float(limits.eps)
    with np.errstate(over="ignore", invalid="ignore"):
        for i, layer in enumerate(target.layers):
            if i and has_relu:
                values = np.maximum(values, 0.0)
            weight = layer.weight.T.astype(np.float64)
            bias = np.zeros(1) if layer.bias is None else layer.bias.astype(np.float64)
            # n products and n sums err by at most a factor n u / (1 - n u); u is eps / 2, and the
            # rest of eps pays for float64 here
            units = (layer.num_inputs + 2) * float(sums.eps)
            factor = units / max(1 - units, 0.5) + 2 * float(limits.eps)
            sizes = (np.abs(values) + errors) @ np.abs(weight) + np.abs(bias)
            errors = errors @ np.abs(weight) + factor * sizes
            errors += layer.num_inputs * float(limits.tiny)
            values = values @ weight + bias
    return values, errors
