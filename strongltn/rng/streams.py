"""The seed tree: a seed and a name give a key; a draw added under one name shifts no other."""

from __future__ import annotations

import hashlib

import numpy as np

from strongltn.errors import InvalidInputError


def stream_key(seed: int, *, name: str) -> int:
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
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 64:
        shown = (
            f"an integer of {seed.bit_length()} bits"
            if isinstance(seed, int) and seed > 0
            else seed
        )
        raise InvalidInputError("seed", got=shown, allowed="an integer in [0, 2^64)")
    digest = hashlib.sha256(f"strongltn/{name}/{seed}".encode("ascii")).digest()
    return int.from_bytes(digest[:8], "little")


def named_generator(seed: int, *, name: str) -> np.random.Generator:
    """Return a NumPy generator for search and simulation, where no proof rests on the stream.

    Source networks never draw from it: NumPy may change its distribution routines.
    """
    return np.random.Generator(np.random.Philox(key=stream_key(seed, name=name)))
