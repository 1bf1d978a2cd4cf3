"""What a claim is: one sentence of the theory, and a check that can refute it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Method(StrEnum):
    """How the steps of a claim are checked."""

    EXACT = "exact"
    """Rationals or integers; nothing rounds."""

    SYMBOLIC = "symbolic"
    """An identity in a computer algebra system."""

    INTERVAL = "interval"
    """Enclosures with outward rounding."""

    FLOATING = "floating"
    """Doubles, whose roundings together are below a stated margin on the safe side."""

    STATISTICAL = "statistical"
    """A seeded test with a stated false-alarm rate."""

    DESCRIPTIVE = "descriptive"
    """A figure that is reported and not tested."""


class Verdict(StrEnum):
    """What a check says of its claim."""

    VERIFIED = "VERIFIED"
    CONSISTENT = "CONSISTENT"
    REFUTED = "REFUTED"


class Effort(StrEnum):
    """How deep the checks go."""

    QUICK = "quick"
    FULL = "full"

    def pick(self, quick: int, full: int) -> int:
        """Return the size of a check: `quick` or `full`."""
        return full if self is Effort.FULL else quick


@dataclass(frozen=True)
class Evidence:
    """What a check saw.

    `confidence` is empty where the check is exact; else it says which false-alarm rate a
    statistical test has, or "reported, not tested".
    """

    holds: bool
    summary: str
    confidence: str = ""


class Steps:
    """Collects the steps of one check: the first step that fails refutes the claim."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._broken: str = ""

    def step(self, text: str, holds: bool) -> None:
        """Record that a step of a proof holds or does not; `text` says what was checked."""
        self._done.append(text)
        if not holds and not self._broken:
            self._broken = text

    @property
    def hold(self) -> bool:
        """Whether no step has failed: a check may leave out what is expensive once one has."""
        return not self._broken

    def evidence(self, confidence: str = "") -> Evidence:
        """Return the evidence: all steps, or the first that failed."""
        if self._broken:
            return Evidence(False, f"fails: {self._broken}", confidence)
        return Evidence(bool(self._done), "; ".join(self._done), confidence)


@dataclass(frozen=True)
class Outcome:
    """A claim, its verdict and the evidence for it."""

    claim: Claim
    verdict: Verdict
    evidence: Evidence
    seconds: float

    @property
    def is_expected(self) -> bool:
        """Whether the verdict is the one that the ledger needs: a control must be refuted."""
        return (self.verdict is Verdict.REFUTED) == self.claim.is_control


@dataclass(frozen=True)
class Claim:
    """One claim of the ledger.

    `check(effort, rng)` does every step; it reads constants as attributes of
    `proofs_check.claims.constants`, so that a planted error is seen. A claim with `is_control`
    is false, and its check must refute it.
    """

    id: str
    statement: str
    method: Method
    source: str
    check: Callable[[Effort, np.random.Generator], Evidence]
    is_control: bool = False

    def outcome(self, effort: Effort, rng: np.random.Generator) -> Outcome:
        """Run the check and derive the verdict; an exception in a check passes through."""
        start = time.perf_counter()
        evidence = self.check(effort, rng)
        if not evidence.holds:
            verdict = Verdict.REFUTED
        elif evidence.confidence or self.method in (Method.STATISTICAL, Method.DESCRIPTIVE):
            verdict = Verdict.CONSISTENT
        else:
            verdict = Verdict.VERIFIED
        return Outcome(self, verdict, evidence, time.perf_counter() - start)
