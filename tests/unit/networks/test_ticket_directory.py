"""Directories: whole or not at all, and every change in them is noticed by somebody."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from proofs_check import NotATicketError, Verdict, verify, verify_all
from proofs_check.__main__ import main as proofs_check_main
from strongltn.certify import Attack, CertifySettings, certify_ticket
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, OutputNorm, TargetNetwork
from strongltn.networks.ticket_directory import TICKET_CONTENTS, read_ticket
from strongltn.numerics.dyadic import from_text, to_text
from strongltn.pipeline import tickets as pipeline
from strongltn.storage import in_use, new_directory

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
    with new_directory(path) as directory:
        result = pipeline.prune(target, num_samples=5, domain=request.param, settings=QUICK)
        pipeline.save(result, directory)
    (witness,) = path.glob("witness-*.safetensors")
    witness.rename(path / "witness.safetensors")  # as version 0.1.0 named it
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
    (witness,) = directory.glob("witness*.safetensors")
    edit_json(
        directory,
        "certificate.json",
        lambda c: c.update(
            ticket_sha256=digest((directory / "ticket.json").read_bytes()),
            witness_sha256=digest(witness.read_bytes()),
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
    read_ticket(copy)  # consistent in itself
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
        read_ticket(copy)
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
    read_ticket(copy)  # the ticket itself is whole


@pytest.mark.parametrize(
    "name", ["mask bit", "target weight", "target bias", "seed", "law", "widths"]
)
def test_tampered_tickets_are_not_loaded(copy, name):
    FORGERIES[name](copy)
    with pytest.raises(InvalidInputError, match=r"'(DIR|mask|widths)'"):
        read_ticket(copy)


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
        read_ticket(copy)
    assert verify(copy).verdict is Verdict.REJECTED


def proved(directory):
    audits = verify_all(directory)
    assert all(audit.verdict is Verdict.PROVED for audit in audits.values()), audits
    return audits


def certified(directory, **options):
    return pipeline.certify_directory(directory, **{"settings": QUICK, **options})["certificate"]


def test_certificates_of_several_domains_stand_side_by_side(copy):
    before = (copy / "certificate.json").read_bytes()
    other = certified(copy, domain=Ball(0.5))
    inf = certified(
        copy, domain=Ball(0.5), settings=CertifySettings(QUICK.attack, output_norm=OutputNorm.INF)
    )
    assert other["is_new"]
    assert inf["is_new"]
    assert (copy / "certificate.json").read_bytes() == before
    assert set(proved(copy)) == {"certificate.json", other["file"], inf["file"]}
    rows = pipeline.describe_directory(copy)["certificates"]
    assert rows[0]["file"] == "certificate.json"
    assert [row["domain"] for row in rows][1:] == ["ball:0.5"] * 2
    assert {row["output_norm"] for row in rows[1:]} == {2, "inf"}
    report = json.loads((copy / "report.json").read_bytes())
    assert report["domain"] != "ball:0.5"


@pytest.mark.parametrize(
    ("upper", "lower"), [(2, 1), (2, Fraction(1, 2)), (1, Fraction(1, 2)), (1, 1)]
)
def test_a_weaker_certificate_does_not_replace_a_better_one(copy, monkeypatch, upper, lower):
    """A larger upper bound, or the same one and a smaller lower bound; unless one insists."""
    better = certified(copy, domain=Ball(0.5))
    content = (copy / better["file"]).read_bytes()

    def weaker(*arguments, **options):
        found = certify_ticket(*arguments, **options)
        return replace(
            found, upper_bound=found.upper_bound * upper, lower_bound=found.lower_bound * lower
        )

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "certify_ticket", weaker)
        kept = certified(copy, domain=Ball(0.5))
        assert kept == better | {"is_new": False}
        assert (copy / better["file"]).read_bytes() == content
        forced = certified(copy, domain=Ball(0.5), replace=True)
        assert forced["is_new"]
        assert forced["certified_error"] == upper * better["certified_error"]
        proved(copy)
    again = certified(copy, domain=Ball(0.5))
    assert again == better | {"is_new": (upper, lower) != (1, 1)}
    proved(copy)
    assert len(list(copy.glob("witness*"))) == 2


def test_the_first_certificate_is_that_of_the_report(copy):
    domain = pipeline.present_domain(copy)
    settings = CertifySettings(attack=Attack(8, 60))
    account = pipeline.certify_directory(copy, settings=settings, replace=True)
    assert account["domain"] == str(domain)
    report = json.loads((copy / "report.json").read_bytes())
    assert report["empirical_error"] == account["empirical_error"]
    (copy / "report.json").write_text("a user's")
    pipeline.certify_directory(copy, settings=settings, replace=True)
    assert (copy / "report.json").read_text() == "a user's"
    assert set(proved(copy)) == {"certificate.json"}


@pytest.mark.parametrize("moment", range(6))
def test_a_kill_while_a_certificate_is_replaced_leaves_a_proved_ticket(copy, monkeypatch, moment):
    """At every call that changes the directory: killed before it."""
    calls = [0]

    def killed_at(function):
        def call(*arguments, **options):
            calls[0] += 1
            if calls[0] == moment + 1:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return call

    for name in ("rename", "unlink", "fsync"):
        monkeypatch.setattr(os, name, killed_at(getattr(os, name)))
    with suppress(KeyboardInterrupt):
        certified(copy, replace=True)
    monkeypatch.undo()
    proved(copy)
    certified(copy, replace=True)
    proved(copy)
    assert len(list(copy.glob("witness*"))) == 1
    assert not [path for path in copy.iterdir() if path.name.startswith(".")]


def test_links_planted_in_a_ticket_are_not_written_through(copy, tmp_path):
    """Under the predictable names of version 0.1.0, and under the names of the files."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (".certificate.json.partial", ".witness.safetensors.partial"):
        (copy / name).symlink_to(precious)
    (copy / "report.json").unlink()
    (copy / "report.json").symlink_to(precious)
    certified(copy, replace=True)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("name", ["mask.safetensors", "ticket.json", "certificate.json"])
