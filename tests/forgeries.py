"""Forged ticket directories, by kind: what a stranger who edits, or a forger who repairs, hands in.

A forgery is false by construction: what it states is malformed, or more than its witnesses prove.
Or, where chance decides (`is_false` not set), whatever an auditor accepts of it must be true.
"""

from __future__ import annotations

import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save
from ticket_files import (
    ARRAYS,
    CERTIFICATE,
    DOCUMENTS,
    MASK,
    TARGET,
    TICKET,
    WITNESS,
    Files,
    Place,
    Tree,
    ends_of,
    is_numeral,
    number,
    numeral,
    places,
    put,
    raw,
    redrawn,
    repaired,
    to_json,
)


@dataclass(frozen=True)
class Forgery:
    """Files that state something false; or perhaps true, where `is_false` is not set."""

    kind: str
    what: str
    files: Files
    is_false: bool = True


_TOKENS = ("NaN", "Infinity", "-Infinity", "1.5", "1e3", "-0.0", "1" + "0" * 5000)
_VALUES = (True, None, [], {}, "", "NaN", "Infinity", "-inf", "1.5", "1e3", "1.5*2^0", "1*2^0.5")
_NUMERALS = ("1*2^5000", "1*2^99999999", "1*2^", "*2^1", "0x1*2^0", "1*2^0\n", " 1*2^0", "1**2^1")
_UNICODE = ("\N{FULLWIDTH DIGIT ONE}*2^0", "\N{ARABIC-INDIC DIGIT ONE}*2^0", "1*2^0\0", "\ud800")
_LONG = ("9" * 4001 + "*2^0", "1*2^+3", "1/2", "1*2^-4097", "2^3", "nan*2^0")
MALFORMED = (*map(raw, _TOKENS), *_VALUES, *_NUMERALS, *_UNICODE, *_LONG)


