"""The data sets of the searches, by name. Light to import: torch is loaded when it is needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from strongltn.datasets.cifar10 import PYTHON_ARCHIVE, load_cifar10
from strongltn.datasets.images import (
    CIFAR10_SHAPE,
    DATA_VARIABLE,
    DIGITS_SHAPE,
    MNIST_FILES,
    MNIST_SHAPE,
    LabelledImages,
    RemoteFile,
    Shape,
    load_digits,
    load_mnist_test,
    load_mnist_train,
    mnist_file,
    user_cache,
)
from strongltn.errors import InvalidInputError, unknown_word

if TYPE_CHECKING:
    import torch

DIGITS_SPLIT_SEED = 0
"""The split into training and test images is part of the data set: no seed of a run moves it."""

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
#: The files of MNIST as the mirrors offer them, by the name that `strongltn.datasets.images` reads.
MNIST_DOWNLOADS = {
    name: RemoteFile(f"{name}.gz", md5, mirrors=_MNIST_MIRRORS)
    for name, md5 in (
        ("train-images-idx3-ubyte", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to train and to test on, and how they are prepared.

    Attributes
    ----------
    name
        The name in the catalogue.
    train, test
        The images, whose pixels are in [0, 1] and not normalised.
    num_classes
        How many classes there are.
    input_shape
        The channels, height and width of one image: the order of its pixels.
    mean, std
        The mean and the standard deviation of each channel, in the same unit as the pixels.
    padding
        The width of the black frame of `datasets.batches.Augmentation`, which trains on random cuts
        and mirror images; 0 where the publications train on the images as they are.
    """

    name: str
    train: LabelledImages
    test: LabelledImages
    num_classes: int
    input_shape: Shape
    mean: tuple[float, ...]
    std: tuple[float, ...]
    padding: int = 0

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of all pixels and labels, in hexadecimal: CIFAR-10 has more than one form."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        return digest.hexdigest()

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Return images with mean and std taken out, channel by channel.

        Parameters
        ----------
        images
            Pixels in [0, 1], such as a batch of `train` after augmentation, in shape (count, ...);
            on any device. The result has the shape (count, channels, height, width).
        """
        mean, std = (images.new_tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (images.view(-1, *self.input_shape) - mean) / std


def dataset_named(name: str, directory: Path | None = None, *, download: bool = False) -> Dataset:
    """Return a data set.

    Parameters
    ----------
    name
        One of `DATASET_NAMES`: "digits" is shipped with scikit-learn (1,437 + 360 images of 8 x 8);
        "mnist" 60,000 + 10,000 of 28 x 28; "cifar10" 50,000 + 10,000 of 32 x 32 in colour.
    directory
        Where the files are, see `load_mnist_test` and `load_cifar10` for which. By default what the
        environment variable STRONGLTN_DATA names, else the user's cache. JPEGs of CIFAR-10 are
        slightly lossy: say so beside an accuracy.
    download
        Whether files that are absent may be fetched into the directory, from public mirrors and
        with their published checksums.

    Raises
    ------
    InvalidInputError
        An unknown name; a file that is absent, truncated or altered; no mirror to be reached.

    Notes
    -----
    Checksums: MNIST, the MD5 of each file, packed where it is fetched and unpacked where it is
    read; CIFAR-10, the MD5 of the archives that its authors publish.
    Cost: below a second for digits and MNIST, seconds and 740 MB for CIFAR-10.
    Randomness: none; the split of the digits is a fixed one.
    """
    if name not in DATASET_NAMES:
        raise unknown_word("data", got=name, known=DATASET_NAMES)
    return _ENTRIES[name].load(directory, download)


def _usual_place() -> Path:
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else user_cache()


def _digits(directory: Path | None, download: bool) -> Dataset:
    train, test = load_digits(seed=DIGITS_SPLIT_SEED)
    # Mean and deviation of all pixels of both parts.
    return Dataset("digits", train, test, 10, DIGITS_SHAPE, mean=(0.3053,), std=(0.3760,))


def _mnist(directory: Path | None, download: bool) -> Dataset:
    directory = directory or _usual_place()
    absent = [name for name in MNIST_FILES if mnist_file(directory, name) is None]
    if absent and not download:
        raise _absent("mnist", directory, "the IDX files of MNIST, plain or gzipped")
    for name in absent:
        MNIST_DOWNLOADS[name].fetch(directory / "mnist")
    train = load_mnist_train(directory, is_verified=True)
    test = load_mnist_test(directory, is_verified=True)
    return Dataset("mnist", train, test, 10, MNIST_SHAPE, mean=(0.1307,), std=(0.3081,))


def _cifar10(directory: Path | None, download: bool) -> Dataset:
    directory = directory or _usual_place()
    parts = load_cifar10(directory)
    if parts is None and download:
        PYTHON_ARCHIVE.fetch(directory / "cifar10")
        parts = load_cifar10(directory)
    if parts is None:
        raise _absent(
            "cifar10", directory, f"{PYTHON_ARCHIVE.name}, the binary archive or train/test.npz"
        )
    return Dataset(
        "cifar10",
        *parts,
        10,
        CIFAR10_SHAPE,
        mean=(0.491, 0.482, 0.447),
        std=(0.247, 0.243, 0.262),
        padding=4,
    )


def _absent(name: str, directory: Path, wanted: str) -> InvalidInputError:
    return InvalidInputError(
        "data",
        got=f"{name}, whose files are not all in {directory}",
        allowed=f"a data set that is there: {wanted}",
        hint=f"Name their folder in {DATA_VARIABLE}, allow the download (--download), or take "
        "digits.",
    )


class _Entry(NamedTuple):
    """What a data set adds to this catalogue."""

    input_shape: Shape
    load: Callable[[Path | None, bool], Dataset]  # as `dataset_named`


_ENTRIES = {
    "digits": _Entry(DIGITS_SHAPE, _digits),
    "mnist": _Entry(MNIST_SHAPE, _mnist),
    "cifar10": _Entry(CIFAR10_SHAPE, _cifar10),
}
DATASET_NAMES = tuple(_ENTRIES)
#: The shape of an image of each data set, whose files need not be there.
INPUT_SHAPES = {name: entry.input_shape for name, entry in _ENTRIES.items()}
