"""The independent auditor: proves again, in integers, what a saved ticket claims (FORMAT.md).

It shares no line with strongltn, trusts nothing in the files and draws the weights again.
"""

from proofs_check.certificate.audit import Audit, Verdict, verify
from proofs_check.certificate.reader import NotATicketError
from proofs_check.tickets import verify_all

__all__ = ["Audit", "NotATicketError", "Verdict", "verify", "verify_all"]
