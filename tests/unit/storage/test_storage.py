"""Storage: whole or not at all, nothing foreign touched, nothing lost."""

import errno
import json
import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage import (
    Contents,
    Record,
    check_writable,
    in_use,
    make_directory,
    move_aside,
    new_directory,
    partial,
    read_file,
    read_if_there,
    remove_directory,
    remove_file,
    write_whole,
)
from strongltn.storage.files import append_line
from strongltn.storage.record import read_entries

NOTES = Contents(
    "a folder of notes",
    owns=lambda name: name in ("note.json", "a", "b", "sub"),
    is_ours=lambda directory: (directory / "note.json").is_file(),
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def leftover(folder, name, *, is_directory=False):
    """What a killed command has left of `name`."""
    path = folder / partial.partial_name(name)
    if is_directory:
        path.mkdir()
        (path / "half").write_text("written")
    else:
        path.write_text("half written")
    return path


# --- reading, removing, making


def test_what_is_not_there_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"text")
    assert read_if_there(tmp_path / "file", parameter="x") == b"text"
    assert read_if_there(tmp_path / "absent", parameter="x") is None
    assert read_if_there(tmp_path / "file" / "below", parameter="x") is None
    with pytest.raises(MachineError, match="shorter name"):
        read_if_there(tmp_path / ("x" * 300), parameter="x")


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InvalidInputError, match="circle"):
        read_if_there(tmp_path / "a", parameter="x")


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    remove_file(tmp_path / "link")
    remove_file(tmp_path / "link")
    assert names(tmp_path) == ["precious"]
    with pytest.raises(MachineError, match="Could not remove"):
        remove_file(tmp_path)


def test_a_file_in_the_way_of_a_directory_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInputError, match="'x' parameter must be a directory"):
            make_directory(path, parameter="x")
    with pytest.raises(MachineError, match="shorter name"):
        make_directory(tmp_path / ("x" * 300))


# --- files -----------------------------------------------------------------------------------


def test_a_link_under_the_name_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "file").symlink_to(tmp_path / "precious")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file", "precious"]


def test_partial_names_cannot_be_predicted():
    assert len({partial.partial_name("x") for _ in range(100)}) == 100
    assert all(partial.is_partial(partial.partial_name(name)) for name in ("x", "ü" * 99, "\n"))


def test_leftovers_of_the_same_file_go_and_others_stay(tmp_path):
    mine, other = leftover(tmp_path, "file"), leftover(tmp_path, "another")
    look_alike = tmp_path / ".strongltn-notes.partial"
    look_alike.write_text("a user's")
    write_whole(tmp_path / "file", b"new")
    assert not mine.exists()
    assert other.exists()
    assert look_alike.exists()


def test_a_planted_link_is_no_leftover(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / partial.partial_name("file")).symlink_to(tmp_path / "precious")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "precious").read_text() == "mine"


def test_what_another_command_is_writing_is_no_leftover(tmp_path):
    path = leftover(tmp_path, "file")
    with path.open() as stream:
        assert partial.lock(stream.fileno())
        write_whole(tmp_path / "file", b"new")
        assert path.exists()
    write_whole(tmp_path / "file", b"new")
    assert not path.exists()


