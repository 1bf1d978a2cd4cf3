"""Data sets: the digits that scikit-learn ships, and MNIST from a directory that the user names."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.rng import named_generator

DATA_VARIABLE = "STRONGLTN_DATA"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and their classes.

    Attributes
    ----------
    images : float32 (count, pixels), in [0, 1]
    labels : int64 (count,)
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


def load_digits(*, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Return scikit-learn's 8 x 8 digits, split 4 : 1 into training and test images.

    Parameters
    ----------
    seed : int in [0, 2^64)
        Of the split.
    """
    from sklearn.datasets import load_digits as load

    digits = load()
    order = named_generator(seed, name="digits split").permutation(len(digits.target))
    images = (digits.data[order] / 16).astype(np.float32)
    labels = digits.target[order].astype(np.int64)
    cut = len(order) * 4 // 5
    return (
        LabelledImages(images[:cut], labels[:cut]),
        LabelledImages(images[cut:], labels[cut:]),
    )


def load_mnist_train(directory: Path | None = None) -> LabelledImages:
    """Return the 60,000 MNIST training images; as `load_mnist_test`, the files named train-*."""
    return _load_mnist(directory, "train")


def load_mnist_test(directory: Path | None = None) -> LabelledImages:
    """Return the 10,000 MNIST test images, pixels divided by 255.

    Parameters
    ----------
    directory : Path, optional
        Holds the two IDX files t10k-*, plain or gzipped, or a folder ``mnist`` with them. Default:
        the environment variable STRONGLTN_DATA.

    Raises
    ------
    InvalidInputError
        The files are not there.
    """
    return _load_mnist(directory, "t10k")


def _load_mnist(directory: Path | None, part: str) -> LabelledImages:
    if directory is None:
        if DATA_VARIABLE not in os.environ:
            raise InvalidInputError(
                "data", got="nothing", allowed=f"a directory, or named by {DATA_VARIABLE}"
            )
        directory = Path(os.environ[DATA_VARIABLE])
    images = _read_idx(directory, f"{part}-images-idx3-ubyte")
    labels = _read_idx(directory, f"{part}-labels-idx1-ubyte")
    pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    return LabelledImages(pixels, labels.astype(np.int64))


def _read_idx(directory: Path, name: str) -> NDArray[Any]:
    for path in (directory / name, directory / "mnist" / name):
        zipped = path.with_name(f"{name}.gz")
        if path.is_file() or zipped.is_file():
            content = path.read_bytes() if path.is_file() else gzip.decompress(zipped.read_bytes())
            num_dimensions = content[3]
            end = 4 + 4 * num_dimensions
            shape = np.frombuffer(content[4:end], dtype=">u4").astype(int)
            return np.frombuffer(content[end:], dtype=np.uint8).reshape(shape)
    raise InvalidInputError(
        "data",
        got=f"{directory}, without {name}",
        allowed="a directory with the MNIST IDX files, plain or gzipped",
    )
