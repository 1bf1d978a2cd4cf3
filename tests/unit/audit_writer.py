"""A slow writer of tiny ticket directories, in plain fractions: the oracle of the auditor's tests.

It shares nothing with proofs_check but FORMAT.md: scalar Philox, one dictionary of source entries,
forward passes through the masked source network itself instead of effective weights.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from safetensors.numpy import load_file, save_file

Vector = list[Fraction]
ZERO = Fraction(0)
CENTER_EXPONENT = -20
WITNESS_EXPONENT = -40


@dataclass(frozen=True)
class Case:
    """What to write; `domain` is a key of `domain_ends`."""

    sizes: tuple[int, ...] = (2, 3, 2)
    bias: bool = True
    activation: str = "relu"
    domain: str = "ball"
    law: str = "uniform"
    seed: int = 5
    dtype: str = "float32"
    scales: tuple[int, ...] = (1, 0)
    samples: int = 3
    smallest: float = 2.0**-7


@dataclass(frozen=True)
class Written:
    """The network behind a directory, for tests that evaluate it."""

    case: Case
    weights: list[list[Vector]]
    biases: list[Vector]
    first: list[list[tuple[int, Fraction]]]
    second: list[list[dict[int, Fraction]]]

    def target(self, x: Vector) -> Vector:
        """Return f(x)."""
        for i, (rows, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = [max(v, ZERO) for v in x] if i else x
            x = [dot(row, x) + b for row, b in zip(rows, bias, strict=True)]
        return x

    def pruned(self, x: Vector) -> Vector:
        """Return g(x), neuron by neuron through the masked source network."""
        for i, (neurons, rows) in enumerate(zip(self.first, self.second, strict=True)):
            x = [max(v, ZERO) for v in x] if i else x
            x = [*x, Fraction(1)]
            inner = [a * x[j] for j, a in neurons]
            if self.case.activation == "relu":
                inner = [max(v, ZERO) for v in inner]
            x = [sum((b * inner[t] for t, b in row.items()), ZERO) for row in rows]
        return [v * Fraction(2) ** sum(self.case.scales) for v in x]

    def difference_squared(self, x: Vector) -> Fraction:
        """Return ||f(x) - g(x)||^2."""
        return square([a - b for a, b in zip(self.target(x), self.pruned(x), strict=True)])

    def random_input(self, rng: random.Random) -> Vector:
        """Return a point of the domain on a dyadic grid."""
        lower, upper = domain_ends(self.case)
        x = [lower + (upper - lower) * Fraction(rng.randrange(1025), 1024) for _ in self.rows()]
        while self.case.domain == "ball" and square(x) > upper**2:
            x = [v / 2 for v in x]
        return x

    def rows(self) -> range:
        """Return the indices of the inputs."""
        return range(self.case.sizes[0])


def dot(a: Vector, b: Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def square(a: Vector) -> Fraction:
    return dot(a, a)


def root_up(q: Fraction) -> Fraction:
    """Return the multiple of 2^-50 just above sqrt(q)."""
    return Fraction(math.isqrt(math.ceil(q * 4**50)) + 1, 2**50)


def root_down(q: Fraction) -> Fraction:
    return Fraction(math.isqrt(math.floor(q * 4**50)), 2**50)


def text(value: Fraction) -> str:
    """Return "p*2^k" of a dyadic rational."""
    power = value.denominator.bit_length() - 1
    return f"{value.numerator}*2^{-power}"


def domain_ends(case: Case) -> tuple[Fraction, Fraction]:
    """Return the ends of a coordinate; on the ball minus and plus the radius."""
    return {
        "ball": (Fraction(-3, 2), Fraction(3, 2)),
        "box": (Fraction(-1, 2), Fraction(1)),
        "negative": (Fraction(-2), Fraction(-1)),
        "unit": (ZERO, Fraction(1)),
    }[case.domain]


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    """Philox 4x32-10 as in the paper, one block."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * a, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [a, b, c, d]


@cache
def gaussian_threshold(j: int) -> int:
    with mpmath.workdps(60):
        return int(mpmath.floor(2**64 * mpmath.erf(mpmath.mpf(j + 1) / 256 / mpmath.sqrt(2))))