def test_short_writes_are_continued(tmp_path, monkeypatch):
    """The system may take fewer bytes than it is given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:3])))
    write_whole(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


FAILURES = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG]


@pytest.mark.parametrize("number", FAILURES, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_refused_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, number, call):
    write_whole(tmp_path / "file", b"old")

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(MachineError, match=os.strerror(number)):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_file_size_limit_and_a_long_name_are_said_in_one_line(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(MachineError, match=r"ulimit -f"):
            write_whole(tmp_path / "file", bytes(200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(MachineError, match=r"Choose a shorter name\.$"):
        write_whole(tmp_path / ("x" * 300), b"")
    assert names(tmp_path) == []


def write_for_ever(path, size):
    while True:
        write_whole(path, bytes([65]) * size)


def test_kills_at_any_moment_leave_a_whole_file(tmp_path):
    path, size = tmp_path / "file", 1 << 20
    write_whole(path, b"B" * size)
    for delay in (0.0, 0.003, 0.01, 0.02, 0.03):
        process = multiprocessing.get_context("fork").Process(
            target=write_for_ever, args=(path, size)
        )
        process.start()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        content = path.read_bytes()
        assert len(content) == size
        assert len(set(content)) == 1
    write_whole(path, b"C")
    assert names(tmp_path) == ["file"]


READS = {
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", READS.values(), ids=READS)
def test_only_regular_files_are_read(tmp_path, make):
    make(tmp_path / "file")
    with pytest.raises((InvalidInputError, IsADirectoryError), match=r"regular file|directory"):
        read_file(tmp_path / "file", parameter="DIR")


def test_links_out_of_a_directory_are_refused_and_those_inside_are_read(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_text("of somebody")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "file").write_text("ours")
    (folder / "in").symlink_to("file")
    assert read_file(folder / "in", parameter="DIR", within=folder) == b"ours"
    assert read_file(folder / "out", parameter="TARGET") == b"of somebody"
    with pytest.raises(InvalidInputError, match="'DIR' parameter must be files inside"):
        read_file(folder / "out", parameter="DIR", within=folder)


def test_large_files_are_refused_before_they_are_read_whole(tmp_path):
    with (tmp_path / "file").open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(InvalidInputError, match="at most 1000 bytes"):
        read_file(tmp_path / "file", parameter="DIR", max_bytes=1000)


def test_places_that_cannot_be_written_are_found_at_once(tmp_path):
    leftover(tmp_path, "probe")
    check_writable(tmp_path / "new" / "deep")
    assert names(tmp_path) == []
    for path in (Path("/proc/new"), tmp_path / ("x" * 300), tmp_path / ("x" * 300) / "deep"):
        with pytest.raises(MachineError, match="Could not write"):
            check_writable(path)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(InvalidInputError, match="no directory"):
            check_writable(path)


# --- directories -----------------------------------------------------------------------------


def make_notes(path, content="old"):
    with new_directory(path, replaces=NOTES) as work:
        write_whole(work / "note.json", content.encode())


def test_a_directory_that_appears_meanwhile_is_kept_and_so_is_the_work(tmp_path):
    path = tmp_path / "notes"

    def conflict():
        with new_directory(path) as work:
            write_whole(work / "note.json", b"hours of work")
            path.mkdir()
            (path / "mine").write_text("a user's")

    with pytest.raises(InvalidInputError, match=r"has appeared .* kept at"):
        conflict()
    assert (path / "mine").read_text() == "a user's"
    (kept,) = [place for place in tmp_path.iterdir() if ".kept-" in place.name]
    assert (kept / "note.json").read_bytes() == b"hours of work"
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize("foreign", ["file", "folder", "link"])
def test_foreign_files_stop_an_overwrite_at_the_start_and_at_the_end(tmp_path, foreign):
    path = tmp_path / "notes"
    make = {
        "file": lambda place: place.write_text("a user's"),
        "folder": lambda place: place.mkdir(),
        "link": lambda place: place.symlink_to("/dev/null"),
    }[foreign]
    make_notes(path)

    def overwrite_while_it_appears():
        with new_directory(path, replaces=NOTES) as work:
            write_whole(work / "note.json", b"new")
            make(path / "foreign")

    with pytest.raises(InvalidInputError, match="also holds foreign"):
        overwrite_while_it_appears()
    assert (path / "note.json").read_bytes() == b"old"
    assert os.path.lexists(path / "foreign")
    with pytest.raises(InvalidInputError, match="also holds foreign"):
        make_notes(path)
    assert (path / "note.json").read_bytes() == b"old"


def test_two_commands_with_one_destination(tmp_path):
    path = tmp_path / "notes"
    with new_directory(path) as work:
        write_whole(work / "note.json", b"first")
        with pytest.raises(InvalidInputError, match="another strongltn command is at work"):
            make_notes(path)
    assert (path / "note.json").read_bytes() == b"first"


def test_commands_that_begin_at_once_end_with_one_directory(tmp_path):
    """Each of them makes it, or is refused; and other names in the same folder disturb nobody."""

    def work(name):
        with new_directory(tmp_path / name) as work:
            write_whole(work / "note.json", b"whole")
            time.sleep(0.3)

    context = multiprocessing.get_context("fork")
    with in_use(tmp_path, parameter="x"):
        processes = [context.Process(target=work, args=(name,)) for name in "aaabc"]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
    assert names(tmp_path) == ["a", "b", "c"]
    assert [process.exitcode for process in processes].count(0) == 3


def test_leftover_directories_go_with_the_next_command(tmp_path):
    left = leftover(tmp_path, "notes", is_directory=True)
    make_notes(tmp_path / "notes")
    assert not left.exists()
    assert names(tmp_path) == ["notes"]


def test_missing_parents_are_made_and_removed_again_after_a_failure(tmp_path):
    def fail():
        with new_directory(tmp_path / "a" / "b" / "notes"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == []


def test_errors_of_the_block_come_as_they_are(tmp_path):
    def fail():
        with new_directory(tmp_path / "notes"):
            (tmp_path / "absent").read_bytes()

    with pytest.raises(FileNotFoundError):
        fail()


@pytest.mark.parametrize("has_exchange", [True, False], ids=["exchange", "two renames"])
def test_an_overwrite_leaves_the_new_directory_alone(tmp_path, monkeypatch, has_exchange):
    if not has_exchange:
        monkeypatch.setattr(sys, "platform", "other")
    for content in ("old", "new"):
        make_notes(tmp_path / "notes", content)
        assert (tmp_path / "notes" / "note.json").read_text() == content
        assert names(tmp_path) == ["notes"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_between_two_renames_loses_nothing(tmp_path, monkeypatch, number):
    """Where the system cannot exchange two names: the old directory never has a leftover's name."""
    path = tmp_path / "notes"
    make_notes(path)
    rename, calls = Path.rename, []

    def killed(self, target):
        calls.append(self)
        if len(calls) == number:
            os._exit(9)
        return rename(self, target)

    def overwrite():
        monkeypatch.setattr(sys, "platform", "other")
        monkeypatch.setattr(Path, "rename", killed)
        make_notes(path, "new")

    process = multiprocessing.get_context("fork").Process(target=overwrite)
    process.start()
    process.join()
    assert process.exitcode == 9
    folders = [place for place in tmp_path.iterdir() if not place.name.startswith(".")]
    assert "old" in {(folder / "note.json").read_text() for folder in folders}
    if path.exists():
        make_notes(path)
    else:
        (kept,) = folders
        kept.rename(path)
    assert (path / "note.json").read_text() == "old"


