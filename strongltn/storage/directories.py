"""Directories: they appear whole, are replaced in one step, and belong to one command at a time.

A directory of ours is recognised by what is in it, and by nothing else: whoever makes a kind of
directory says, with `Contents`, which names it holds. One foreign file, and nothing is replaced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage.partial import (
    is_partial,
    lock,
    machine_errors,
    opened_directory,
    partial_name,
    remove_leftovers,
)

_NO_REPLACE, _EXCHANGE = 1, 2  # flags of renameat2(2)
_ATTEMPTS = 3
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # to this kernel or file system


@dataclass(frozen=True)
class Contents:
    """What a kind of directory holds, so that nothing else is ever removed.

    Attributes
    ----------
    kind : str
        What messages call it, such as "a ticket directory".
    owns : callable (name) -> bool
        Whether a file or folder of this name is ours.
    is_ours : callable (directory) -> bool
        Whether the directory says of itself that it is of this kind.
    """

    kind: str
    owns: Callable[[str], bool]
    is_ours: Callable[[Path], bool]

    def check(self, directory: Path, *, parameter: str) -> None:
        """Refuse a directory that is not of this kind or holds anything else.

        Raises
        ------
        InvalidInputError
            It names what is foreign.
        """
        if not directory.is_dir() or not self.is_ours(directory):
            raise InvalidInputError(
                parameter,
                got=f"{directory}, which is not {self.kind}",
                allowed=f"a new path or {self.kind}",
            )
        if foreign := self.foreign(directory):
            shown = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
            raise InvalidInputError(
                parameter,
                got=f"{directory}, which also holds {shown}",
                allowed=f"{self.kind} with nothing else in it",
                hint="Move what strongltn did not write to another place.",
            )

    def foreign(self, directory: Path) -> list[str]:
        """Return the names in a directory that are not ours, in order."""
        names = sorted(os.listdir(directory))
        return [name for name in names if not (self.owns(name) or is_partial(name))]


@contextmanager
def new_directory(path: Path, *, replaces: Contents | None = None) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` if the block succeeds, and vanishes otherwise.

    Until then nothing is at `path`, or what was there before. A directory that is replaced changes
    places with the new one in one step where the system can do that (Linux), and is removed then.

    Parameters
    ----------
    path : Path
        Directories above it are made.
    replaces : Contents, optional
        The kind of directory that may be there already. By default `path` must be new.

    Raises
    ------
    InvalidInputError
        `path` exists and may not be replaced, or another command is making it, or it has appeared
        while the block ran: what was made is then kept beside it, under a name that is said.
    MachineError
        It cannot be written.
    """
    with machine_errors(path):
        path = Path(os.path.realpath(path))
        _check_free(path, replaces)
        made = _make_parents(path)
    try:
        with ExitStack() as stack:
            with machine_errors(path.parent, "open"):
                folder = stack.enter_context(opened_directory(path.parent))
            work, file = _begin(path, folder)
            try:
                with _under_its_own_name(path.parent / work, path):
                    yield path.parent / work
                with machine_errors(path):
                    os.fsync(file)
                    _put_in_place(path, path.parent / work, replaces)
                    os.fsync(folder)
            finally:
                if _is_still(path.parent / work, file):  # not once the old one has that name
                    shutil.rmtree(path.parent / work, ignore_errors=True)
                os.close(file)
    except BaseException:
        for parent in made:
            with suppress(OSError):  # it is removed only if it is empty
                parent.rmdir()
        raise


@contextmanager
def _under_its_own_name(work: Path, path: Path) -> Iterator[None]:
    """Let what fails speak of the directory that was asked for, not of the partial one."""
    try:
        yield
    except MachineError as error:
        error.args = (str(error).replace(str(work), str(path)),)
        raise
    except OSError as error:
        if isinstance(error.filename, str | Path):
            error.filename = str(error.filename).replace(str(work), str(path))
        raise


@contextmanager
def in_use(directory: Path, *, parameter: str) -> Iterator[None]:
    """Keep every other strongltn command out of a directory while the block runs.

    The lock goes with the process, however it ends, and leaves no file.

    Raises
    ------
    InvalidInputError
        Another command is at work in it, or it is no directory.
    MachineError
        It cannot be opened.
    """
    with ExitStack() as stack:
        with machine_errors(directory, "open"):
            if not directory.is_dir():
                raise InvalidInputError(
                    parameter, got=f"{directory}, which is no directory", allowed="a directory"
                )
            file = stack.enter_context(opened_directory(directory))
        # It may have been moved aside, and another made in its place, before it was locked.
        if not lock(file) or not _is_still(directory, file):
            raise _busy(directory, parameter)
        yield


