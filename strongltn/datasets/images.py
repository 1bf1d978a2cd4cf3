"""Images with their classes and the files that they come in; scikit-learn's digits, and MNIST."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.rng import named_generator
from strongltn.storage import make_directory, read_file, read_if_there, write_whole

#: The environment variable that names the directory of the data sets.
DATA_VARIABLE = "STRONGLTN_DATA"
_MAX_BYTES = 1 << 28  # of an unpacked file; the largest of MNIST has 47 million

#: The shape of one image: channels, height, width.
Shape = tuple[int, int, int]

DIGITS_SHAPE: Shape = (1, 8, 8)
MNIST_SHAPE: Shape = (1, 28, 28)
CIFAR10_SHAPE: Shape = (3, 32, 32)

#: The four files of MNIST, and the MD5 of their content when it is not compressed.
MNIST_FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and their classes.

    Attributes
    ----------
    images
        The pixels in [0, 1], float32 (count, pixels).
    labels
        The classes, int64 (count,).
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a public data set: fetched from a mirror, kept only with the right checksum.

    Parameters
    ----------
    name
        The name of the file, on the servers and here.
    md5
        The MD5 of the file as it is offered, as its authors publish it.
    mirrors
        What precedes the name in the addresses, the first to try first.
    """

    name: str
    md5: str
    mirrors: tuple[str, ...]

    def fetch(self, directory: Path) -> Path:
        """Download the file into a directory, which is made if need be, and return where it lies.

        A file that is there already with the right checksum is left alone.

        Raises
        ------
        InvalidInputError
            No mirror gave the file with that checksum.
        MachineError
            The directory cannot be written.
        """
        path = directory / self.name
        if self._is_right(read_if_there(path, parameter="data") or b""):
            return path
        make_directory(directory, parameter="download")
        failures = []
        for mirror in self.mirrors:
            try:
                content = _downloaded(mirror + self.name)
            except (OSError, ValueError) as error:  # no connection; no such address
                failures.append(f"{mirror}: {error}")
                continue
            if self._is_right(content):
                write_whole(path, content)
                return path
            failures.append(f"{mirror}: the file there has another MD5")
        raise InvalidInputError(
            "download",
            got=f"{self.name} from no mirror ({'; '.join(failures)})",
            allowed="possible: a connection, and the checksum as published",
            hint=f"Or place the file in {directory} yourself; its MD5 is {self.md5}.",
        )

    def _is_right(self, content: bytes) -> bool:
        return hashlib.md5(content, usedforsecurity=False).hexdigest() == self.md5


def load_digits(*, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Return scikit-learn's 8 x 8 digits, split 4 : 1 into training and test images.

    Parameters
    ----------
    seed
        The seed of the split, in [0, 2^64).
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


def load_mnist_train(directory: Path | None = None, *, is_verified: bool = False) -> LabelledImages:
    """Return the 60,000 MNIST training images; as `load_mnist_test`, the files named train-*."""
    return _load_mnist(directory, "train", is_verified=is_verified)


def load_mnist_test(directory: Path | None = None, *, is_verified: bool = False) -> LabelledImages:
    """Return the 10,000 MNIST test images, pixels divided by 255.

    Parameters
    ----------
    directory
        The directory that holds the two IDX files t10k-*, plain or gzipped, itself or in a folder
        ``mnist`` or ``MNIST/raw``. By default the environment variable STRONGLTN_DATA names it.
    is_verified
        Whether the files must be those of MNIST, by the checksums in `MNIST_FILES`. Without, any
        images in this format will do.

    Raises
    ------
    InvalidInputError
        A file that is absent, truncated, not in this format or, where asked, not that of MNIST.
    """
    return _load_mnist(directory, "t10k", is_verified=is_verified)


def mnist_file(directory: Path, name: str) -> Path | None:
    """Return where one of `MNIST_FILES` lies in a directory, plain or gzipped, if it does."""
    for folder in (directory, directory / "mnist", directory / "MNIST" / "raw"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def scaled_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return bytes (count, ...) as float32 (count, pixels), divided by 255."""
    flat = pixels.reshape(len(pixels), -1)
    return np.divide(flat, np.float32(255), dtype=np.float32)


def damaged_file(path: Path | str, got: str, allowed: str) -> InvalidInputError:
    """Return the error that says what was found in a file that is there."""
    return InvalidInputError(
        "data",
        got=f"{path} ({got})",
        allowed=allowed,
        hint="It may be truncated or altered: delete it and fetch it again.",
    )


def user_cache() -> Path:
    """Return the folder of the user's caches that is ours; it need not exist."""
    import pooch

    return Path(pooch.os_cache("strongltn"))


def _downloaded(address: str) -> bytes:
    import pooch

    pooch.get_logger().info("Downloading %s", address)
    content = io.BytesIO()
    pooch.HTTPDownloader()(address, content, None)
    return content.getvalue()


def _load_mnist(directory: Path | None, part: str, *, is_verified: bool) -> LabelledImages:
    if directory is None:
        named = os.environ.get(DATA_VARIABLE)
        if not named:
            raise InvalidInputError(
                "data", got="nothing", allowed=f"a directory, or named by {DATA_VARIABLE}"
            )
        directory = Path(named)
    images = _read_idx(directory, f"{part}-images-idx3-ubyte", is_verified=is_verified)
    labels = _read_idx(directory, f"{part}-labels-idx1-ubyte", is_verified=is_verified)
    if labels.ndim != 1 or len(images) != len(labels):
        raise InvalidInputError(
            "data",
            got=f"{directory}, {part}: images of shape {images.shape}, labels {labels.shape}",
            allowed="one label for each image",
        )
    return LabelledImages(scaled_pixels(images), labels.astype(np.int64))


def _read_idx(directory: Path, name: str, *, is_verified: bool) -> NDArray[np.uint8]:
    path = mnist_file(directory, name)
    if path is None:
        raise InvalidInputError(
            "data",
            got=f"{directory}, without {name}",
            allowed="a directory with the MNIST IDX files, plain or gzipped",
        )
    allowed = "an IDX file of bytes, plain or gzipped"
    try:
        content = read_file(path, parameter="data")
        if path.suffix == ".gz":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(_MAX_BYTES)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if is_verified and digest != MNIST_FILES[name]:
            allowed = f"the file of MNIST, its content of MD5 {MNIST_FILES[name]}"
            raise ValueError(f"MD5 {digest}")
        if content[:3] != b"\0\0\x08":  # the third byte says: unsigned bytes
            raise ValueError("not IDX")
        end = 4 + 4 * content[3]
        shape = np.frombuffer(content[4:end], dtype=">u4").astype(int)
        return np.frombuffer(content[end:], dtype=np.uint8).reshape(shape)
    except (EOFError, IndexError, OSError, ValueError, zlib.error) as error:
        raise damaged_file(path, str(error), allowed) from error