def overwrite_for_ever(path):
    while True:
        make_notes(path, "x" * 1000)


@pytest.mark.skipif(sys.platform != "linux", reason="one step only where renameat2 is")
def test_kills_while_overwriting_never_lose_the_directory(tmp_path):
    path = tmp_path / "notes"
    make_notes(path, "x" * 1000)
    for delay in (0.001, 0.004, 0.01, 0.02, 0.03):
        process = multiprocessing.get_context("fork").Process(
            target=overwrite_for_ever, args=(path,)
        )
        process.start()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert (path / "note.json").read_text() == "x" * 1000
    make_notes(path)
    assert names(tmp_path) == ["notes"]


def test_a_directory_in_use_is_refused_until_its_user_ends(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from strongltn.storage import in_use\n"
        "with in_use(Path(sys.argv[1]), parameter='x'): print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        with (
            pytest.raises(InvalidInputError, match=r"'directory' .* at work"),
            in_use(tmp_path, parameter="directory"),
        ):
            pass
        process.kill()
        process.wait()
    with in_use(tmp_path, parameter="directory"):
        pass
    assert names(tmp_path) == []


def test_removing_touches_only_what_is_ours(tmp_path):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "a").write_text("a user's")
    (folder / "a").write_text("ours")
    (folder / "sub").symlink_to(outside)
    (folder / "foreign").write_text("a user's")
    assert not remove_directory(folder, NOTES)
    assert names(folder) == ["foreign"]
    assert names(outside) == ["a"]
    (folder / "foreign").unlink()
    assert remove_directory(folder, NOTES)