def move_aside(directory: Path, aside: Path) -> None:
    """Rename a directory to a name that is free, and make an empty one in its place.

    Raises
    ------
    MachineError
        That name is taken, or the directory above cannot be written.
    """
    with machine_errors(directory, "move"):
        _rename_to_new(directory, aside)
        directory.mkdir()


def remove_directory(directory: Path, contents: Contents) -> bool:
    """Remove a directory of ours and what we wrote in it; return whether it is gone.

    A foreign file stays where it is, and so does the directory then.
    """
    for name in os.listdir(directory):
        if contents.owns(name) or is_partial(name):
            place = directory / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
    with suppress(OSError):
        directory.rmdir()
    return not directory.exists()


def _is_still(directory: Path, file: int) -> bool:
    """Return whether an open directory still has its name."""
    with suppress(OSError):
        return os.path.samestat(os.stat(directory), os.fstat(file))
    return False


def _check_free(path: Path, replaces: Contents | None) -> None:
    if not os.path.lexists(path):
        above = next(parent for parent in path.parents if os.path.lexists(parent))
        if not above.is_dir():
            raise InvalidInputError(
                "out", got=f"{path}, below {above}, which is no directory", allowed="a new path"
            )
        return
    if replaces is None:
        raise InvalidInputError(
            "out",
            got=f"{path}, which exists",
            allowed="a new path",
            hint="Or pass --overwrite, to replace a ticket.",
        )
    replaces.check(path, parameter="out")


def _make_parents(path: Path) -> list[Path]:
    """Make the directories above; return those that were missing, the lowest first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    return missing


def _begin(path: Path, folder: int) -> tuple[str, int]:
    """Make the partial directory of `path`; return its name, and a descriptor that locks it.

    It is made first, and then others are looked for, so that of two commands one sees the other. If
    both begin in the same moment, both step back, and try again after a moment of chance.
    """
    for attempt in range(_ATTEMPTS):
        work = partial_name(path.name)
        with machine_errors(path):
            os.mkdir(work, dir_fd=folder)
            file = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            lock(file)
            if not remove_leftovers(folder, path.name, besides=work):
                return work, file
            os.rmdir(work, dir_fd=folder)
            os.close(file)
        if attempt < _ATTEMPTS - 1:
            time.sleep(secrets.randbelow(100) / 1000)
    raise _busy(path, "out")


def _put_in_place(path: Path, work: Path, replaces: Contents | None) -> None:
    """Give the finished directory its name."""
    if not os.path.lexists(path):
        with suppress(FileExistsError):  # it has appeared since
            _rename_to_new(work, path)
            return
    refused = "which has appeared while this command was at work"
    if replaces is not None:
        try:
            with in_use(path, parameter="out"):
                replaces.check(path, parameter="out")
                _exchange(work, path)
        except InvalidInputError as error:
            refused = str(error)
        else:
            if not remove_directory(work, replaces):
                work.rename(_kept(path))  # something foreign came into it at the last moment
            return
    kept = _kept(path)
    work.rename(kept)
    raise InvalidInputError(
        "out",
        got=f"{path}: {refused}",
        allowed="a path that nobody else writes to",
        hint=f"What was made is whole, and kept at {kept}.",
    )


def _kept(path: Path) -> Path:
    return path.with_name(f"{path.name[:200]}.kept-{secrets.token_hex(4)}")


def _rename_to_new(old: Path, new: Path) -> None:
    """Rename, and raise FileExistsError where the new name is taken, even by an empty directory."""
    if _renameat2(old, new, _NO_REPLACE):
        return
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    old.rename(new)


def _exchange(new: Path, old: Path) -> None:
    """Let two directories change places."""
    if _renameat2(new, old, _EXCHANGE):
        return
    between = _kept(old)  # a name that no command takes for a leftover: a kill must not lose it
    old.rename(between)  # the one moment at which neither stands, on systems without that call
    new.rename(old)
    between.rename(new)


def _renameat2(old: Path, new: Path, flags: int) -> bool:
    """Call Linux's renameat2; False where there is no such call."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    here = -100  # AT_FDCWD
    if not library.renameat2(here, os.fsencode(old), here, os.fsencode(new), flags):
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(new))


def _busy(path: Path, parameter: str) -> InvalidInputError:
    return InvalidInputError(
        parameter,
        got=f"{path}, where another strongltn command is at work",
        allowed="a directory that no other command is writing",
        hint="Wait until it has ended, or choose another path.",
    )
