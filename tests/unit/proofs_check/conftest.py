"""True tickets, each written when a test first asks for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from plain_tickets.cases import CASES, AssertRejected, Original
from plain_tickets.edits import Edit, mutated
from plain_tickets.network import Written
from plain_tickets.writer import write_ticket

from proofs_check import Verdict, verify


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    root = tmp_path_factory.mktemp("originals")

    @cache
    def write(name: str) -> tuple[Path, Written]:
        return root / name, write_ticket(root / name, CASES[name])

    return write


@pytest.fixture
def assert_rejected(original: Original, tmp_path: Path) -> AssertRejected:
    def judge(name: str, edit: Edit, statement: str) -> None:
        audit = verify(mutated(original(name)[0], tmp_path / "mutant", edit))
        assert audit.verdict is Verdict.REJECTED
        assert statement in str(audit.rejected)
        assert audit.upper_bound is None
        assert audit.lower_bound is None

    return judge