def test_moving_aside_never_replaces(tmp_path):
    folder, aside = tmp_path / "folder", tmp_path / "aside"
    folder.mkdir()
    (folder / "a").touch()
    move_aside(folder, aside)
    assert (names(folder), names(aside)) == ([], ["a"])
    with pytest.raises(MachineError, match="File exists"):
        move_aside(folder, aside)
    assert names(aside) == ["a"]


# --- records ---------------------------------------------------------------------------------

SETTINGS = {"recipe": "x", "seeds": [1, 2]}


def parse(entry):
    return int(entry["part"])


def open_record(path, settings=SETTINGS):
    return Record(path, configuration=settings, parse=parse)


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "record.jsonl"
    with open_record(path) as opened:
        for part in range(4):
            opened.add({"part": part, "rows": [{"x": 0.5}]})
    return path


def test_a_record_is_read_as_it_was_written(record):
    with open_record(record) as opened:
        assert opened.entries == [0, 1, 2, 3]
        assert opened.notes == ()
        opened.add({"part": 4})
    assert [entry["part"] for entry in read_entries(record, parameter="x")] == [0, 1, 2, 3, 4]
    assert all(isinstance(json.loads(line), dict) for line in record.read_bytes().splitlines())


@given(st.data())
def test_any_changed_byte_of_a_whole_line_is_named(data):
    lines = [b'{"part": 1, "rows": [{"accuracy": 0.9}]}', b"{}", b'{"part": 2}']
    state, text = "", []
    from strongltn.storage.record import chained_digest, split_digest, with_digest

    for line in lines:
        state = chained_digest(state, line)
        text.append(with_digest(line, state))
        assert split_digest(text[-1]) == (line, state)
    number = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, len(text[number]) - 1))
    changed = bytearray(text[number])
    changed[at] = data.draw(st.integers(32, 126).filter(lambda byte: byte != changed[at]))
    text[number] = bytes(changed)
    from strongltn.storage.record import _objects

    with pytest.raises(ValueError, match=rf"line {number + 1} |line {number + 2} "):
        _objects([*text, with_digest(b"{}", chained_digest(state, b"{}"))], ValueError)


@pytest.mark.parametrize("length", range(1, 40, 3))
def test_a_torn_last_line_is_dropped_with_a_note(record, length):
    content = record.read_bytes()
    record.write_bytes(content[:-length])
    with open_record(record) as opened:
        assert opened.entries == [0, 1, 2]
        assert "line 5 was torn off" in opened.notes[0]
        opened.add({"part": 3, "rows": [{"x": 0.5}]})
    assert record.read_bytes() == content


