"""Ticket directories: what is in them, and refused when anything in them was changed.

The format is described in ``proofs_check/FORMAT.md``.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from strongltn.errors import BudgetExceeded, InvalidInputError, suggestion
from strongltn.networks.layer import LinearLayer
from strongltn.networks.mask import PairMask
from strongltn.networks.reading import Reading
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.rng import WeightLaw
from strongltn.storage import Contents, is_partial, machine_errors, read_file
from strongltn.values.arguments import as_parameter, as_path

TICKET_FILE = "ticket.json"
TARGET_FILE = "target.safetensors"
MASK_FILE = "mask.safetensors"
REPORT_FILE = "report.json"

#: The largest JSON file and the largest file of arrays that are read and written, in bytes; the
#: auditor has the same limits.
MAX_JSON_BYTES = 1 << 24
MAX_ARRAY_BYTES = 1 << 31

_FORMAT = "strongltn-ticket"
#: Names of certificates and of their witnesses.
CERTIFICATE_NAME = re.compile(r"certificate(-[0-9a-f]{12})?\.json")
WITNESS_NAME = re.compile(r"witness(-[0-9a-f]{16})?\.safetensors")

_FILES = (TICKET_FILE, TARGET_FILE, MASK_FILE, REPORT_FILE)
_OLD_PARTIAL = re.compile(r"\.(certificate|report)\.json\.partial|\.witness\.safetensors\.partial")
# Where the system says otherwise, something is there, and not ours to look at.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_NO_FILE = (*_NOT_THERE, errno.EISDIR, errno.ENAMETOOLONG)
_RUN_FILE = "result.json"
_MAX_LOOKED_AT = 1000  # entries of a directory
_MAX_NAMED = 3

# What unexpected JSON leads to: other types, missing keys, numbers too large, nesting too deep.
_UNREADABLE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


def ticket_files(target: TargetNetwork, ticket: Ticket) -> dict[str, bytes]:
    """Return the files of a ticket and its target, by name.

    Raises
    ------
    BudgetExceeded
        A file would be larger than the auditor reads.
    """
    weights: dict[str, NDArray[Any]] = {}
    for i, layer in enumerate(target.layers):
        weights[f"{i}.weight"] = layer.weight
        if layer.bias is not None:
            weights[f"{i}.bias"] = layer.bias
    masks: dict[str, NDArray[Any]] = {}
    for i, pair in enumerate(ticket.pairs):
        masks |= {f"{i}.hidden": pair.hidden, f"{i}.inputs": pair.inputs, f"{i}.kept": pair.kept}
    files = {
        TARGET_FILE: save({name: np.ascontiguousarray(array) for name, array in weights.items()}),
        MASK_FILE: save({name: np.ascontiguousarray(array) for name, array in masks.items()}),
    }
    description = {
        "format": _FORMAT,
        "version": 1,
        "construction": ticket.construction,
        "layers": [
            {
                "name": layer.name,
                "inputs": layer.num_inputs,
                "outputs": layer.num_outputs,
                "bias": layer.bias is not None,
            }
            for layer in target.layers
        ],
        "source": {
            "generator": "philox4x32-10",
            "seed": ticket.source.seed,
            "law": ticket.source.law.value,
            "widths": list(ticket.source.widths),
            "inner_activation": ticket.source.inner_activation.value,
        },
        "scale_exponents": list(ticket.scale_exponents),
        "samples_per_weight": ticket.samples_per_weight,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "drawn_sha256": ticket.drawn_sha256(),
    }
    if str(target.reading):
        description["reading"] = f"{target.chain}. {target.reading}"
    files[TICKET_FILE] = (json.dumps(description, indent=1, allow_nan=False) + "\n").encode("ascii")
    return within_limits(files)


def within_limits(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return files of a ticket directory, by name, unless one is larger than the auditor reads.

    Raises
    ------
    BudgetExceeded
        One is.
    """
    for name, content in files.items():
        most = MAX_JSON_BYTES if name.endswith(".json") else MAX_ARRAY_BYTES
        if len(content) > most:
            raise BudgetExceeded(
                f"{name} would have {len(content):,} bytes, of which proofs_check reads at most "
                f"{most:,}: the network is too large for a ticket that can be checked"
            )
    return files


def read_ticket(directory: Path) -> tuple[TargetNetwork, Ticket]:
    """Return the target and the ticket of a directory, after comparing its digests.

    Raises
    ------
    InvalidInputError
        Not a ticket directory, truncated, or changed since it was written.

    Notes
    -----
    Digests guard against accidents. Proof is what `proofs_check` gives.
    """
    try:
        description = json.loads(read_ticket_file(directory, TICKET_FILE))
        arrays = {}
        for name in (TARGET_FILE, MASK_FILE):
            content = read_ticket_file(directory, name)
            if hashlib.sha256(content).hexdigest() != description["sha256"][name]:
                raise _refusal(directory, f"{name} differs from the digest in {TICKET_FILE}")
            arrays[name] = load(content)
        target = _target_from(description, arrays[TARGET_FILE])
        ticket = _ticket_from(description, arrays[MASK_FILE])
    except InvalidInputError as error:
        if error.parameter == "DIR":
            raise
        raise _refusal(directory, f"not readable as a ticket ({error})") from error
    except (SafetensorError, *_UNREADABLE) as error:
        raise _refusal(directory, f"not readable as a ticket ({error!r})") from error
    if ticket.drawn_sha256() != description.get("drawn_sha256"):
        raise _refusal(directory, f"seed and mask do not give the weights in {TICKET_FILE}")
    return target, ticket


