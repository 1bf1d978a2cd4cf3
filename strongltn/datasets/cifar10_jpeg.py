"""Images kept as JPEGs in one NumPy archive, decoded once and then cached."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strongltn.datasets.download import user_cache
from strongltn.datasets.images import LabelledImages, damaged_file, scaled_pixels
from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage import make_directory, read_file, write_whole

SHAPE = (3, 32, 32)


def load_jpegs(path: Path) -> LabelledImages:
    """Return the images of an archive with the arrays ``jpeg``, ``offsets`` and ``labels``.

    Parameters
    ----------
    path : Path
        NumPy archive. ``jpeg`` (uint8) holds all files joined, ``offsets`` (count + 1) where each
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


def _decoded(path: Path, jpeg: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    from PIL import Image

    pixels = np.empty((len(offsets) - 1, *SHAPE), dtype=np.uint8)
    for i in range(len(pixels)):
        try:
            with Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())) as image:
                if image.mode != "RGB" or image.size != SHAPE[1:]:
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
    return pixels if pixels.shape == (count, *SHAPE) and pixels.dtype == np.uint8 else None


def _store(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Keep pixels for the next time."""
    content = io.BytesIO()
    np.save(content, pixels)
    with contextlib.suppress(
        InvalidInputError, MachineError
    ):  # without a cache every load decodes again
        make_directory(path.parent)
        write_whole(path, content.getvalue())
