"""Directories: whole or not at all, and every change in them is noticed by somebody."""

import hashlib
import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from proofs_check import NotATicketError, Verdict, verify
from strongltn import pipeline
from strongltn.certify import Attack, CertifySettings
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, TargetNetwork
from strongltn.networks.ticket_directory import load_ticket, new_directory, write_files
from strongltn.numerics.dyadic import from_text, to_text

FILES = {
    "ticket.json",
    "target.safetensors",
    "mask.safetensors",
    "certificate.json",
    "witness.safetensors",
    "report.json",
}


QUICK = CertifySettings(attack=Attack(4, 8))


@pytest.fixture(scope="module", params=[Ball(), Box(-1.0, 1.0)], ids=str)
def original(tmp_path_factory, request):
    """A saved ticket that nobody changes."""
    generator = np.random.default_rng(4)
    target = TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{i}", generator.uniform(-1, 1, shape), generator.uniform(-1, 1, shape[0])
            )
            for i, shape in enumerate([(3, 2), (2, 3)])
        )
    )
    path = tmp_path_factory.mktemp("tickets") / "ticket"
    with new_directory(path, overwrite=False) as directory:
        result = pipeline.prune(target, num_samples=5, domain=request.param, settings=QUICK)
        pipeline.save(result, directory)
    return path


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def digest(content):
    return hashlib.sha256(content).hexdigest()


def edit_json(directory, name, change):
    path = directory / name
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def rehash(directory, *, drawn=False):
    """Make all digests agree again, as a forger would; `drawn` also that of the drawn weights."""

    def ticket(content):
        for name in content["sha256"]:
            content["sha256"][name] = digest((directory / name).read_bytes())

    edit_json(directory, "ticket.json", ticket)
    if drawn:
        forged = drawn_digest(directory)
        edit_json(directory, "ticket.json", lambda c: c.update(drawn_sha256=forged))
    edit_json(
        directory,
        "certificate.json",
        lambda c: c.update(
            ticket_sha256=digest((directory / "ticket.json").read_bytes()),
            witness_sha256=digest((directory / "witness.safetensors").read_bytes()),
        ),
    )


def drawn_digest(directory):
    from strongltn.networks.ticket_directory import _ticket_from

    description = json.loads((directory / "ticket.json").read_bytes())
    arrays = load((directory / "mask.safetensors").read_bytes())
    return _ticket_from(description, arrays).drawn_sha256()


def edit_arrays(directory, name, change):
    path = directory / name
    arrays = {key: array.copy() for key, array in load(path.read_bytes()).items()}
    change(arrays)
    path.write_bytes(save(arrays))


def times(factor):
    return lambda text: to_text(from_text(text) * factor)


def change_claim(factor, *keys):
    def change(directory):
        def edit(content):
            for key in keys[:-1]:
                content = content[key]
            content[keys[-1]] = times(factor)(content[keys[-1]])

        edit_json(directory, "certificate.json", edit)

    return change


def change_array(name, key, change):
    return lambda directory: edit_arrays(directory, name, lambda arrays: change(arrays[key]))


def flip_lowest_bit(array):
    array.flat[0] ^= 1


def next_float(array):
    array.flat[0] = np.nextafter(array.flat[0], np.inf)


def change_ticket(**values):
    def edit(content):
        for key, value in values.items():
            where = content["source"] if key in content["source"] else content
            where[key] = value(where[key])

    return lambda directory: edit_json(directory, "ticket.json", edit)


def larger_domain(directory):
    def edit(content):
        key = "radius" if content["domain"]["kind"] == "ball" else "upper"
        content["domain"][key] = times(Fraction(5, 4))(content["domain"][key])

    edit_json(directory, "certificate.json", edit)


def move_attack(directory):
    edit_arrays(directory, "witness.safetensors", lambda a: a["attack"].__imul__(-1))


def enlarge_attack(directory):
    edit_arrays(directory, "witness.safetensors", lambda a: a["attack"].__imul__(2))


def shrink(array):
    array -= array // 16


def swap_ends(array):
    array[:, [0, 1]] = array[:, [1, 0]]


