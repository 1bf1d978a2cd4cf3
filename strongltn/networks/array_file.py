"""Arrays of numbers from ``.npy`` files that anybody may have written."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError


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