def malformed(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield documents with one leaf, key or list that no format allows."""
    for at, value in places(tree):
        where = "/".join(map(str, at))
        if isinstance(value, dict):
            yield f"unknown key at {where}", put(tree, at, value | {"unknown": 0})
            for key in value:
                fewer = {k: v for k, v in value.items() if k != key}
                yield f"{where}/{key} missing", put(tree, at, fewer)
                yield f"{where}/{key} twice", put(tree, at, value | {f"={key}": value[key]})
                yield f"{where}/{key} twice, unlike", put(tree, at, value | {f"={key}": 0})
        elif isinstance(value, list):
            if value:
                yield f"{where} shorter", put(tree, at, value[:-1])
                yield f"{where} longer", put(tree, at, [*value, value[-1]])
            yield f"{where} no list", put(tree, at, {str(k): v for k, v in enumerate(value)})
        else:
            is_free = at[-1] in ("name", "construction")  # any text names a layer, a construction
            for bad in MALFORMED:
                is_text = isinstance(bad, str) and not bad.startswith("@")
                if (
                    bad is not value
                    and not (bad == "" and value == "")
                    and not (is_free and is_text)
                ):
                    yield f"{where} = {str(bad)[:20]!r}", put(tree, at, bad)
    yield from ((f"all of it {str(bad)[:20]!r}", bad) for bad in (True, None, [], 0, "NaN", [tree]))


_OUT_OF_RANGE = {
    "version": (0, -1, 3, 10**20),
    "seed": (-1,),
    "samples_per_weight": (0, -1),
    "inputs": (0, -1, 2**31, 2**63, 10**400),
    "outputs": (0, -1, 2**31, 2**63, 10**400),
    "widths": (0, -1, 2**31, 2**63, 10**400),
    "exponent": (4097, -4097, 2**63, -(10**400)),
}


def out_of_range(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield documents with one integer that is out of every range: dimensions and exponents."""
    for at, value in places(tree):
        names = [key for key in at if isinstance(key, str)]
        if type(value) is int and names:
            key = "exponent" if "exponent" in names[-1] else names[-1]
            for bad in _OUT_OF_RANGE.get(key, ()):
                yield f"{'/'.join(map(str, at))} = {str(bad)[:20]}", put(tree, at, bad)


# Families: each yields forgeries of one kind from the files of an honest ticket.


def flipped_bits(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """One bit of each file; the digests left alone, then repaired."""
    for name, content in files.items():
        for position in rng.sample(range(8 * len(content)), 60):
            changed = bytearray(content)
            changed[position // 8] ^= 1 << position % 8
            edited, what = files | {name: bytes(changed)}, f"{name}, bit {position}"
            # certificate.json has no digest: a stranger is as good as a forger there
            has_digest = name != CERTIFICATE
            yield Forgery("bit flipped", what, edited, is_false=has_digest)
            if has_digest:
                yield Forgery("bit flipped, repaired", what, repaired(edited), is_false=False)


def malformed_documents(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Wrong types, NaN, decimals, keys unknown, missing and twice; repaired."""
    for name in DOCUMENTS:
        for what, tree in malformed(json.loads(files[name])):
            yield _repaired("malformed JSON", f"{name}: {what}", files, {name: to_json(tree)})
        for what, tree in out_of_range(json.loads(files[name])):
            yield _repaired("huge numbers", f"{name}: {what}", files, {name: to_json(tree)})


def malformed_headers(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """The same in the headers of the arrays, and offsets that overlap, leave gaps or run out."""
    for name in ARRAYS:
        content = files[name]
        size = int.from_bytes(content[:8], "little")
        header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
        trees = [("header", what, tree) for what, tree in malformed(header)]
        for at, value in places(header):
            if type(value) is int:
                values = {value + 1, value - 1, value + 8, 2**40, 2**62, 2**64, 10**400, -(2**63)}
                trees += [
                    ("huge numbers", f"{at} = {str(bad)[:20]}", put(header, at, bad))
                    for bad in values - {value}
                ]
        for key, entry in header.items():
            first, last = entry["data_offsets"]
            if last > first > 0:
                moved = put(header, (key, "data_offsets"), [0, last - first])
                trees.append(("overlapping arrays", key, moved))
            backwards = put(header, (key, "data_offsets"), [last, first])
            trees.append(("overlapping arrays", f"{key} backwards", backwards))
            for dtype in ("BF16", "I32", "U64", "BOOL", "object", "<i8", "F16"):
                trees.append(("header", f"{key} of {dtype}", put(header, (key, "dtype"), dtype)))
        for kind, what, tree in trees:
            edited = {name: framed(to_json(tree), data)}
            yield _repaired(kind, f"{name}: {what}", files, edited)


def framed(header: bytes, data: bytes) -> bytes:
    """Return a safetensors file."""
    return struct.pack("<Q", len(header)) + header + data


_NAMES = ("../../etc/passwd", "/etc/passwd", "0.weight/../0.weight", "0.weight\0", "", ".", "\n")
_MORE_NAMES = (
    "0.Weight",
    "00.weight",
    "-1.weight",
    "0.weight ",
    "0.hidden.0",
    "__class__",
    "é" * 99,
)


def misshapen_arrays(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Shapes and types changed, arrays missing, unknown, renamed with tricks; repaired."""
    for name in ARRAYS:
        arrays = load(files[name])
        for key, array in arrays.items():
            others = {"i": np.float64, "f": np.int64, "u": np.int64}
            shapes = {
                "one more axis": array[None],
                "one row less": array[:-1],
                "one row more": np.concatenate([array, array[-1:]]),
                "empty": array[:0] if array.size else np.zeros(1, array.dtype),
                "another type": array.astype(others[array.dtype.kind]),
            }
            if array.ndim > 1:
                shapes["flat"] = array.ravel()
                shapes["one column less"] = array[..., :-1]
                if array.shape[0] != array.shape[1]:
                    shapes["transposed"] = np.swapaxes(array, 0, 1)
            for what, changed in shapes.items():
                if changed.shape == array.shape and changed.dtype == array.dtype:
                    continue
                edited = arrays | {key: np.ascontiguousarray(changed)}
                yield _repaired("shapes", f"{name}: {key} {what}", files, {name: save(edited)})
            fewer = {k: v for k, v in arrays.items() if k != key}
            yield _repaired("missing arrays", f"{name}: {key}", files, {name: save(fewer)})
            for trick in (*_NAMES, *_MORE_NAMES):
                edited = {name: save(fewer | {trick: array})}
                yield _repaired("tricky names", f"{name}: {key} is {trick!r}", files, edited)
        for trick in (*_NAMES, *_MORE_NAMES, "9.weight", "attack2"):
            for extra in (np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros((1, 1))):
                edited = {name: save(arrays | {trick: extra})}
                yield _repaired("unknown arrays", f"{name}: {trick!r}", files, edited)


# Claims that follow from one another: who lowers them all still lacks the proof of the first.
_TOGETHER = {
    "norms and what follows": {"weight_norm", "error_norm", "methods", "upper_bound"},
    "all methods and the bound": {"methods", "upper_bound"},
    "differences and the bound": {"difference", "bound", "tau", "upper_bound"},
}


def scaled_claims(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Each claim a hundredth less than what is proved, each alone; a domain a hundredth larger."""
    tree = json.loads(files[CERTIFICATE])
    for at, value in places(tree):
        where = "/".join(map(str, at))
        if not is_numeral(value) or at[0] == "domain":
            continue
        claim = number(value)
        factor = Fraction(101 if at == ("lower_bound",) else 99, 100)
        edits = {f"times {factor}": claim * factor, "negative": -claim}
        for what, changed in edits.items():
            if claim:
                edited = {CERTIFICATE: to_json(put(tree, at, numeral(changed)))}
                yield _repaired("claims", f"{where} {what}", files, edited)
        if at != ("lower_bound",):
            edited = {CERTIFICATE: to_json(put(tree, at, "-1*2^-4096"))}
            yield _repaired("claims", f"{where} below zero", files, edited)
    for what, names in _TOGETHER.items():
        for factor in (Fraction(9, 10), Fraction(0)):
            changed = tree
            for at, value in places(tree):
                if is_numeral(value) and names.intersection(at) and number(value):
                    changed = put(changed, at, numeral(number(value) * factor))
            if changed != tree:
                edited = {CERTIFICATE: to_json(changed)}
                yield _repaired("claims", f"{what}, times {factor}", files, edited)
    for what, domain in _larger(tree["domain"]):
        edited = {CERTIFICATE: to_json(put(tree, ("domain",), domain))}
        yield _repaired("larger domains", what, files, edited)


def _larger(domain: Tree) -> Iterator[tuple[str, Tree]]:
    if domain["kind"] == "ball":
        for factor in (Fraction(101, 100), Fraction(1000)):
            radius = numeral(number(domain["radius"]) * factor)
            yield f"radius times {factor}", domain | {"radius": radius}
    elif domain["kind"] == "box":
        lower, upper = number(domain["lower"]), number(domain["upper"])
        step = (upper - lower) / 64
        yield "lower end", domain | {"lower": numeral(lower - step)}
        yield "upper end", domain | {"upper": numeral(upper + step)}
        yield "empty", domain | {"lower": domain["upper"], "upper": domain["lower"]}


def false_tickets(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Seeds, laws, scales and sizes of another network: with the drawn digest, and repaired."""
    tree = json.loads(files[TICKET])
    seeds = (0, 1, 2**32, 2**63, 2**64 - 1, 2**64, 10**400)
    edits: list[tuple[Place, Tree]] = [(("source", "seed"), seed) for seed in seeds]
    edits += [(("source", "law"), law) for law in ("uniform", "signed-constant", "gaussian")]
    for i, exponent in enumerate(tree["scale_exponents"]):
        steps = (1, -1, 40, -40, 2000)
        edits += [(("scale_exponents", i), exponent + step) for step in steps]
    for i, width in enumerate(tree["source"]["widths"]):
        edits.append((("source", "widths", i), width - 1 if i % 2 == 0 else 1))
    for i, layer in enumerate(tree["layers"]):
        for key in ("inputs", "outputs"):
            edits += [(("layers", i, key), layer[key] + step) for step in (1, -1)]
        edits.append((("layers", i, "bias"), not layer["bias"]))
    if len(tree["layers"]) > 1 and _sizes(tree) != _sizes(tree)[::-1]:
        edits.append((("layers",), tree["layers"][::-1]))
        edits.append((("source", "widths"), tree["source"]["widths"][::-1]))
    for at, value in edits:
        changed = put(tree, at, value)
        if changed == tree:
            continue
        what = f"{'/'.join(map(str, at))} = {str(value)[:20]}"
        edited = files | {TICKET: to_json(changed)}
        yield Forgery("other tickets, digests left", what, edited)
        yield Forgery("other tickets", what, repaired(edited))
        if at[-1] in ("seed", "law"):
            yield Forgery("other draws", what, redrawn(edited))


def _sizes(ticket: Tree) -> list[tuple[int, int]]:
    return [(layer["inputs"], layer["outputs"]) for layer in ticket["layers"]]


def false_weights(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Weights of the target that the mask does not stand for; masks out of order or range."""
    arrays = load(files[TARGET])
    for key, array in arrays.items():
        for value in (np.nan, np.inf, -np.inf, 1e30, float(array.flat[0]) + 4):
            changed = array.copy()
            changed.flat[rng.randrange(array.size)] = value
            edited = {TARGET: save(arrays | {key: changed})}
            yield _repaired("other weights", f"{key}: {value:.3g}", files, edited)
    masks = load(files[MASK])
    for i in range(len(masks) // 3):
        hidden, kept = masks[f"{i}.hidden"], masks[f"{i}.kept"]
        edits = {f"{i}.hidden": [hidden[::-1], hidden - 2**40, hidden + 2**40, hidden * 0]}
        edits[f"{i}.hidden"] += [
            np.append(hidden[:-1], value) for value in (-1, 2**63 - 1, -(2**63))
        ]
        inputs = masks[f"{i}.inputs"]
        edits[f"{i}.inputs"] = [inputs + 2**40, inputs - 2**62, ~inputs, inputs + 10**3]
        edits[f"{i}.kept"] = [~kept, kept * 0]
        if len(hidden) % 8:
            past = kept.copy()
            past[-1, -1] |= 128
            edits[f"{i}.kept"].append(past)
        bits = np.unpackbits(kept, axis=1, count=len(hidden), bitorder="little")[:, ::-1]
        backwards = {
            f"{i}.hidden": np.ascontiguousarray(hidden[::-1]),
            f"{i}.inputs": np.ascontiguousarray(inputs[::-1]),
            f"{i}.kept": np.packbits(bits, axis=1, bitorder="little"),
        }
        if len(hidden) > 1:  # the same network, but who allows this allows a neuron twice
            edited = redrawn(files | {MASK: save(masks | backwards)})
            yield Forgery("neurons out of order", f"pair {i}", edited)
        for key, values in edits.items():
            for n, changed in enumerate(values):
                if np.array_equal(changed, masks[key]) or len(hidden) < 2:
                    continue
                edited = {MASK: save(masks | {key: np.ascontiguousarray(changed)})}
                yield _repaired("other masks", f"{key}, edit {n}", files, edited)


def false_witnesses(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Witnesses that prove less than is claimed: narrowed ranges, negative multipliers, trees."""
    arrays, tree = load(files[WITNESS]), json.loads(files[CERTIFICATE])
    methods, domain = tree["methods"], tree["domain"]
    edits: list[tuple[str, str, np.ndarray]] = []
    for key, array in arrays.items():
        if key.endswith(("_witness", ".diagonal", ".factor")) and array.size:
            huge = array.copy()
            huge.flat[-1] = 2**62  # on the diagonal: its square alone is more than is allowed
            edits.append(("norm and LMI witnesses", key, huge))
        kind = key.rpartition(".")[2]
        if kind in ("target", "difference"):
            edits += [
                ("narrowed ranges", f"{key} {what}", new) for what, new in _narrowed(array, rng)
            ]
            edits.append(("narrowed ranges", f"{key} of no width", array * 0 + array[:, :1]))
            edits.append(("narrowed ranges", f"{key} of no leaf", array[:0]))
        if kind == "tree":
            edits += [("trees", key, np.array(tree, np.int64)) for tree in _trees(array)]
        if key == "attack":
            edits += [("attacks outside", key, array * 0 + value) for value in (2**62, -(2**62))]
            if domain["kind"] == "ball" and array.size > 1:  # inside the box about the ball
                step = int(number(domain["radius"]) / Fraction(2) ** tree["attack_exponent"])
                edits.append(("attacks outside", f"{key} in a corner", array * 0 + step))
        if key == "domain_lower":
            step = np.maximum(arrays["domain_upper"] - array, 2**12) // 8
            edits.append(("larger domains", key, array - step))
            edits.append(("larger domains", key, arrays["domain_upper"] + 1))
        if key == "domain_upper":
            step = np.maximum(array - arrays["domain_lower"], 2**12) // 8
            edits.append(("larger domains", key, array + step))
    if "quadratic" in methods:
        theta = arrays["quadratic.multipliers"]
        for n in _inequalities(files, theta.shape[1]):
            negative = theta.copy()
            negative[0, n] = -max(1, abs(int(theta[0, n])))
            edits.append(("negative multipliers", f"theta_{n}", negative))
        edits.append(("norm and LMI witnesses", "quadratic.multipliers all zero", theta * 0))
        for value in (5000, 2**62, -(2**63)):
            huge = theta.copy()
            huge[1, 0] = value
            edits.append(("huge numbers", "quadratic.multipliers", huge))
    for kind, what, changed in edits:
        key = "quadratic.multipliers" if what.startswith("theta") else what.split()[0]
        if np.array_equal(changed, arrays[key]):
            continue
        edited = {WITNESS: save(arrays | {key: np.ascontiguousarray(changed)})}
        yield _repaired(kind, what, files, edited)


def _narrowed(ranges: np.ndarray, rng: random.Random) -> Iterator[tuple[str, np.ndarray]]:
    """Yield ranges (leaves, 2, outputs) with one end moved inwards, or beyond the other."""
    leaf, output = rng.randrange(ranges.shape[0]), rng.randrange(ranges.shape[2])
    lower, upper = (int(end) for end in ranges[leaf, :, output])
    # below a million units the rounding outwards might hide the step
    step = (upper - lower) // 64 if upper - lower > 2**20 else upper - lower + 1
    for side, end, what in ((0, lower + step, "lower"), (1, upper - step, "upper")):
        changed = ranges.copy()
        changed[leaf, side, output] = end
        yield f"{what} end of output {output}", changed
    changed = ranges[:, ::-1].copy()
    if (changed != ranges).any():
        yield "ends exchanged", changed


def _trees(tree: np.ndarray) -> Iterator[list[int]]:
    nodes = tree.tolist()
    yield from ([], [*nodes, -1], nodes[:-1], [0, *nodes], [-2, *nodes[1:]], [2**62, *nodes[1:]])
    yield [0, *nodes, -1]  # one leaf more than there are ranges
    yield [0] * 70000
    yield [*[0] * 256, *[-1] * 257]
    full = [-1]
    for _ in range(15):  # as many nodes as are allowed, and no range for any
        full = [0, *full, *full]
    yield full


def _inequalities(files: Files, number_of_constraints: int) -> Iterator[int]:
    """Yield the places of multipliers whose sign is fixed: domain, difference and ceiling."""
    ticket, certificate = json.loads(files[TICKET]), json.loads(files[CERTIFICATE])
    lower, upper = ends_of(certificate["domain"], load(files[WITNESS]), ticket)
    is_ball = certificate["domain"]["kind"] == "ball"
    is_relu = ticket["source"]["inner_activation"] == "relu"
    lifted = [
        is_relu and (is_ball or low < 0 < high) for low, high in zip(lower, upper, strict=True)
    ]
    num_domain = 1 if is_ball else len(lifted) + sum(lifted)
    before = num_domain + sum(lifted)
    switching, rest = divmod(number_of_constraints - before, 5)
    if rest:
        raise ValueError(f"{number_of_constraints} constraints are not 5 for each neuron")
    yield 0
    yield num_domain - 1
    if switching:
        yield before + switching
        yield before + 2 * switching - 1
        yield number_of_constraints - switching
        yield number_of_constraints - 1


def random_witnesses(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Entries changed, arrays of one shape swapped, exponents moved: by chance a proof remains."""
    for name in ARRAYS:
        arrays = load(files[name])
        for key, array in arrays.items():
            if not array.size:
                continue
            for n in range(3):
                changed, where = array.copy(), rng.randrange(array.size)
                old = array.flat[where].item()
                if array.dtype.kind == "f":
                    new = (old * 1.5, -old, float(np.nextafter(old, 9, dtype=array.dtype)))[n]
                else:
                    new = (old ^ 1, old ^ 2, old // 2)[n]
                changed.flat[where] = new
                edited = repaired(files | {name: save(arrays | {key: changed})})
                yield Forgery("numbers in arrays", f"{name}: {key}, {n}", edited, is_false=False)
                if name == MASK and key.endswith(".kept"):
                    what = f"{name}: {key}, {n}, redrawn"
                    yield Forgery("numbers in arrays", what, redrawn(edited), is_false=False)
            for other in arrays:
                twin = arrays[other]
                if key < other and array.shape == twin.shape and (array != twin).any():
                    swapped = save(arrays | {key: twin, other: array})
                    edited = repaired(files | {name: swapped})
                    yield Forgery("swapped arrays", f"{key}, {other}", edited, is_false=False)
    tree = json.loads(files[CERTIFICATE])
    for at, value in places(tree):
        if type(value) is int and "exponent" in " ".join(map(str, at)):
            for step in (1, -1, 20, -20):
                edited = repaired(files | {CERTIFICATE: to_json(put(tree, at, value + step))})
                what = f"{'/'.join(map(str, at))} {step:+}"
                yield Forgery("exponents", what, edited, is_false=False)


def broken_files(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Truncated, longer, empty, nested, endless: for each file, repaired."""
    for name, content in files.items():
        nested = b"[" * 10**5
        edits = {
            "empty": b"",
            "first half": content[: len(content) // 2],
            "last byte missing": content.rstrip()[:-1],
            "a byte more": content + b"x",
            "a zero more": content + b"\0",
            "a byte before": b"x" + content,
            "twice": content + content,
            "a byte order mark": b"\xef\xbb\xbf" + content,
            "UTF-16": content.decode("latin-1").encode("utf-16"),
            "invalid UTF-8": b"\xff" + content[1:],
            "deep nesting": nested,
            "deep nesting, closed": nested + b"]" * 10**5,
            "deep objects": b'{"a":' * 10**5,
            "a long integer": b"9" * 10**6,
            "zeros": bytes(1000),
        }
        if name in ARRAYS:
            data = content[8 + int.from_bytes(content[:8], "little") :]
            for size in (0, 1, 2**24 + 1, 2**31, 2**63, 2**64 - 1):
                edits[f"header of {size}"] = struct.pack("<Q", size) + content[8:]
            for what, header in (
                ("deep nesting", b'{"a":' * 10**5),
                (
                    "a long integer",
                    b'{"attack": {"dtype": "I64", "shape": [' + b"9" * 10**6 + b"]}}",
                ),
                ("an empty header", b"{}"),
                ("a list", b"[]"),
            ):
                edits[f"header: {what}"] = framed(header, data)
            many = {
                str(n): {"dtype": "I64", "shape": [0], "data_offsets": [0, 0]} for n in range(10**4)
            }
            edits["header: ten thousand arrays"] = framed(to_json(many), data)
        for what, changed in edits.items():
            yield _repaired("broken files", f"{name}: {what}", files, {name: changed})


def strange_files(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Not even files: missing, directories, pipes, links; and the files of one another."""

    def link(target: str) -> Callable[[Path], None]:
        return lambda path: path.symlink_to(target)

    def sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(3 << 30)

    makers: dict[str, Callable[[Path], object]] = {
        "a directory": Path.mkdir,
        "a pipe": os.mkfifo,
        "a link to itself": lambda path: path.symlink_to(path),
        "a link to nothing": link("/nowhere/at/all"),
        "a link to /dev/zero": link("/dev/zero"),
        "a link to /etc/passwd": link("/etc/passwd"),
        "a link to its directory": link("."),
        "three GiB of nothing": sparse,
    }
    for name in files:
        missing = {other: content for other, content in files.items() if other != name}
        yield Forgery("strange files", f"{name} missing", missing)
        for what, maker in makers.items():
            yield Forgery("strange files", f"{name} is {what}", files | {name: maker})
        for other in files:
            if other != name:
                edited = {name: files[other]}
                yield _repaired("exchanged files", f"{name} is {other}", files, edited)


def exchanged_files(files: Files, other: Files) -> Iterator[Forgery]:
    """Files of another ticket in the place of one's own; digests left alone, and repaired."""
    parts = [[name] for name in files] + [[CERTIFICATE, WITNESS], [TARGET, MASK], [MASK, TICKET]]
    for names in parts:
        foreign = {name: other[name] for name in names}
        if any(files[name] != content for name, content in foreign.items()):
            what = " and ".join(names)
            yield Forgery("files of another ticket, digests left", what, files | foreign)
            yield _repaired("files of another ticket", what, files, foreign)


def _repaired(kind: str, what: str, files: Files, edited: Files) -> Forgery:
    return Forgery(kind, what, repaired(files | edited))


FAMILIES: tuple[Callable[[Files, random.Random], Iterator[Forgery]], ...] = (
    flipped_bits,
    malformed_documents,
    malformed_headers,
    misshapen_arrays,
    scaled_claims,
    false_tickets,
    false_weights,
    false_witnesses,
    random_witnesses,
    broken_files,
    strange_files,
)


# Every claim has its turn; of other kinds some are enough.
_ALL_OF = (
    "attacks outside",
    "neurons out of order",
    "claims",
    "larger domains",
    "negative multipliers",
    "narrowed ranges",
    "trees",
)


def forgeries(originals: list[Files], *, at_most: int, seed: int) -> Iterator[Forgery]:
    """Yield at most so many forgeries of each kind and ticket; every claim scaled, each alone."""
    rng = random.Random(seed)
    for n, files in enumerate(originals):
        kinds: dict[str, list[Forgery]] = {}
        for family in FAMILIES:
            for forgery in family(files, rng):
                kinds.setdefault(forgery.kind, []).append(forgery)
        for forgery in exchanged_files(files, originals[n - 1]):
            kinds.setdefault(forgery.kind, []).append(forgery)
        for kind, every in kinds.items():
            yield from every if kind in _ALL_OF else rng.sample(every, min(at_most, len(every)))