def entry(case: Case, layer: int, row: int, column: int) -> Fraction:
    """Return one entry of the source network."""
    digest = hashlib.sha256(f"strongltn/source/{case.seed}".encode()).digest()
    key = int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")
    if case.law == "gaussian":
        w = philox((column, row, layer, 1), key)
        position = w[0] + 2**32 * w[1]
        cell = next((j for j in range(2047) if gaussian_threshold(j) > position), 2047)
        t1, t2 = w[2] % 4096, (w[2] >> 12) % 4096
        with mpmath.workdps(40):
            slope = int(mpmath.floor(2**31 * mpmath.tanh(mpmath.mpf(2 * cell + 1) / 2**18)))
        offset = min(t1, t2) if w[3] % 2**31 < slope else t1
        return Fraction((2 * (4096 * cell + offset) + 1) * (-1 if w[3] >> 31 else 1), 2**21)
    word = philox((column // 4, row, layer, 0), key)[column % 4]
    if case.law == "signed-constant" and layer % 2 == 0:
        return Fraction(-1 if word >> 31 else 1)
    return Fraction(2 * (word >> 8) + 1 - 2**24, 2**24)


def nearest_subset(terms: dict[int, Fraction], goal: Fraction) -> tuple[int, ...]:
    """Return the keys whose terms sum closest to `goal`, by brute force."""
    subsets = itertools.chain.from_iterable(
        itertools.combinations(terms, size) for size in range(len(terms) + 1)
    )
    return min(subsets, key=lambda keys: abs(goal - sum((terms[t] for t in keys), ZERO)))


def cholesky_witness(A: list[Vector]) -> tuple[Fraction, list[int]]:
    """Return N >= the Frobenius norm of A, with the rounded factor of N^2 - G that proves it."""
    rows = A if len(A) <= len(A[0]) else [list(column) for column in zip(*A, strict=True)]
    n = len(rows)
    N = root_up(sum((square(row) for row in rows), ZERO)) * Fraction(65, 64) + Fraction(1, 256)
    unit = Fraction(2) ** WITNESS_EXPONENT
    margin = Fraction(1, 2**24)
    L: list[Vector] = []
    for i in range(n):
        L.append([])
        for j in range(i + 1):
            rest = -dot(rows[i], rows[j]) - dot(L[i][:j], L[j][:j])
            if i == j:
                L[i].append(math.floor(root_down(N**2 - margin + rest) / unit) * unit)
            else:
                L[i].append(round(rest / L[j][j] / unit) * unit)
    return N, [int(value / unit) for row in L for value in row]


def write_ticket(directory: Path, case: Case) -> Written:
    """Write a valid ticket with a valid certificate and return the network behind it."""
    rng = random.Random(case.seed)
    directory.mkdir(parents=True, exist_ok=True)
    num, columns_of = len(case.sizes) - 1, [d + case.bias for d in case.sizes[:-1]]
    hidden_sizes = [(4 if case.activation == "relu" else 2) * case.samples * c for c in columns_of]
    target_arrays, mask_arrays = {}, {}
    weights, biases, first, second, drawn = [], [], [], [], b""
    for i in range(num):
        rows, inputs = case.sizes[i + 1], case.sizes[i]
        W = np.array([[rng.uniform(-1, 1) for _ in range(inputs)] for _ in range(rows)])
        W[0, 0], W[-1, -1] = 0.0, case.smallest
        b = np.array([rng.uniform(-1, 1) for _ in range(rows)])
        target_arrays[f"{i}.weight"] = W.astype(case.dtype)
        weights.append([[Fraction(float(w)) for w in row] for row in W.astype(case.dtype)])
        biases.append([Fraction(float(v)) * case.bias for v in b.astype(case.dtype)])
        if case.bias:
            target_arrays[f"{i}.bias"] = b.astype(case.dtype)
        hidden = [t for t in range(hidden_sizes[i]) if t % 5 != 3]
        columns = [rng.randrange(columns_of[i]) for _ in hidden]
        a = [entry(case, 2 * i, t, j) for t, j in zip(hidden, columns, strict=True)]
        first.append(list(zip(columns, a, strict=True)))
        bits = np.zeros((rows, len(hidden)), dtype=np.uint8)
        second.append([])
        for o in range(rows):
            row = {t: entry(case, 2 * i + 1, o, hidden[t]) for t in range(len(hidden))}
            chosen: list[int] = []
            scale = Fraction(2) ** -case.scales[i]
            total = Fraction(2) ** -sum(case.scales[: i + 1])
            for j in range(columns_of[i]):
                for sign in (1, -1) if case.activation == "relu" else (0,):
                    goal = biases[i][o] * total if j == inputs else weights[i][o][j] * scale
                    terms = {
                        t: (a[t] * (sign or 1)) * row[t]
                        for t in row
                        if columns[t] == j and a[t] * sign >= 0
                    }
                    terms = dict(list(terms.items())[:6])
                    chosen += nearest_subset(terms, goal * (sign or 1))
            second[i].append({t: row[t] for t in sorted(chosen)})
            bits[o, chosen] = 1
        mask_arrays[f"{i}.hidden"] = np.array(hidden, dtype=np.int64)
        mask_arrays[f"{i}.inputs"] = np.array(columns, dtype=np.int64)
        mask_arrays[f"{i}.kept"] = np.packbits(bits, axis=1, bitorder="little")
        numbers = [*a, *(b for row in second[i] for b in row.values())]
        drawn += b"".join(int(v * 2**24).to_bytes(4, "little", signed=True) for v in numbers)
    written = Written(case, weights, biases, first, second)
    save_file(target_arrays, directory / "target.safetensors")
    save_file(mask_arrays, directory / "mask.safetensors")
    widths = [n for pair in zip(case.sizes, hidden_sizes, strict=False) for n in pair]
    ticket = {
        "format": "strongltn-ticket",
        "version": 1,
        "construction": f"{case.activation}-diamond",
        "layers": [
            {"name": f"fc{i}", "inputs": n, "outputs": m, "bias": case.bias}
            for i, (n, m) in enumerate(itertools.pairwise(case.sizes))
        ],
        "source": {
            "generator": "philox4x32-10",
            "seed": case.seed,
            "law": case.law,
            "widths": [*widths, case.sizes[-1]],
            "inner_activation": case.activation,
        },
        "scale_exponents": list(case.scales[:num]),
        "samples_per_weight": case.samples,
        "sha256": {"target.safetensors": "", "mask.safetensors": ""},
        "drawn_sha256": hashlib.sha256(drawn).hexdigest(),
    }
    write_json(directory / "ticket.json", ticket)
    write_certificate(directory, written, rng)
    rehash(directory)
    return written


def errors(written: Written, i: int) -> tuple[list[Vector], Vector]:
    """Return E_i and e_b,i, summed straight from the kept entries."""
    case = written.case
    inputs, scale = case.sizes[i], Fraction(2) ** -case.scales[i]
    total = Fraction(2) ** -sum(case.scales[: i + 1])
    signed = case.activation == "relu" and i == 0 and case.domain != "unit"
    E, e = [], []
    for o, row in enumerate(written.second[i]):
        plus = [-w * scale for w in written.weights[i][o]]
        minus = [w * scale for w in written.weights[i][o]]
        offset = -written.biases[i][o] * total
        for t, b in row.items():
            j, a = written.first[i][t]
            if a > 0 or case.activation == "linear":
                if j == inputs:
                    offset += a * b
                else:
                    plus[j] += a * b
            elif j < inputs:
                minus[j] += -a * b
        E.append(plus + minus if signed else plus)
        e.append(offset)
    return E, e


def write_certificate(directory: Path, written: Written, rng: random.Random) -> None:
    """Write certificate.json and witness.safetensors with the tightest values of each rule."""
    case = written.case
    num, unit = len(case.sizes) - 1, Fraction(2) ** CENTER_EXPONENT
    ends = domain_ends(case)
    arrays: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    claims: list[tuple[Fraction, ...]] = []
    methods: dict[str, dict[str, Vector]] = {
        name: {"activation": [], "error": [], "difference": []}
        for name in ("spectral-triangle", "centre-split")
    }
    lower, upper = [ends[0]] * case.sizes[0], [ends[1]] * case.sizes[0]
    centers: list[Vector] = []
    W: list[Vector] = []
    b: Vector = []
    for i in range(num):
        E, e = errors(written, i)
        before, before_b = W, b
        W = [[w * Fraction(2) ** -case.scales[i] for w in row] for row in written.weights[i]]
        b = [v * Fraction(2) ** -sum(case.scales[: i + 1]) for v in written.biases[i]]
        if i > 0:
            boxes = [
                interval(row, v, (lower, upper)) for row, v in zip(before, before_b, strict=True)
            ]
            if i == 1 and case.domain == "ball":
                reach = [ends[1] * root_up(square(row)) for row in before]
                boxes = [(v - r, v + r) for v, r in zip(before_b, reach, strict=True)]
            lower = [math.floor(max(low, ZERO) / unit) * unit for low, _ in boxes]
            upper = [math.ceil(max(high, ZERO) / unit) * unit for _, high in boxes]
            arrays[f"{i}.lower"] = np.array([int(v / unit) for v in lower])
            arrays[f"{i}.upper"] = np.array([int(v / unit) for v in upper])
        on_ball = i == 0 and case.domain == "ball"
        c = [
            ZERO if on_ball else math.floor((low + high) / 2 / unit) * unit
            for low, high in zip(lower, upper, strict=True)
        ]
        far = [max(u - m, m - v) for v, m, u in zip(lower, c, upper, strict=True)]
        rho = ends[1] if on_ball else root_up(square(far))
        N_W, arrays[f"{i}.weight_witness"] = cholesky_witness(W)
        N_E, arrays[f"{i}.error_witness"] = cholesky_witness(E)
        N_b = root_up(square(e))
        arrays[f"{i}.center"] = np.array([int(v / unit) for v in c])
        centers.append(c)
        claims.append((N_W, N_E, N_b, rho))
        signed = len(E[0]) > len(c)
        split = [max(v, ZERO) for v in c] + [max(-v, ZERO) for v in c] if signed else c
        at_center = [dot(row, split) + v for row, v in zip(E, e, strict=True)]
        sides = [max(abs(v), abs(u)) for v, u in zip(lower, upper, strict=True)]
        for name, method in methods.items():
            X, T, D = method["activation"], method["error"], method["difference"]
            if i == 0:
                X.append(ends[1] if on_ball else root_up(square(sides)))
            else:
                rules = [claims[i - 1][0] * X[-1] + root_up(square(before_b))]
                if name == "centre-split":
                    image = [dot(r, centers[-2]) + v for r, v in zip(before, before_b, strict=True)]
                    rules.append(root_up(square(image)) + claims[i - 1][0] * claims[i - 1][3])
                    rules.append(root_up(square(sides)))
                X.append(min(rules))
            rules = [N_E * X[-1] + N_b]
            if name == "centre-split":
                rules.append(root_up(square(at_center)) + N_E * rho)
            T.append(min(rules))
            D.append(T[-1] + ((N_W + N_E) * D[-1] if i else ZERO))
        layers.append(
            {
                "weight_norm": text(N_W),
                "error_norm": text(N_E),
                "bias_error_norm": text(N_b),
                "center_radius": text(rho),
                "weight_witness_exponent": WITNESS_EXPONENT,
                "error_witness_exponent": WITNESS_EXPONENT,
                "center_exponent": CENTER_EXPONENT,
            }
        )
    points = [written.random_input(rng) for _ in range(20)]
    best = max(points, key=written.difference_squared)
    arrays["attack"] = np.array([int(v * 2**40) for v in best])
    scale = Fraction(2) ** sum(case.scales[:num])
    box = {"kind": "box", "lower": text(ends[0]), "upper": text(ends[1])}
    certificate = {
        "format": "strongltn-certificate",
        "version": 1,
        "ticket_sha256": "",
        "witness_sha256": "",
        "domain": {"kind": "ball", "radius": text(ends[1])} if case.domain == "ball" else box,
        "output_norm": 2,
        "layers": layers,
        "methods": {
            name: {key: [text(v) for v in values] for key, values in method.items()}
            for name, method in methods.items()
        },
        "upper_bound": text(scale * min(m["difference"][-1] for m in methods.values())),
        "lower_bound": text(root_down(written.difference_squared(best))),
        "attack_exponent": -40,
    }
    save_file({k: np.array(v, dtype=np.int64) for k, v in arrays.items()}, directory / WITNESS)
    write_json(directory / "certificate.json", certificate)


WITNESS = "witness.safetensors"


def interval(row: Vector, bias: Fraction, box: tuple[Vector, Vector]) -> tuple[Fraction, Fraction]:
    ends = [sorted((w * v, w * u)) for w, v, u in zip(row, *box, strict=True)]
    return bias + sum(low for low, _ in ends), bias + sum(high for _, high in ends)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


def rehash(directory: Path) -> None:
    """Make the stated digests of the files true again; all other text stays as it is."""
    stated = {
        "target.safetensors": ("target.safetensors", "ticket.json"),
        "mask.safetensors": ("mask.safetensors", "ticket.json"),
        "ticket_sha256": ("ticket.json", "certificate.json"),
        "witness_sha256": (WITNESS, "certificate.json"),
    }
    for key, (file, document) in stated.items():
        digest = hashlib.sha256((directory / file).read_bytes()).hexdigest().encode()
        before = (directory / document).read_bytes()
        pattern = rb'("%s": )"[^"]*"' % key.encode()
        (directory / document).write_bytes(re.sub(pattern, rb'\1"' + digest + b'"', before))


def edit_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Apply `edit` to the parsed document and write it back."""
    document = json.loads(path.read_text())
    edit(document)
    write_json(path, document)


def edit_arrays(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Apply `edit` to the arrays of a safetensors file and write them back."""
    arrays = {key: array.copy() for key, array in load_file(path).items()}
    edit(arrays)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path)
