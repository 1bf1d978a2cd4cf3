"""Reading CIFAR-10: the two archives of its authors, or a smaller form that keeps JPEGs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.datasets.images import (
    CIFAR10_SHAPE,
    LabelledImages,
    RemoteFile,
    damaged_file,
    scaled_pixels,
    user_cache,
)
from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage import make_directory, read_file, write_whole

BATCH_SIZE = 10_000  # images in each of the six files of an archive
_NUM_PIXELS = math.prod(CIFAR10_SHAPE)
_MIRRORS = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")

#: The archives, with the checksums that their authors publish beside them.
PYTHON_ARCHIVE = RemoteFile(
    "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", mirrors=_MIRRORS
)
BINARY_ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", mirrors=_MIRRORS
)

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_cifar10(directory: Path) -> tuple[LabelledImages, LabelledImages] | None:
    """Return the 50,000 training and the 10,000 test images, or None where there are none.

    Looked for in the directory, then in its folder ``cifar10``, in this order: the archive
    cifar-10-python.tar.gz, unpacked (cifar-10-batches-py) or not; cifar-10-binary.tar.gz likewise
    (cifar-10-batches-bin); the pair train.npz and test.npz of `load_jpegs`. **JPEG is slightly
    lossy**: an accuracy on that form is not quite one on CIFAR-10.

    The pixels are in the order of channels, rows, columns; all take about 740 MB.

    Raises
    ------
    InvalidInputError
        A file that is absent beside its fellows, truncated, altered or not of this form. An archive
        is checked by its MD5; unpacked files, which have no published one, by sizes and labels.
    """
    for folder in (directory, directory / "cifar10"):
        for edition in _EDITIONS:
            contents = edition.contents(folder)
            if contents:
                batches = [edition.batch(name, content) for name, content in contents.items()]
                return _joined(batches[:-1]), _joined(batches[-1:])
        pair = (folder / "train.npz", folder / "test.npz")
        if all(path.is_file() for path in pair):
            return load_jpegs(pair[0]), load_jpegs(pair[1])
    return None


def load_jpegs(path: Path) -> LabelledImages:
    """Return the images of a NumPy archive with the arrays ``jpeg``, ``offsets`` and ``labels``.

    Parameters
    ----------
    path
        The archive. ``jpeg`` (uint8) holds all files joined, ``offsets`` (count + 1) where each
        begins and the end of the last, ``labels`` (count,) the classes 0 to 9.

    Raises
    ------
    InvalidInputError
        A file that is truncated, altered or not of this form.

    Notes
    -----
    Cost: 0.1 ms an image, once: the pixels are then kept in the user's cache, where that can be
    written, under the SHA-256 of the file and the version of the decoder.
    """
    from PIL import __version__ as decoder

    content = read_file(path, parameter="data")
    try:
        with np.load(io.BytesIO(content)) as arrays:
            jpeg = arrays["jpeg"]
            offsets, labels = (arrays[name].astype(np.int64) for name in ("offsets", "labels"))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged_file(path, str(error), "an archive of jpeg, offsets and labels") from error
    is_whole = (
        labels.ndim == 1
        and offsets.shape == (len(labels) + 1,)
        and (np.diff(offsets) > 0).all()
        and (offsets[0], offsets[-1]) == (0, jpeg.size)
        and set(labels) <= set(range(10))
    )
    if not is_whole:
        raise damaged_file(path, "offsets or labels that do not fit", "a class for each JPEG")
    cache = user_cache() / f"{hashlib.sha256(content).hexdigest()}-pillow-{decoder}.npy"
    pixels = _cached(cache, count=len(labels))
    if pixels is None:
        pixels = _decoded(path, jpeg, offsets)
        _store(cache, pixels)
    return LabelledImages(scaled_pixels(pixels), labels)


@dataclass(frozen=True)
class _Edition:
    """One of the two archives; `files` holds five for training, then the one for testing."""

    archive: RemoteFile
    folder: str
    files: tuple[str, ...]
    parse: Callable[[bytes], Batch]

    def contents(self, folder: Path) -> dict[str, bytes]:
        """Return the content of the six files by where each lies; nothing if they are not there."""
        unpacked = [folder / self.folder / name for name in self.files]
        if any(path.is_file() for path in unpacked):
            try:
                return {str(path): read_file(path, parameter="data") for path in unpacked}
            except OSError as error:
                raise damaged_file(
                    folder / self.folder, str(error), f"a folder with {', '.join(self.files)}"
                ) from error
        path = folder / self.archive.name
        return self._members(path) if path.is_file() else {}

    def _members(self, path: Path) -> dict[str, bytes]:
        content = read_file(path, parameter="data")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest != self.archive.md5:
            raise damaged_file(path, f"MD5 {digest}", f"the archive of MD5 {self.archive.md5}")
        members = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:  # in the order of the archive: one pass
                stream_of_member = archive.extractfile(member)
                if stream_of_member is not None:
                    members[member.name] = stream_of_member.read()
        return {f"{path}/{name}": members[f"{self.folder}/{name}"] for name in self.files}

    def batch(self, name: str, content: bytes) -> Batch:
        """Return pixels (count, pixels) and labels (count,) of one file."""
        try:
            pixels, labels = self.parse(content)
        except (ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise damaged_file(name, str(error), "a batch of CIFAR-10") from error
        is_whole = pixels.shape == (BATCH_SIZE, _NUM_PIXELS) and pixels.dtype == np.uint8
        if not is_whole or labels.shape != (BATCH_SIZE,) or not set(labels) <= set(range(10)):
            got = f"{pixels.dtype} pixels of shape {pixels.shape}, {len(labels)} labels"
            raise damaged_file(name, got, f"{BATCH_SIZE} images with labels 0 to 9")
        return pixels, labels


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of NumPy arrays and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the three things that an array needs."""
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it calls {module}.{name}, which no array needs")