BACKWARD, INTERVAL = "backward-differential", "differential-interval"
HALF = Fraction(1, 2)
NEARLY = Fraction(63, 64)
# Each is a forgery with digests that agree again: only mathematics can refuse it.
FORGERIES = {
    "mask bit": change_array("mask.safetensors", "0.kept", flip_lowest_bit),
    "target weight": change_array(
        "target.safetensors", "0.weight", lambda a: a.__imul__(np.float64(1.5))
    ),
    "target bias": change_array("target.safetensors", "1.bias", lambda a: a.__iadd__(0.125)),
    "seed": change_ticket(seed=lambda seed: seed + 1),
    "law": change_ticket(law=lambda _: "gaussian"),
    "scale": change_ticket(scale_exponents=lambda ks: [ks[0] + 1, *ks[1:]]),
    "activation": change_ticket(inner_activation=lambda _: "linear"),
    "widths": change_ticket(widths=lambda ws: [ws[0], 3, *ws[2:]]),
    "version": change_ticket(version=lambda _: 2),
    "upper bound": change_claim(NEARLY, "upper_bound"),
    "negative upper bound": change_claim(-1, "upper_bound"),
    "lower bound": change_claim(Fraction(65, 64), "lower_bound"),
    "weight norm": change_claim(NEARLY, "layers", 0, "weight_norm"),
    "negative weight norm": change_claim(-1, "layers", 0, "weight_norm"),
    "error norm": change_claim(NEARLY, "layers", 1, "error_norm"),
    "negative error norm": change_claim(-1, "layers", 1, "error_norm"),
    "bias error norm": change_claim(NEARLY, "layers", 0, "bias_error_norm"),
    "activation chain": change_claim(HALF, "methods", "centre-split", "activation", 1),
    "first difference": change_claim(NEARLY, "methods", "spectral-triangle", "difference", 0),
    "difference chain": change_claim(NEARLY, "methods", "centre-split", "difference", 1),
    "negative difference": change_claim(-1, "methods", "centre-split", "difference", 1),
    "activation of ranges": change_claim(NEARLY, "methods", BACKWARD, "activation", 1),
    "difference of ranges": change_claim(NEARLY, "methods", BACKWARD, "difference", 1),
    "domain": larger_domain,
    "attack moved": move_attack,
    "attack outside": enlarge_attack,
    "witness": change_array("witness.safetensors", "0.weight_witness", lambda a: a.__imul__(2)),
    "range": change_array("witness.safetensors", f"{BACKWARD}.0.target", shrink),
    "range of the difference": change_array(
        "witness.safetensors", f"{BACKWARD}.1.difference", shrink
    ),
    "a range within a bit": change_array(
        "witness.safetensors", f"{BACKWARD}.0.difference", lambda a: a[0, 0].__iadd__(1)
    ),
    "empty range": change_array("witness.safetensors", f"{INTERVAL}.1.target", swap_ends),
    "split": change_array("witness.safetensors", f"{INTERVAL}.tree", lambda a: a.__imul__(0)),
}


def test_the_original_is_proved(original):
    assert {path.name for path in original.iterdir()} == FILES
    audit = verify(original)
    assert audit.verdict is Verdict.PROVED, audit.rejected


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_forgeries_are_rejected_by_the_auditor(copy, forge):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    forge(copy)
    assert any(path.read_bytes() != before[path.name] for path in copy.iterdir())
    rehash(copy)
    audit = verify(copy)
    assert audit.verdict is Verdict.REJECTED
    assert audit.upper_bound is None
    assert audit.rejected


@pytest.mark.parametrize("name", ["mask bit", "seed", "law"])
def test_forgeries_with_a_new_drawn_digest_are_rejected_too(copy, name):
    """Another random network altogether: it does not come as near as the certificate says."""
    FORGERIES[name](copy)
    rehash(copy, drawn=True)
    load_ticket(copy)  # consistent in itself
    assert verify(copy).verdict is Verdict.REJECTED


@pytest.mark.parametrize("name", sorted(FILES - {"report.json"}))
def test_every_byte_counts(copy, name):
    """Any byte changed without new digests is noticed; the report proves nothing and is free."""
    path = copy / name
    content = path.read_bytes()
    for at in np.linspace(0, len(content) - 1, 12).astype(int):
        changed = bytearray(content)
        changed[at] ^= 1
        path.write_bytes(changed)
        if name != "certificate.json":
            assert verify(copy).verdict is Verdict.REJECTED
    path.write_bytes(content)
    assert verify(copy).verdict is Verdict.PROVED
    (copy / "report.json").write_text("nonsense")
    assert verify(copy).verdict is Verdict.PROVED