def test_what_is_read_lies_in_the_directory(copy, tmp_path, name):
    shutil.move(copy / name, tmp_path / "elsewhere")
    (copy / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInputError, match="'DIR' parameter must be files inside"):
        pipeline.describe_directory(copy)


@pytest.mark.parametrize("name", ["mask.safetensors", "ticket.json", "certificate.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "large"])
def test_pipes_devices_and_large_files_are_refused_at_once(copy, name, kind):
    (copy / name).unlink()
    if kind == "pipe":
        os.mkfifo(copy / name)
    elif kind == "device":
        (copy / name).symlink_to("/dev/zero")
    elif kind == "folder":
        (copy / name).mkdir()
    else:
        with (copy / name).open("wb") as stream:
            stream.truncate(1 << 33)
    with pytest.raises(InvalidInputError, match="'DIR'"):
        pipeline.describe_directory(copy)


def test_two_commands_in_one_ticket(copy):
    with (
        in_use(copy, parameter="x"),
        pytest.raises(InvalidInputError, match=r"'DIR' .* another strongltn command"),
    ):
        certified(copy)


def test_a_path_in_place_of_a_digest_is_rejected(copy):
    edit_json(copy, "certificate.json", lambda c: c.update(witness_sha256="/../../etc/passwd"))
    assert "must be a digest" in verify(copy).rejected


def test_a_bad_certificate_beside_a_good_one_is_rejected(copy, capsys):
    other = certified(copy, domain=Ball(0.5))["file"]
    edit_json(copy, other, lambda c: c.update(upper_bound="1*2^-40"))
    audits = verify_all(copy)
    assert audits["certificate.json"].verdict is Verdict.PROVED
    assert audits[other].verdict is Verdict.REJECTED
    assert proofs_check_main(["verify", str(copy)]) == 1
    capsys.readouterr()
    assert proofs_check_main(["verify", str(copy), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "REJECTED"
    assert report["rejected"].startswith(f"{other}: upper_bound")
    assert [each["verdict"] for each in report["others"]] == ["REJECTED"]


def test_directories_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "deep" / "ticket"
    with new_directory(path) as work:
        (work / "ticket.json").write_text("{}")
        assert not path.exists()
    assert [p.name for p in path.iterdir()] == ["ticket.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert [p.name for p in path.parent.iterdir()] == ["ticket"]


OLD = '{"format": "strongltn-ticket"}'


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("overwrite", [False, True])
def test_failures_leave_what_was_there(tmp_path, error, overwrite):
    path = tmp_path / "ticket"
    if overwrite:
        path.mkdir()
        (path / "ticket.json").write_text(OLD)

    def fail():
        with new_directory(path, replaces=TICKET_CONTENTS if overwrite else None) as work:
            (work / "ticket.json").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == (["ticket"] if overwrite else [])
    if overwrite:
        assert (path / "ticket.json").read_text() == OLD


def enter(path, *, overwrite=False):
    with new_directory(path, replaces=TICKET_CONTENTS if overwrite else None):
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
    for name in ("mask.safetensors", "target.safetensors"):
        with new_directory(tmp_path / "ticket", replaces=TICKET_CONTENTS) as work:
            (work / "ticket.json").write_text(OLD)
            (work / name).touch()
    names = {path.name for path in (tmp_path / "ticket").iterdir()}
    assert names == {"ticket.json", "target.safetensors"}


def test_relative_paths_are_taken_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with new_directory(Path("ticket")) as work:
        (work / "ticket.json").touch()
    assert (tmp_path / "ticket" / "ticket.json").exists()