DAMAGES = {
    "a changed value": lambda lines: [*lines[:2], lines[2].replace(b"0.5", b"0.9"), *lines[3:]],
    "a lost line": lambda lines: lines[:2] + lines[3:],
    "a line twice": lambda lines: lines[:3] + lines[2:],
    "exchanged lines": lambda lines: [lines[0], lines[1], lines[3], lines[2], lines[4]],
    "a line without digest": lambda lines: [*lines[:2], b'{"part": 1}', *lines[3:]],
    "no JSON": lambda lines: [*lines[:2], b"nonsense", *lines[3:]],
    "deep JSON": lambda lines: [*lines[:2], b"[" * 100_000, *lines[3:]],
    "an empty line": lambda lines: [*lines[:2], b"", *lines[2:]],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_other_damages_are_refused_with_their_line(record, damage):
    lines = record.read_bytes().splitlines()
    record.write_bytes(b"".join(line + b"\n" for line in damage(lines)))
    before = record.read_bytes()
    with pytest.raises(InvalidInputError, match=r"whose line [23] is damaged|whose line 4 is"):
        open_record(record)
    assert record.read_bytes() == before


@pytest.mark.parametrize("line", [b'{"rows": []}', b'{"part": "x"}', b'{"part": null}', b"3"])
def test_lines_of_another_shape_are_refused_with_their_number(tmp_path, line):
    path = tmp_path / "record.jsonl"
    path.write_bytes(json.dumps({"configuration": SETTINGS}).encode() + b"\n" + line + b"\n")
    with pytest.raises(InvalidInputError, match="whose line 2 is damaged"):
        open_record(path)


@pytest.mark.parametrize(
    "content", [b"\0" * 20, b"nonsense\n", b"[]\n", b'{"a": 1}', b"{}\n"], ids=repr
)
def test_other_files_are_refused_and_stay(tmp_path, content):
    path = tmp_path / "record.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError):
        open_record(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("header", [{"configuration": SETTINGS, "sha256": "x"}, SETTINGS])
def test_records_of_earlier_versions_are_read_and_continued(tmp_path, header):
    path = tmp_path / "record.jsonl"
    path.write_bytes(b"".join(json.dumps(x).encode() + b"\n" for x in (header, {"part": 7})))
    with open_record(path) as opened:
        assert opened.entries == [7]
        opened.add({"part": 8})
    with open_record(path) as opened:
        assert opened.entries == [7, 8]
    path.write_bytes(path.read_bytes().replace(b"7", b"6"))
    with pytest.raises(InvalidInputError, match="line 3 is damaged"):
        open_record(path)


def test_a_record_whose_first_line_is_an_entry_is_read_where_that_is_allowed(tmp_path):
    path = tmp_path / "record.jsonl"
    path.write_bytes(b'{"part": 7}\n{"part": 8}\n')
    with pytest.raises(InvalidInputError, match="other settings"):
        open_record(path)
    options = {"configuration": SETTINGS, "parse": lambda value: value["part"], "is_headless": True}
    with Record(path, **options) as opened:
        assert opened.entries == [7, 8]
        opened.add({"part": 9})
    with Record(path, **options) as opened:
        assert opened.entries == [7, 8, 9]
    assert [entry["part"] for entry in read_entries(path, parameter="x")] == [7, 8, 9]
    path.write_bytes(path.read_bytes().replace(b"8", b"6"))
    with pytest.raises(InvalidInputError, match="line 3 is damaged"):
        Record(path, **options)


@pytest.mark.parametrize("content", [b"text", b"text\n", b"\0"], ids=repr)
def test_entries_of_other_files_are_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InvalidInputError):
        read_entries(tmp_path / "file", parameter="x")


def test_a_torn_last_line_is_no_entry(record):
    record.write_bytes(record.read_bytes()[:-1])
    assert len(read_entries(record, parameter="x")) == 3


def test_a_record_of_other_settings_is_refused(record):
    with pytest.raises(InvalidInputError, match="other settings"):
        open_record(record, {"recipe": "y"})


def test_a_record_has_one_writer(record):
    with open_record(record), pytest.raises(InvalidInputError, match="another strongltn command"):
        open_record(record)


def test_a_record_is_not_written_through_a_link(record, tmp_path):
    (tmp_path / "link.jsonl").symlink_to(record)
    before = record.read_bytes()
    with pytest.raises(MachineError, match="symbolic link"):
        open_record(tmp_path / "link.jsonl")
    assert record.read_bytes() == before


def test_a_full_disk_keeps_what_is_recorded(record, monkeypatch):
    before = record.read_bytes()
    write = os.write
    room = [10]

    def fill(file, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, bytes(data[: room.pop()]))

    with open_record(record) as opened:
        monkeypatch.setattr(os, "write", fill)
        with pytest.raises(MachineError, match="No space left"):
            opened.add({"part": 4})
        assert opened.entries == [0, 1, 2, 3]
        monkeypatch.setattr(os, "write", write)
        assert record.read_bytes() == before
        opened.add({"part": 4})
    with open_record(record) as opened:
        assert opened.entries == [0, 1, 2, 3, 4]


def test_appended_lines_are_whole_or_absent(tmp_path, monkeypatch):
    path = tmp_path / "history"
    path.write_bytes(b"old\n")
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "x")))
    with pytest.raises(OSError, match="x"):
        append_line(file, b"new\n")
    os.close(file)
    assert path.read_bytes() == b"old\n"
    assert stat.S_ISREG(path.stat().st_mode)
