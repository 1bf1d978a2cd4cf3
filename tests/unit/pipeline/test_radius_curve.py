"""The record of a radius curve: rows are kept, those of earlier versions too."""

import json
from types import SimpleNamespace

import pytest

from strongltn.certify import CertifySettings
from strongltn.errors import InvalidInputError, MachineError
from strongltn.networks.ball import Ball
from strongltn.networks.ticket_directory import TICKET_FILE
from strongltn.pipeline import radius_curve as module
from strongltn.pipeline.radius_curve import radius_curve, read_rows


@pytest.fixture
def curve(tmp_path, monkeypatch):
    """Call the curve with a certificate that costs nothing; return the radii computed so far."""
    computed = []

    def certify(target, ticket, domain, *, settings, progress):
        computed.append(domain.radius)
        return SimpleNamespace(seconds=0.0)

    (tmp_path / TICKET_FILE).write_text("{}")
    monkeypatch.setattr(module, "read_ticket", lambda directory: (None, None))
    monkeypatch.setattr(module, "certify_ticket", certify)
    monkeypatch.setattr(module, "account", lambda *_: {"layers": [], "certified_error": 1.0})

    def call(*radii, **options):
        domains = {radius: Ball(radius) for radius in radii}
        rows = radius_curve(
            tmp_path, domains, settings=CertifySettings(), record=tmp_path / "rows.jsonl", **options
        )
        assert [row["radius"] for row in rows] == sorted(radii)
        return computed

    return call


def old_rows(path, *, torn=""):
    """Rewrite a record as earlier versions wrote it: rows only."""
    rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    for row in rows:
        del row["digest"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + torn)
    return rows


def test_rows_are_kept(curve):
    assert curve(1.0, 2.0) == [1.0, 2.0]
    assert curve(2.0, 3.0) == [1.0, 2.0, 3.0]


def test_rows_of_earlier_versions_are_kept(curve, tmp_path):
    curve(1.0, 2.0)
    rows = old_rows(tmp_path / "rows.jsonl", torn='{"key": "a')
    assert list(read_rows(tmp_path / "rows.jsonl").values()) == rows
    assert curve(1.0, 2.0, 3.0) == [1.0, 2.0, 3.0]
    assert curve(1.0, 2.0, 3.0) == [1.0, 2.0, 3.0]
    assert len(read_rows(tmp_path / "rows.jsonl")) == 3


@pytest.mark.parametrize("line", ["{}", "[1]", '{"key": 1, "radius": 1}', '{"key": "a"}', "text"])
def test_other_lines_are_refused(curve, tmp_path, line):
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    for call in (lambda: read_rows(tmp_path / "rows.jsonl"), lambda: curve(1.0)):
        with pytest.raises(InvalidInputError, match="'figure'"):
            call()
    assert (tmp_path / "rows.jsonl").read_text() == line + "\n"


def test_a_changed_row_is_refused(curve, tmp_path):
    curve(1.0, 2.0)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        path.read_bytes().replace(b'"certified_error": 1.0', b'"certified_error": 0.1')
    )
    with pytest.raises(InvalidInputError, match="line 2 is damaged"):
        read_rows(path)


def test_two_commands_do_not_write_one_record(curve):
    def progress(stage, done, total):
        with pytest.raises(InvalidInputError, match="another strongltn command"):
            curve(1.0)

    curve(1.0, progress=lambda stage, done, total: done or progress(stage, done, total))


def test_a_record_is_not_written_through_a_link(curve, tmp_path):
    (tmp_path / "precious").write_text("")
    (tmp_path / "rows.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(MachineError, match="symbolic link"):
        curve(1.0)
    assert (tmp_path / "precious").read_text() == ""
