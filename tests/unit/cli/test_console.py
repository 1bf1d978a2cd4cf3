"""Progress where stderr is no terminal: few lines, none of what is quick, stdout untouched."""

import io
import sys
import time

import pytest

from strongltn.cli import console
from strongltn.cli.console import ProgressLines, progress_bars


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def written():
    return []


@pytest.fixture
def lines(clock, written):
    return ProgressLines(clock=clock, write=written.append)


def test_what_is_quick_says_nothing(lines, clock, written):
    for second in range(15):
        clock.now = second
        lines.update("training", second, 15)
    assert written == []


def test_a_line_now_and_then_with_the_time_left(lines, clock, written):
    """Found: minutes of silence in a log."""
    for second in range(61):
        clock.now = second
        lines.update("training", second, 120)
    assert written == [
        "training: 15 of 120, about 1 min 45 s left, at work for 15 s",
        "training: 30 of 120, about 1 min 30 s left, at work for 30 s",
        "training: 45 of 120, about 1 min 15 s left, at work for 45 s",
        "training: 60 of 120, about 1 min 0 s left, at work for 1 min 0 s",
    ]


def test_one_long_step_is_no_silence(lines, clock, written):
    lines.update("attack", 0, 1)
    for second in range(50):
        clock.now = second
        lines.tick()
    assert written == [f"attack: 0 of 1, at work for {second} s" for second in (15, 30, 45)]


def test_before_any_stage_the_time_alone_is_told(lines, clock, written):
    clock.now = 20
    lines.tick()
    assert written == ["at work for 20 s"]


def test_a_long_night_fills_no_page(lines, clock, written):
    for second in range(0, 10 * 3600, 5):
        clock.now = second
        lines.update("training", second, 36000)
    assert 20 < len(written) < 150
    assert "at work for 9 h" in written[-1]


def test_what_an_earlier_command_did_makes_no_false_hope(lines, clock, written):
    lines.update("parts", 90, 100)  # kept from before
    clock.now = 20
    lines.update("parts", 91, 100)
    assert written == ["parts: 91 of 100, about 3 min 0 s left, at work for 20 s"]


def test_each_stage_has_a_time_of_its_own(lines, clock, written):
    lines.update("preparing", 0, 2)
    clock.now = 10
    lines.update("measuring", 0, 4)
    clock.now = 20
    lines.update("measuring", 1, 4)
    assert written == ["measuring: 1 of 4, about 30 s left, at work for 20 s"]


def test_lines_come_by_themselves_on_stderr_and_end_with_the_work(monkeypatch, capsys):
    monkeypatch.setattr(console, "_LINE_SECONDS", 0.02)
    monkeypatch.setattr(console, "_LINE_SHARE", 0.0)
    monkeypatch.setattr(console, "_WATCH_SECONDS", 0.005)
    with progress_bars() as progress:
        progress("solving", 0, 3)
        deadline, err = time.monotonic() + 30, ""
        while "solving: 0 of 3" not in err and time.monotonic() < deadline:
            time.sleep(0.01)
            err += capsys.readouterr().err
    assert "strongltn: solving: 0 of 3, at work for 0 s\n" in err
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_a_terminal_has_bars_and_no_lines(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(console, "_LINE_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars() as progress:
        progress("solving", 1, 3)
    assert "at work for" not in stream.getvalue()
    assert "1/3" in stream.getvalue()


def test_without_stderr_there_is_no_progress_and_no_crash(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bars() as progress:
        progress("solving", 1, 3)
