"""A law that does not hold is an AssertionError, also where Python skips assert statements."""

from __future__ import annotations


def require(is_true: bool, message: str) -> None:
    """Raise AssertionError with the message unless the claim is true."""
    if not is_true:
        raise AssertionError(message)
