"""The independent auditor: proves again, in integers, what a saved ticket claims (FORMAT.md).

It shares no line with strongltn, trusts nothing in the files and draws the weights again. Its names
are imported when they are first used: ``python -m proofs_check`` imports this module before it has
taken the working directory off the path, and a stranger's directory may hold a ``numpy.py``.
"""

# No import up here, not even of `__future__`, that a file of the working directory could answer.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from proofs_check.certificate.audit import Audit, Verdict, verify
    from proofs_check.certificate.reader import NotATicketError
    from proofs_check.tickets import verify_all

__all__ = ["Audit", "NotATicketError", "Verdict", "verify", "verify_all"]

__version__ = "0.1.0"

_HOMES = {
    "Audit": "proofs_check.certificate.audit",
    "NotATicketError": "proofs_check.certificate.reader",
    "Verdict": "proofs_check.certificate.audit",
    "verify": "proofs_check.certificate.audit",
    "verify_all": "proofs_check.tickets",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(globals() | _HOMES)
