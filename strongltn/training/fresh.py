"""A run begun anew: the old one is kept beside it until the new one is finished.

While ``RUN`` is begun anew, ``RUN.replaced`` holds what was there before. Importing this module
imports torch.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from strongltn.errors import InvalidInputError
from strongltn.storage import (
    Contents,
    is_partial,
    make_directory,
    move_aside,
    read_if_there,
    remove_directory,
    remove_file,
    write_whole,
)
from strongltn.training.result import CHECKPOINT, MASKS, METRICS, RESULT, TENSORBOARD

FAILURE = "failure.json"
_MARK = "replaced.json"  # says of a directory that a run begun anew has replaced it
_FILES = (CHECKPOINT, METRICS, MASKS, RESULT, FAILURE, TENSORBOARD)
_SUFFIX = ".replaced"
_EVENTS = "events.out.tfevents."
_HEAD_BYTES = 1 << 16
_SIGNS = {  # what is near the beginning of a file of ours
    CHECKPOINT: b'"strongltn"',
    METRICS: b'{"epoch": 1',
    RESULT: b'"config"',
    FAILURE: b'"config"',
}


def set_aside(directory: Path) -> None:
    """Make a run's directory empty; what it holds moves to ``DIRECTORY.replaced``.

    If a run that was begun anew is begun anew again before it was finished, what it replaces stays
    there, and only its own beginning goes.

    Raises
    ------
    InvalidInputError
        The directory or ``DIRECTORY.replaced`` holds something that no run has written.
    MachineError
        They cannot be written. Nothing is lost.
    """
    directory = directory.resolve()
    if not _is_blank(directory):
        _RUN.check(directory, parameter="directory")
        _check_events(directory)
    aside = replaced_by(directory)
    if os.path.lexists(aside):
        _OLD.check(aside, parameter="directory")
        is_finished = (directory / RESULT).exists()
        if not is_finished:
            remove_directory(directory, _RUN)
            make_directory(directory)
            return
        _remove(aside)
    if not _is_blank(directory):
        write_whole(directory / _MARK, b"{}\n")
        move_aside(directory, aside)


def has_replaced(directory: Path) -> bool:
    """Return whether there is something for `forget_replaced` to do."""
    directory = directory.resolve()
    return _has_stale_mark(directory) or os.path.lexists(replaced_by(directory))


def forget_replaced(directory: Path) -> None:
    """Remove what a run that is finished has replaced. The caller has locked the run's directory.

    A ``DIRECTORY.replaced`` that was not moved there by `set_aside` is left alone, and foreign
    files in it stay.
    """
    directory = directory.resolve()
    if _has_stale_mark(directory):
        remove_file(directory / _MARK)
    if _is_replaced(replaced_by(directory)):
        _remove(replaced_by(directory))


def replaced_by(directory: Path) -> Path:
    """Return where the old run is while the one in a directory is begun anew."""
    return directory.with_name(f"{directory.name}{_SUFFIX}")


def _remove(aside: Path) -> None:
    """Remove an old run, its mark last: after a kill the rest is still known to be ours."""
    if _foreign_events(aside):
        return
    remove_directory(aside, replace(_RUN, owns=_FILES.__contains__))
    remove_directory(aside, _RUN)


def _has_stale_mark(directory: Path) -> bool:
    """Return whether a kill came after a directory was marked and before it was moved."""
    return not directory.name.endswith(_SUFFIX) and os.path.lexists(directory / _MARK)


def _is_blank(directory: Path) -> bool:
    """Return whether there is nothing in a directory, or only what a kill has left."""
    return all(is_partial(name) for name in os.listdir(directory))


def _check_events(directory: Path) -> None:
    if foreign := _foreign_events(directory):
        raise InvalidInputError(
            "directory",
            got=f"{directory / TENSORBOARD}, which also holds {foreign[0]}",
            allowed="a folder with TensorBoard's event files only",
            hint="Move what strongltn did not write to another place.",
        )


def _foreign_events(directory: Path) -> list[str]:
    folder = directory / TENSORBOARD
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(name for name in os.listdir(folder) if not name.startswith(_EVENTS))


def _is_run(directory: Path) -> bool:
    return (directory / _MARK).is_file() or any(
        _begins_with(directory / name, sign) for name, sign in _SIGNS.items()
    )


def _begins_with(path: Path, sign: bytes) -> bool:
    try:
        content = read_if_there(path, parameter="directory", within=path.parent)
    except InvalidInputError:
        return False
    is_begun = content == b"" and path.name == METRICS  # no epoch is done
    return content is not None and (is_begun or sign in content[:_HEAD_BYTES])


def _is_replaced(directory: Path) -> bool:
    return directory.is_dir() and ((directory / _MARK).is_file() or not any(directory.iterdir()))


_RUN = Contents("the directory of a run", owns=(*_FILES, _MARK).__contains__, is_ours=_is_run)
_OLD = replace(_RUN, kind="a run that --fresh has moved aside", is_ours=_is_replaced)
