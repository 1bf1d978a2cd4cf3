"""Runs claims: each on a generator of its own, so that what runs beside it changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Outcome


class UnknownClaimError(ValueError):
    """An id that no claim has."""


def selected(claims: Sequence[Claim], only: Iterable[str]) -> list[Claim]:
    """Return the claims named by `only`, in the order of `claims`; all for an empty `only`.

    ``C25`` names C25 itself and its parts, C25a, C25b and so on. Raises `UnknownClaimError`.
    """
    wanted = list(only)
    if not wanted:
        return list(claims)
    chosen = []
    known = set()
    for claim in claims:
        names = {claim.id, claim.id.rstrip("abcdefghijklmnopqrstuvwxyz")}
        known |= names
        if names & set(wanted):
            chosen.append(claim)
    if unknown := sorted(set(wanted) - known):
        raise UnknownClaimError(f"no claim is called {', '.join(unknown)}")
    return chosen


def run(claims: Sequence[Claim], *, effort: Effort, seed: int) -> list[Outcome]:
    """Check the claims one after the other; progress goes to standard error.

    Each claim has the generator that `generator` returns for it.
    """
    outcomes = []
    for number, claim in enumerate(claims, start=1):
        print(f"[{number}/{len(claims)}] {claim.id} ...", file=sys.stderr, flush=True)
        outcomes.append(claim.outcome(effort, generator(claim, seed=seed)))
    return outcomes


def generator(claim: Claim, *, seed: int) -> np.random.Generator:
    """Return the generator of a claim: it depends on `seed` and the id of the claim alone."""
    return np.random.default_rng([seed, *claim.id.encode()])
