"""What was saved, by the names under which users look for it."""

from __future__ import annotations

import os

from strongltn.networks.ticket import Ticket
from strongltn.networks.ticket_directory import read_ticket
from strongltn.values.arguments import as_parameter, as_path


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