def load_ticket(path: str | os.PathLike[str]) -> Ticket:
    """Return the ticket of a directory that `PruneResult.save` or ``strongltn prune`` wrote.

    Its digests are compared, and its weights drawn again from the seed. The target that it stands
    in for is in the same directory: ``TargetNetwork.of(path)``.

    Parameters
    ----------
    path : path
        A ticket directory.

    Raises
    ------
    InvalidInputError
        It is no ticket directory, truncated, or changed since it was written.

    Notes
    -----
    Rigor: digests guard against accidents. Proof is what ``strongltn verify`` gives.
    """
    directory = as_path("path", path)
    with as_parameter("path", of="DIR"):
        return read_ticket(directory)[1]


def _says_ticket(directory: Path) -> bool:
    """Return whether a directory says that it holds a ticket."""
    try:
        content = read_file(directory / TICKET_FILE, parameter="out", max_bytes=MAX_JSON_BYTES)
        return bool(json.loads(content)["format"] == _FORMAT)
    except (OSError, *_UNREADABLE):
        return False


def _owns(name: str) -> bool:
    patterns = (CERTIFICATE_NAME, WITNESS_NAME, _OLD_PARTIAL)  # the last are of version 0.1.0
    return name in _FILES or any(pattern.fullmatch(name) for pattern in patterns)


#: What may be in a ticket directory that is replaced.
TICKET_CONTENTS = Contents(
    kind="a ticket directory",
    owns=_owns,
    is_ours=_says_ticket,
)


def _target_from(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TargetNetwork:
    if not all(isinstance(layer["name"], str) for layer in description["layers"]):
        raise TypeError("the name of a layer is no text")
    target = TargetNetwork(
        tuple(
            LinearLayer(
                layer["name"],
                arrays[f"{i}.weight"],
                arrays[f"{i}.bias"] if layer["bias"] else None,
            )
            for i, layer in enumerate(description["layers"])
        )
    )
    if "reading" not in description:
        return target
    text = str(description["reading"]).removeprefix(f"{target.chain}. ")
    return replace(target, reading=Reading((text,)))


def _ticket_from(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Ticket:
    source = description["source"]
    return Ticket(
        SourceNetwork(
            tuple(source["widths"]),
            WeightLaw(source["law"]),
            source["seed"],
            biases=tuple(layer["bias"] for layer in description["layers"]),
            inner_activation=Activation(source["inner_activation"]),
        ),
        tuple(
            PairMask(arrays[f"{i}.hidden"], arrays[f"{i}.inputs"], arrays[f"{i}.kept"])
            for i in range(len(description["layers"]))
        ),
        tuple(description["scale_exponents"]),
        description["construction"],
        description["samples_per_weight"],
    )


def read_ticket_file(directory: Path, name: str) -> bytes:
    """Return the content of a file of a ticket directory.

    Raises
    ------
    InvalidInputError
        It is missing, no regular file or too large, or a link leads out of the directory.
    MachineError
        It cannot be read.
    """
    path = directory / name
    limit = {"max_bytes": MAX_JSON_BYTES} if name.endswith(".json") else {}
    with machine_errors(path, "read"):
        try:
            return read_file(path, parameter="DIR", within=directory, **limit)
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            if name == TICKET_FILE and not os.path.lexists(path):
                raise _no_ticket(directory) from error
            reason = f": {error.strerror}" if os.path.lexists(path) else " is missing"
            raise _refusal(directory, f"{name}{reason}") from error


def require_ticket(directory: Path) -> None:
    """Refuse what is no ticket directory at all, before anything is locked or written there.

    Whether the ticket is whole is not looked at.

    Raises
    ------
    InvalidInputError
        There is no ticket.json; the hint says what may have been meant.
    """
    try:
        os.stat(directory / TICKET_FILE)
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise _no_ticket(directory) from error


def _no_ticket(directory: Path) -> InvalidInputError:
    """Return the complaint about a path without a ticket.json."""
    if directory.is_dir():
        got = f"{directory}, in which there is no {TICKET_FILE}"
    elif os.path.lexists(directory):
        got = f"{directory}, which is no directory"
    else:
        got = f"{directory}, which does not exist"
    return InvalidInputError(
        "DIR", got=got, allowed="a ticket directory of strongltn prune", hint=_hint(directory)
    )


def _hint(directory: Path) -> str:
    if directory.is_file():
        return f"To make a ticket of it: strongltn prune {directory} --epsilon 0.1 --out ticket."
    if (directory / _RUN_FILE).is_file():
        return "It is a run of strongltn search; strongltn certify --against compares two of these."
    if directory.is_dir():
        below = [str(directory / name) for name in _tickets(directory)[:_MAX_NAMED]]
        return f"Did you mean {' or '.join(below)}?" if below else ""
    return suggestion(directory.name, _tickets(directory.parent))


def _tickets(directory: Path) -> list[str]:
    """Return the names of the ticket directories right below, as far as one can look."""
    with suppress(OSError), os.scandir(directory) as entries:
        names = [entry.name for entry in islice(entries, _MAX_LOOKED_AT)]
        are_there = (name for name in names if os.path.lexists(directory / name / TICKET_FILE))
        return sorted(name for name in are_there if not is_partial(name))
    return []


def _refusal(directory: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        "DIR",
        got=f"{directory}: {reason}",
        allowed="an unchanged ticket directory",
        hint="Run strongltn prune again to make one.",
    )
