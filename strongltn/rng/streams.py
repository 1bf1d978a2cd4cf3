"""The seed tree: a seed and a name give a key; a draw added under one name shifts no other."""

from __future__ import annotations

import hashlib

import numpy as np

from strongltn.values.arguments import IntegerLike, integer


def stream_key(seed: IntegerLike, *, name: str) -> int:
    """Return the 64-bit key of the stream `name` under `seed`.

    Parameters
    ----------
    seed : int in [0, 2^64)
    name : str
        What the stream is for, such as ``"source"``.

    Returns
    -------
    int
        The first 8 bytes of SHA-256 of ``strongltn/NAME/SEED``, little-endian.

    Notes
    -----
    Rigor: exact. Cost: one hash. Randomness: none.
    """
    digest = hashlib.sha256(f"strongltn/{name}/{checked_seed(seed)}".encode("ascii")).digest()
    return int.from_bytes(digest[:8], "little")


def checked_seed(seed: IntegerLike) -> int:
    """Return a seed of any integer type as a Python integer, which records can hold.

    Raises
    ------
    InvalidInputError
        It is no integer in [0, 2^64).
    """
    return integer("seed", seed, low=0, last=(1 << 64) - 1)


def named_generator(seed: IntegerLike, *, name: str) -> np.random.Generator:
    """Return a NumPy generator for search and simulation, where no proof rests on the stream.

    Source networks never draw from it: NumPy may change its distribution routines.
    """
    return np.random.Generator(np.random.Philox(key=stream_key(seed, name=name)))
