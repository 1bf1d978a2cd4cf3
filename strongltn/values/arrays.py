"""Arrays of any library as NumPy arrays, with their own numbers: nothing is rounded.

Importing this module imports neither torch nor numba.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.values.arguments import described, exact_real


def array_of(value: object) -> NDArray[Any]:
    """Return an array, a torch tensor or nested sequences as a NumPy array, with its own values.

    A tensor is taken from its device and without its gradient; bfloat16, which NumPy lacks, becomes
    float32, which holds all of it. Sequences of numbers become float64 if that holds all of them.

    Raises
    ------
    ValueError, TypeError
        No array comes of it.
    """
    torch = sys.modules.get("torch")  # a caller who holds a tensor has loaded it
    if torch is not None and isinstance(value, torch.Tensor):
        dense = value.detach().cpu()
        return np.asarray((dense.float() if dense.dtype == torch.bfloat16 else dense).numpy())
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    array = np.asarray(value if torch is None else _without_tensors(value, torch.Tensor))
    widened = exact_floats(array)
    return array if widened is None else widened


def floats_of(
    parameter: str, value: object, *, allowed: str, hint: str = ""
) -> NDArray[np.float64]:
    """Return an array, a tensor or nested sequences in float64, if that changes no number.

    Raises
    ------
    InvalidInputError
        It is no array of real numbers, or float64 does not hold one of them.
    """
    try:
        array = array_of(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, sparse, on no device
        raise InvalidInputError(parameter, got=described(value), allowed=allowed) from error
    floats = exact_floats(array)
    if floats is None:
        got = f"dtype {array.dtype}"
        if array.dtype.kind in "fiu":
            got += ", with numbers that float64 does not hold"
        raise InvalidInputError(parameter, got=got, allowed=allowed, hint=hint)
    return floats


def exact_floats(array: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return an array of real numbers in float64, or None where that would change one of them."""
    if array.dtype == np.float64:
        return array
    if array.dtype == object:
        try:
            flat = [exact_real("", entry) for entry in array.ravel()]
        except InvalidInputError:
            return None
        return np.array(flat, dtype=np.float64).reshape(array.shape)
    if array.dtype.kind not in "fiu":
        return None
    with np.errstate(over="ignore"):
        floats = array.astype(np.float64)
    if array.dtype.kind == "f":
        is_same = (floats == array) | np.isnan(array)
        return floats if is_same.all() else None
    if array.size and max(-int(array.min()), int(array.max())) > 1 << 53:
        return None
    return floats


def _without_tensors(value: object, tensor: type[Any]) -> object:
    """Return nested sequences with arrays in the place of tensors."""
    if isinstance(value, tensor):
        return array_of(value)
    if isinstance(value, list | tuple):
        return [_without_tensors(part, tensor) for part in value]
    return value


def read_array(path: Path, *, parameter: str) -> NDArray[Any]:
    """Return the array of a .npy file, mapped from the disk: no archive, no pickle.

    Parameters
    ----------
    path : Path
    parameter : str
        What a refusal calls the file.

    Raises
    ------
    InvalidInputError
        It is no regular file, or does not hold one array of the size that it states.
    """
    try:
        if not path.is_file():
            raise OSError("there is no such regular file")
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, TypeError, OverflowError, SyntaxError, TokenError) as error:
        raise InvalidInputError(
            parameter, got=f"{path}: {error}", allowed="a .npy file with one array of numbers"
        ) from error