@pytest.mark.parametrize("name", ["ticket.json", "target.safetensors", "mask.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99, None])
def test_truncated_or_missing_files_are_refused(copy, name, share):
    path = copy / name
    content = path.read_bytes()
    path.unlink()
    if share is not None:
        path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InvalidInputError, match=r"'DIR' parameter must be .* Got .*copy"):
        load_ticket(copy)
    with pytest.raises(InvalidInputError, match="'DIR'"):
        pipeline.certify_directory(copy)
    if name == "ticket.json" and share is None:
        with pytest.raises(NotATicketError):
            verify(copy)
    else:
        assert verify(copy).verdict is Verdict.REJECTED


@pytest.mark.parametrize("name", ["certificate.json", "witness.safetensors"])
def test_truncated_certificates_are_rejected(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-20])
    assert verify(copy).verdict is Verdict.REJECTED
    path.unlink()
    assert verify(copy).verdict is Verdict.REJECTED
    load_ticket(copy)  # the ticket itself is whole


@pytest.mark.parametrize(
    "name", ["mask bit", "target weight", "target bias", "seed", "law", "widths"]
)
def test_tampered_tickets_are_not_loaded(copy, name):
    FORGERIES[name](copy)
    with pytest.raises(InvalidInputError, match=r"'(DIR|mask|widths)'"):
        load_ticket(copy)


BAD_DESCRIPTIONS = {
    "list": [],
    "null": None,
    "no layers": {"layers": []},
    "layers": {"layers": 3},
    "widths": {"source": {"widths": "abc"}},
    "text": "ticket",
}


@pytest.mark.parametrize("change", BAD_DESCRIPTIONS.values(), ids=BAD_DESCRIPTIONS)
def test_other_json_is_refused(copy, change):
    path = copy / "ticket.json"
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(content | change if isinstance(change, dict) else change))
    with pytest.raises(InvalidInputError):
        load_ticket(copy)
    assert verify(copy).verdict is Verdict.REJECTED


def test_certifying_anew_replaces_the_certificate(copy):
    figures = pipeline.certify_directory(copy, domain=Ball(0.5), settings=QUICK)
    assert figures["domain"] == "ball:0.5"
    assert verify(copy).verdict is Verdict.PROVED
    described = pipeline.describe_directory(copy)
    assert described["certificate"]["domain"] == "ball:0.5"
    report = json.loads((copy / "report.json").read_bytes())
    assert report["certified_error"] == figures["certified_error"]
    kept = pipeline.certify_directory(copy, settings=QUICK)
    assert kept["domain"] == "ball:0.5"


def test_directories_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "deep" / "ticket"
    with new_directory(path, overwrite=False) as work:
        (work / "ticket.json").write_text("{}")
        assert not path.exists()
        assert not (tmp_path / "new").exists()
    assert [p.name for p in path.iterdir()] == ["ticket.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert [p.name for p in path.parent.iterdir()] == ["ticket"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("overwrite", [False, True])
def test_failures_leave_what_was_there(tmp_path, error, overwrite):
    path = tmp_path / "ticket"
    if overwrite:
        path.mkdir()
        (path / "ticket.json").write_text("old")

    def fail():
        with new_directory(path, overwrite=overwrite) as work:
            (work / "ticket.json").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == (["ticket"] if overwrite else [])
    if overwrite:
        assert (path / "ticket.json").read_text() == "old"


def enter(path, *, overwrite=False):
    with new_directory(path, overwrite=overwrite):
        pass


def test_bad_outputs_are_refused(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for path, overwrite in (
        (tmp_path / "file", False),
        (tmp_path / "file", True),
        (tmp_path / "folder", False),
        (tmp_path / "folder", True),
        (tmp_path / "file" / "below", False),
        (tmp_path / "file" / "below" / "deep", True),
    ):
        with pytest.raises(InvalidInputError, match="'out' parameter must be"):
            enter(path, overwrite=overwrite)
    assert sorted(tmp_path.rglob("*")) == before


def test_overwriting_replaces_a_ticket(tmp_path):
    for content in ("old", "new"):
        with new_directory(tmp_path / "ticket", overwrite=True) as work:
            (work / "ticket.json").write_text(content)
            (work / content).touch()
    names = {path.name for path in (tmp_path / "ticket").iterdir()}
    assert names == {"ticket.json", "new"}


def test_relative_paths_are_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with new_directory(Path("ticket"), overwrite=False) as work:
        (work / "ticket.json").touch()
    assert (tmp_path / "ticket" / "ticket.json").exists()


def test_files_are_renamed_into_place(tmp_path):
    write_files(tmp_path, {"a": b"1", "b": b"2"})
    write_files(tmp_path, {"a": b"3"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"3", "b": b"2"}
