"""Partial files and directories: names that nobody can predict, locks, and leftovers of kills.

What is being written has the name ``.strongltn-KEY-CHANCE.partial`` beside its destination. KEY is
a digest of the destination's name, so that the next command that writes there finds what a killed
one has left; CHANCE is random, so that nobody can plant a link under the name. Whoever writes holds
a lock, which the system releases when the process dies, however it dies: a partial file without a
lock is a leftover.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strongltn.errors import MachineError

_NAME = re.compile(r"\.strongltn-[0-9a-f]{12}-[0-9a-f]{16}\.partial")
_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # of some network disks
_HINTS = {
    errno.ENOSPC: "Free some space, then run the same command again.",
    errno.EDQUOT: "Free some space, then run the same command again.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f).",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EACCES: "Choose a place that can be written.",
    errno.EPERM: "Choose a place that can be written.",
    errno.EROFS: "Choose a place that can be written.",
    errno.ELOOP: "It is a symbolic link, and strongltn does not write through links.",
}


@contextmanager
def machine_errors(path: Path, what: str = "write") -> Iterator[None]:
    """Turn what the machine refuses into a `MachineError` that names the path and says what to try.

    Parameters
    ----------
    path : Path
        What the message names.
    what : str
        The verb of what was tried.

    Raises
    ------
    MachineError
        Any OSError in the block.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        hint = _HINTS.get(error.errno or 0, "")
        raise MachineError(f"Could not {what} {path}: {why}. {hint}".rstrip()) from error


def is_partial(name: str) -> bool:
    """Return whether a name is that of a partial file or directory of ours."""
    return _NAME.fullmatch(name) is not None


def partial_name(name: str) -> str:
    """Return a new name under which `name` is written."""
    return f"{_prefix(name)}{secrets.token_hex(8)}.partial"


def lock(file: int, *, waits: bool = False) -> bool:
    """Lock an open file or directory until it is closed; False if another process holds it.

    Where the file system knows no locks, nothing keeps two commands apart, and True is returned.

    Parameters
    ----------
    file : int
        Its descriptor.
    waits : bool
        Whether to wait until the other process lets go, for what is held for moments only.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextmanager
def opened_directory(path: Path) -> Iterator[int]:
    """Yield a descriptor of a directory."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def remove_leftovers(folder: int, name: str, *, besides: str = "") -> bool:
    """Remove what killed commands left of `name`; return whether another command is writing it.

    Parameters
    ----------
    folder : int
        Descriptor of the directory that holds `name`.
    besides : str
        The caller's own partial directory, which stays.
    """
    is_busy = False
    for found in os.listdir(folder):
        if found != besides and found.startswith(_prefix(name)) and is_partial(found):
            with suppress(FileNotFoundError):  # a command that has just ended
                is_busy |= not _remove_leftover(folder, found)
    return is_busy


def _remove_leftover(folder: int, name: str) -> bool:
    """Remove one partial file or directory; False if it is in use, or not ours to remove."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    is_directory = stat.S_ISDIR(status.st_mode)
    if not (is_directory or stat.S_ISREG(status.st_mode)) or status.st_uid != os.geteuid():
        return True  # a link, or somebody else's: neither followed nor touched
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not lock(file):
            return False
        if is_directory:
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(file)
    return True


def _prefix(name: str) -> str:
    return f".strongltn-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}-"
