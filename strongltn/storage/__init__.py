"""Storage: everything that strongltn writes appears whole or not at all, and survives a kill.

`write_whole` replaces one file, `new_directory` makes or replaces a directory, `Record` is a JSONL
file that only grows, and `in_use` keeps a second command out of a directory. What is read goes
through `read_file`: regular files only, of bounded size. Nothing is removed that strongltn did not
write. Whatever the machine refuses becomes a `MachineError`.
"""

from strongltn.storage.directories import (
    Contents,
    in_use,
    move_aside,
    new_directory,
    remove_directory,
)
from strongltn.storage.files import (
    check_writable,
    make_directory,
    read_file,
    read_if_there,
    remove_file,
    write_figure,
    write_whole,
)
from strongltn.storage.partial import is_partial, machine_errors
from strongltn.storage.record import Record, read_entries

__all__ = [
    "Contents",
    "Record",
    "check_writable",
    "in_use",
    "is_partial",
    "machine_errors",
    "make_directory",
    "move_aside",
    "new_directory",
    "read_entries",
    "read_file",
    "read_if_there",
    "remove_directory",
    "remove_file",
    "write_figure",
    "write_whole",
]