def _parse_python(content: bytes) -> Batch:
    batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    return batch["data"], np.array(batch["labels"], dtype=np.int64)


def _parse_binary(content: bytes) -> Batch:
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + _NUM_PIXELS)
    return records[:, 1:], records[:, 0].astype(np.int64)


_EDITIONS = (
    _Edition(
        PYTHON_ARCHIVE,
        "cifar-10-batches-py",
        (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"),
        _parse_python,
    ),
    _Edition(
        BINARY_ARCHIVE,
        "cifar-10-batches-bin",
        (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"),
        _parse_binary,
    ),
)


def _joined(batches: list[Batch]) -> LabelledImages:
    pixels = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    return LabelledImages(scaled_pixels(pixels), labels)


def _decoded(path: Path, jpeg: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    from PIL import Image

    pixels = np.empty((len(offsets) - 1, *CIFAR10_SHAPE), dtype=np.uint8)
    for i in range(len(pixels)):
        try:
            with Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())) as image:
                if image.mode != "RGB" or image.size != CIFAR10_SHAPE[1:]:
                    raise ValueError(f"{image.mode} of size {image.size}")
                pixels[i] = np.asarray(image).transpose(2, 0, 1)
        except (OSError, ValueError) as error:
            raise damaged_file(path, f"image {i}: {error}", "JPEGs of 32 x 32 colours") from error
    return pixels


def _cached(path: Path, *, count: int) -> NDArray[np.uint8] | None:
    """Return the pixels that are stored there, if they are whole."""
    try:
        content = read_file(path, parameter="data")
        pixels: NDArray[np.uint8] = np.load(io.BytesIO(content))
    except (OSError, ValueError, EOFError):  # not there, or not whole: decode again
        return None
    return pixels if pixels.shape == (count, *CIFAR10_SHAPE) and pixels.dtype == np.uint8 else None


def _store(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Keep pixels for the next time."""
    content = io.BytesIO()
    np.save(content, pixels)
    with contextlib.suppress(
        InvalidInputError, MachineError
    ):  # without a cache every load decodes again
        make_directory(path.parent)
        write_whole(path, content.getvalue())
