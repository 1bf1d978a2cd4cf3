"""Reading CIFAR-10: the two archives of its authors, or a smaller form that keeps JPEGs."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.datasets.cifar10_jpeg import load_jpegs
from strongltn.datasets.download import RemoteFile
from strongltn.datasets.images import LabelledImages, damaged_file, scaled_pixels
from strongltn.storage import read_file

BATCH_SIZE = 10_000  # images in each of the six files of an archive
_NUM_PIXELS = 3 * 32 * 32
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

    Parameters
    ----------
    directory : Path

    Returns
    -------
    tuple of two LabelledImages
        Pixels in the order of channels, rows, columns. About 740 MB.

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
