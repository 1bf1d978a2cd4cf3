"""Files: written whole or not at all, grown line by line, read only if they are plain files."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.errors import InvalidInputError
from strongltn.storage.partial import (
    lock,
    machine_errors,
    opened_directory,
    partial_name,
    remove_leftovers,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The largest file that is read into memory, in bytes.
MAX_BYTES = 1 << 31

_PROBE = "probe"  # the name of the empty file that is written to see whether one can
_SUFFIXES = (".png", ".svg", ".pdf")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a named pipe is opened, and then refused


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name always stands for whole content, the old or the new.

    The content is written under a name that nobody can predict, flushed to the disk, and renamed. A
    symbolic link of the name `path` is replaced and not followed. What a killed command has left of
    the same file is removed.

    Parameters
    ----------
    path : Path
        In a directory that exists.

    Raises
    ------
    MachineError
        The disk is full, the directory cannot be written, or the like. The old file is as it was.
    """
    with machine_errors(path), opened_directory(path.parent) as folder:
        remove_leftovers(folder, path.name)
        _write_and_rename(folder, path.name, content)
        os.fsync(folder)


def append_line(file: int, line: bytes) -> None:
    """Add a line to the end of an open file, or leave the file as it was.

    Parameters
    ----------
    file : int
        Descriptor of a regular file, opened for appending.
    line : bytes
        With its newline.

    Raises
    ------
    OSError
        The line could not be written; none of it is in the file.
    """
    length = os.fstat(file).st_size
    try:
        write_all(file, line)
        os.fsync(file)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(file, length)
        raise


def write_all(file: int, content: bytes) -> None:
    """Write all of the bytes: the system may take fewer than it is given, and says how many."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def open_to_append(path: Path) -> int:
    """Return a descriptor of a regular file, made if need be, to read it and to add to its end.

    Raises
    ------
    MachineError
        It cannot be opened, or is a symbolic link: what a link points to may be anybody's.
    InvalidInputError
        It is no regular file.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _PLAIN
    with machine_errors(path):
        file = os.open(path, flags, 0o666)
    try:
        _require_regular(file, path, "out")
    except BaseException:
        os.close(file)
        raise
    return file


def read_file(
    path: Path, *, parameter: str, within: Path | None = None, max_bytes: int = MAX_BYTES
) -> bytes:
    """Return the content of a regular file of bounded size.

    Parameters
    ----------
    path : Path
        Symbolic links are followed, unless they lead out of `within`.
    parameter : str
        What an error calls it.
    within : Path, optional
        The directory that the file must lie in, links resolved.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        As they come: the caller knows whether the file may be missing.
    InvalidInputError
        It is a directory, a pipe or a device, is too large, or a link leads out of `within`.
    """
    real = Path(os.path.realpath(path))
    if within is not None and not real.is_relative_to(os.path.realpath(within)):
        raise InvalidInputError(
            parameter,
            got=f"{path}, a link to {real}",
            allowed=f"files inside {within}",
            hint="Put the file itself there.",
        )
    try:
        file = os.open(real, os.O_RDONLY | _PLAIN)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise InvalidInputError(
            parameter, got=f"{path}, links in a circle", allowed="a regular file"
        ) from error
    with os.fdopen(file, "rb") as stream:
        _require_regular(file, path, parameter)
        is_small = os.fstat(file).st_size <= max_bytes
        content = stream.read() if is_small else b""
    if not is_small or len(content) > max_bytes:  # it may have grown since
        raise InvalidInputError(
            parameter,
            got=f"{path}, which is larger",
            allowed=f"a file of at most {max_bytes} bytes",
        )
    return content


def read_if_there(
    path: Path, *, parameter: str, within: Path | None = None, max_bytes: int = MAX_BYTES
) -> bytes | None:
    """Return what `read_file` returns, or None where there is no such file.

    Raises
    ------
    InvalidInputError
        As for `read_file`.
    MachineError
        It is there and cannot be read.
    """
    with machine_errors(path, "read"):
        try:
            return read_file(path, parameter=parameter, within=within, max_bytes=max_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return None


def remove_file(path: Path) -> None:
    """Remove a file of ours, if it is there; of a symbolic link the link, not what it points to.

    Raises
    ------
    MachineError
        It cannot be removed.
    """
    with machine_errors(path, "remove"), suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def check_writable(path: Path, *, parameter: str = "out") -> None:
    """Refuse at once what a long computation could not write at its end.

    An empty file is made and removed in the nearest directory above `path` that exists.

    Parameters
    ----------
    path : Path
        A directory to write in, or to make.
    parameter : str
        What an error calls it.

    Raises
    ------
    InvalidInputError
        What is there is no directory.
    MachineError
        It may not be written, or its name is too long.
    """
    whole = path.absolute()
    with machine_errors(path):
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(whole)
        place = next(place for place in (whole, *whole.parents) if os.path.lexists(place))
        if not place.is_dir():
            raise InvalidInputError(
                parameter, got=f"{place}, which is no directory", allowed="a directory"
            )
        with opened_directory(place) as folder:
            remove_leftovers(folder, _PROBE)
            name = partial_name(_PROBE)
            os.close(os.open(name, _NEW, dir_fd=folder))
            os.unlink(name, dir_fd=folder)


def make_directory(path: Path, *, parameter: str = "out") -> None:
    """Make a directory and those above it, where they are missing.

    Parameters
    ----------
    parameter : str
        What an error calls it.

    Raises
    ------
    InvalidInputError
        A file is in its way.
    MachineError
        It cannot be made.
    """
    with machine_errors(path, "make the directory"):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InvalidInputError(
                parameter,
                got=f"{path}, where a file is in the way",
                allowed="a directory, or a path where one can be made",
            ) from None


def write_figure(
    figure: Figure, path: Path, *, metadata: Mapping[str, dict[str, Any]] | None = None
) -> list[Path]:
    """Write a figure as PNG, SVG and PDF, each whole; return the three paths.

    Parameters
    ----------
    path : Path
        The suffix is replaced by ``.png``, ``.svg`` and ``.pdf``; directories are made.
    metadata : mapping, optional
        From a suffix to what matplotlib shall write into such a file.

    Raises
    ------
    MachineError
        A file cannot be written.
    """
    make_directory(path.parent)
    paths = [path.with_suffix(suffix) for suffix in _SUFFIXES]
    for place in paths:
        content = io.BytesIO()
        kind = place.suffix.removeprefix(".")
        figure.savefig(content, format=kind, dpi=150, metadata=(metadata or {}).get(place.suffix))
        write_whole(place, content.getvalue())
    return paths


def _write_and_rename(folder: int, name: str, content: bytes) -> None:
    partial = partial_name(name)
    file = os.open(partial, _NEW, 0o666, dir_fd=folder)
    try:
        # In the moment before the lock, another command may have taken the file for a leftover.
        if not lock(file) or not os.fstat(file).st_nlink:
            _write_and_rename(folder, name, content)
            return
        write_all(file, content)
        os.fsync(file)
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial, dir_fd=folder)
        raise
    finally:
        os.close(file)


def _require_regular(file: int, path: Path, parameter: str) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise InvalidInputError(
            parameter, got=f"{path}, a directory, pipe or device", allowed="a regular file"
        )
