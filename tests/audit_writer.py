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
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from safetensors.numpy import load_file, save_file

Vector = list[Fraction]
ZERO = Fraction(0)
WITNESS_EXPONENT = -40
RANGE_EXPONENTS = (-24, -40)
MULTIPLIER_EXPONENT = -20
UNIT_EXPONENT = -5
LOCAL_EXPONENT = -3


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
    norm: int | str = 2
    tree: tuple[int, ...] = ()
    has_quadratic: bool = True


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
        """Return ||f(x) - g(x)||^2 in the norm of the case."""
        d = [a - b for a, b in zip(self.target(x), self.pruned(x), strict=True)]
        return square(d) if self.case.norm == 2 else max(v * v for v in d)

    def pre_activations(self, x: Vector) -> list[tuple[Vector, Vector]]:
        """Return z_i and d_i of the scaled networks, layer by layer."""
        found = []
        for i in range(1, len(self.weights) + 1):
            case = replace(self.case, scales=self.case.scales[:i])
            parts = (self.weights, self.biases, self.first, self.second)
            cut = Written(case, *(part[:i] for part in parts))
            f, g, unit = cut.target(x), cut.pruned(x), Fraction(2) ** -sum(case.scales)
            found.append(
                ([v * unit for v in f], [(u - v) * unit for u, v in zip(g, f, strict=True)])
            )
        return found

    def random_input(self, rng: random.Random) -> Vector:
        """Return a point of the domain on a dyadic grid; often a corner."""
        steps = [0, 1024] if rng.random() < 0.3 else range(1025)
        x = [
            low + (high - low) * Fraction(rng.choice(steps), 1024)
            for low, high in zip(*domain_ends(self.case), strict=True)
        ]
        while self.case.domain == "ball" and square(x) > RADIUS**2:
            x = [v / 2 for v in x]
        return x


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


RADIUS = Fraction(3, 2)
BOXES = {
    "ball": (-RADIUS, RADIUS),
    "box": (Fraction(-1, 2), Fraction(1)),
    "negative": (Fraction(-2), Fraction(-1)),
    "unit": (ZERO, Fraction(1)),
}


def domain_ends(case: Case) -> tuple[Vector, Vector]:
    """Return the ends of all coordinates; on the ball minus and plus the radius."""
    if case.domain == "local":  # of all signs, one of them a point
        unit, n = Fraction(2) ** LOCAL_EXPONENT, case.sizes[0]
        return [v * unit for v in (-3, 1, -5, 2)[:n]], [v * unit for v in (4, 3, -1, 2)[:n]]
    lower, upper = BOXES[case.domain]
    return [lower] * case.sizes[0], [upper] * case.sizes[0]


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
    signed = case.activation == "relu" and i == 0 and min(domain_ends(case)[0]) < 0
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
    num, ends = len(case.sizes) - 1, domain_ends(case)
    layers = [LayerForms(written, i) for i in range(num)]
    arrays: dict[str, Any] = {}
    norms, claims = [], []
    for i, layer in enumerate(layers):
        E, e = errors(written, i)
        N_W, arrays[f"{i}.weight_witness"] = cholesky_witness(layer.W)
        N_E, arrays[f"{i}.error_witness"] = cholesky_witness(E)
        norms.append((N_W, N_E, root_up(square(e))))
        claims.append(
            {
                "weight_norm": text(N_W),
                "error_norm": text(N_E),
                "bias_error_norm": text(norms[-1][2]),
                "weight_witness_exponent": WITNESS_EXPONENT,
                "error_witness_exponent": WITNESS_EXPONENT,
            }
        )
    reach = [max(abs(v), abs(u)) for v, u in zip(*ends, strict=True)]
    X_0 = RADIUS if case.domain == "ball" else root_up(square(reach))
    methods: dict[str, Any] = {}
    least = []
    names = [
        "differential-interval",
        "backward-differential",
        *(["input-splitting"] * (case.tree != ())),
    ]
    for name in names:
        prover = Differential(layers, case, is_backward=name != names[0], rng=rng)
        tree = case.tree if name == "input-splitting" else (-1,)
        leaves = [prover.prove(*box) for box in cut(ends, tree)]
        if name == "backward-differential":
            ranges = leaves[0][0]
        methods[name] = prover.entry(leaves, X_0)
        arrays |= prover.arrays(name, tree, leaves)
        least.append(undyadic(methods[name]["difference"][-1]))
        if case.norm == "inf":
            last = [end for leaf, _ in leaves for pair in leaf[-1][1] for end in pair]
            least.append(max(abs(v) for v in last))
    for name in ("spectral-triangle", "centre-split"):
        X, D = recursion(layers, norms, ranges if name == "centre-split" else None, case=case)
        methods[name] = {"activation": [text(v) for v in X], "difference": [text(v) for v in D]}
        least.append(D[-1])
    if case.has_quadratic:
        entry, found = quadratic(layers, case, ranges, rng)
        methods["quadratic"], arrays = entry, arrays | found
        least.append(undyadic(entry["bound"]))
    if case.domain == "local":
        for key, part in zip(("lower", "upper"), ends, strict=True):
            arrays[f"domain_{key}"] = [int(v / Fraction(2) ** LOCAL_EXPONENT) for v in part]
    points = [written.random_input(rng) for _ in range(20)]
    best = max(points, key=written.difference_squared)
    arrays["attack"] = np.array([int(v * 2**40) for v in best])
    domains = {
        "ball": {"kind": "ball", "radius": text(RADIUS)},
        "local": {"kind": "local-box", "exponent": LOCAL_EXPONENT},
    }
    box = {"kind": "box", "lower": text(ends[0][0]), "upper": text(ends[1][0])}
    certificate = {
        "format": "strongltn-certificate",
        "version": 2,
        "ticket_sha256": "",
        "witness_sha256": "",
        "domain": domains.get(case.domain, box),
        "output_norm": case.norm,
        "layers": claims,
        "methods": methods,
        "upper_bound": text(Fraction(2) ** sum(case.scales[:num]) * min(least)),
        "lower_bound": text(root_down(written.difference_squared(best))),
        "attack_exponent": -40,
    }
    whole = {k: np.ascontiguousarray(v, dtype=np.int64) for k, v in arrays.items()}
    save_file(whole, directory / WITNESS)
    write_json(directory / "certificate.json", certificate)


class LayerForms:
    """W, b, E+, E-, e of one layer of the scaled networks, as lists of fractions."""

    def __init__(self, written: Written, i: int) -> None:
        case, (E, self.e) = written.case, errors(written, i)
        self.W = [[w * Fraction(2) ** -case.scales[i] for w in row] for row in written.weights[i]]
        self.b = [v * Fraction(2) ** -sum(case.scales[: i + 1]) for v in written.biases[i]]
        n = len(self.W[0])
        self.is_signed = len(E[0]) > n
        self.E = [row[:n] for row in E]
        self.E_minus = [row[n:] if self.is_signed else [-v for v in row] for row in E]
        self.moved = [plus(*pair) for pair in zip(self.W, self.E, strict=True)]


def plus(a: Vector, b: Vector) -> Vector:
    return [u + v for u, v in zip(a, b, strict=True)]


def rows_times(vector: Vector, rows: list[Vector]) -> Vector:
    """Return vector @ rows."""
    return [dot(vector, list(column)) for column in zip(*rows, strict=True)]


Box = tuple[Vector, Vector]
Pair = tuple[Fraction, Fraction]
Leaf = tuple[list[tuple[list[Pair], list[Pair]]], list[list[Vector]]]


def cut(ends: Box, tree: tuple[int, ...]) -> list[Box]:
    """Return the leaves of a tree in preorder, recursively."""
    nodes = iter(tree)

    def grow(low: Vector, high: Vector) -> list[Box]:
        j = next(nodes)
        if j < 0:
            return [(low, high)]
        middle = (low[j] + high[j]) / 2
        return [
            *grow(low, [*high[:j], middle, *high[j + 1 :]]),
            *grow([*low[:j], middle, *low[j + 1 :]], high),
        ]

    return grow(*ends)


def highest(
    c: Fraction, g: Fraction, lam: Fraction, mu: Fraction, rect: tuple[Pair, Pair]
) -> Fraction:
    """Return max of c s(z) + g (s(z + d) - s(z)) - lam z - mu d over a rectangle.

    Over the vertices of the parts into which the two lines cut it, found one by one.
    """
    (z0, z1), (d0, d1) = rect
    vertices = [(z, d) for z in (z0, z1) for d in (d0, d1)]
    vertices += [(ZERO, d) for d in (d0, d1, ZERO)]
    vertices += [(z, -z) for z in (z0, z1)] + [(-d, d) for d in (d0, d1)]
    inside = [(z, d) for z, d in vertices if z0 <= z <= z1 and d0 <= d <= d1]
    values = []
    for z, d in inside:
        a, moved = max(z, ZERO), max(z + d, ZERO)
        values.append(c * a + g * (moved - a) - lam * z - mu * d)
    return max(values)


class Differential:
    """Ranges by multipliers, one statement after the other."""

    def __init__(
        self, layers: list[LayerForms], case: Case, *, is_backward: bool, rng: random.Random
    ) -> None:
        self.layers, self.case, self.rng = layers, case, rng
        self.is_backward = is_backward and len(layers) > 1

    def prove(self, low: Vector, high: Vector) -> Leaf:
        """Return the ranges of all layers on one leaf, and the rows of all multipliers."""
        ranges: list[tuple[list[Pair], list[Pair]]] = []
        multipliers: list[list[Vector]] = []
        for i, layer in enumerate(self.layers):
            none = [ZERO] * len(layer.W[0])
            ends: list[list[Fraction]] = []
            rows: list[Vector] = []
            for kind in (-1, 1, -2, 2):
                ends.append([])
                for o in range(len(layer.W)):
                    sign = Fraction(1 if kind > 0 else -1)
                    if abs(kind) == 1:
                        c, g, constant = layer.W[o], none, layer.b[o]
                        minus = [-v for v in c]
                    else:
                        c, g, constant = layer.E[o], layer.moved[o], layer.e[o]
                        minus = layer.E_minus[o]
                    scaled = [[sign * v for v in part] for part in (c, g, minus)]
                    end, row = self.bound(i, ranges, scaled, (low, high))
                    grid = Fraction(2) ** RANGE_EXPONENTS[abs(kind) - 1]
                    ends[-1].append(math.ceil((end + sign * constant) / grid) * grid * sign)
                    rows.append(row)
            ranges.append((list(zip(*ends[:2], strict=True)), list(zip(*ends[2:], strict=True))))
            multipliers.append(rows)
        return ranges, multipliers

    def bound(self, i: int, ranges: Any, parts: list[Vector], box: Box) -> tuple[Fraction, Vector]:
        """Return a number >= sup of c x_i + g D_i (or p s(x) + m s(-x)), and the multipliers."""
        c, g, minus = parts
        total, row = ZERO, []
        for k in range(i - 1, -1, -1):
            rects = list(zip(*ranges[k], strict=True))
            lam, mu = self.slopes(c, g, rects)
            total += sum(map(highest, c, g, lam, mu, rects))
            row += [*lam, *mu]
            layer = self.layers[k]
            total += dot(lam, layer.b) + dot(mu, layer.e)
            c = plus(rows_times(lam, layer.W), rows_times(mu, layer.E))
            minus = [-v for v in rows_times(lam, layer.W)]
            minus = plus(minus, rows_times(mu, layer.E_minus))
            g = rows_times(mu, layer.moved)
        if self.case.domain == "ball":
            reach = [max(u, v, ZERO) for u, v in zip(c, minus, strict=True)]
            return total + RADIUS * root_up(square(reach)), row
        for p, m, low, high in zip(c, minus, *box, strict=True):
            points = {low, high, min(max(ZERO, low), high)}
            total += max(p * max(t, ZERO) + m * max(-t, ZERO) for t in points)
        return total, row

    def slopes(self, c: Vector, g: Vector, rects: list[tuple[Pair, Pair]]) -> tuple[Vector, Vector]:
        """Return multipliers: chords and random shares of c and g."""
        lam, mu = [], []
        for u, v, ((z0, z1), (d0, d1)) in zip(c, g, rects, strict=True):
            if not self.is_backward or (z1 <= 0 and z1 + d1 <= 0):
                share, part = ZERO, ZERO
            elif z0 >= 0 and z0 + d0 >= 0:
                share, part = Fraction(1), Fraction(1)
            else:
                share = min(max(z1 / (z1 - z0), ZERO), Fraction(1)) if z1 > z0 else ZERO
                part = Fraction(self.rng.randrange(5), 4)
            grid = Fraction(2) ** MULTIPLIER_EXPONENT
            lam.append(round(share * u / grid) * grid)
            mu.append(round(part * v / grid) * grid)
        return lam, mu

    def entry(self, leaves: list[Leaf], X_0: Fraction) -> dict[str, Any]:
        """Return the entry of certificate.json."""
        X, D = [X_0], []
        for i in range(len(self.layers)):
            size = max(square([max(abs(v), abs(u)) for v, u in leaf[i][1]]) for leaf, _ in leaves)
            D.append(root_up(size))
            X.append(
                root_up(max(square([max(u, ZERO) for _, u in leaf[i][0]]) for leaf, _ in leaves))
            )
        return {
            "activation": [text(v) for v in X[:-1]],
            "difference": [text(v) for v in D],
            "range_exponents": [list(RANGE_EXPONENTS) for _ in self.layers],
            "multiplier_exponents": [MULTIPLIER_EXPONENT for _ in self.layers[1:]]
            * self.is_backward,
        }

    def arrays(self, name: str, tree: tuple[int, ...], leaves: list[Leaf]) -> dict[str, Any]:
        """Return the arrays of the witness."""
        found: dict[str, Any] = {f"{name}.tree": tree}
        for i in range(len(self.layers)):
            for k, kind in enumerate(("target", "difference")):
                grid = Fraction(2) ** RANGE_EXPONENTS[k]
                found[f"{name}.{i}.{kind}"] = [
                    [[int(pair[side] / grid) for pair in leaf[i][k]] for side in (0, 1)]
                    for leaf, _ in leaves
                ]
            if i > 0 and self.is_backward:
                grid = Fraction(2) ** MULTIPLIER_EXPONENT
                found[f"{name}.{i}.multipliers"] = [
                    [[int(v / grid) for v in row] for row in rows[i]] for _, rows in leaves
                ]
        return found


def recursion(
    layers: list[LayerForms], norms: list[Any], ranges: Any, *, case: Case
) -> tuple[Vector, Vector]:
    """Return the least X_i and D_i; by the centre split if `ranges` are given."""
    low, high = domain_ends(case)
    reach = [max(abs(v), abs(u)) for v, u in zip(low, high, strict=True)]
    X, D = [RADIUS if case.domain == "ball" else root_up(square(reach))], []
    for i, (layer, (N_W, N_E, N_b)) in enumerate(zip(layers, norms, strict=True)):
        past = (N_W + N_E) * D[-1] if i else ZERO
        rules = [past + N_E * X[i] + N_b]
        sizes = [N_W * X[i] + root_up(square(layer.b))]
        if ranges is not None:
            c = [(v + u) / 2 for v, u in zip(low, high, strict=True)]
            far = root_up(square([(u - v) / 2 for v, u in zip(low, high, strict=True)]))
            rho = RADIUS if case.domain == "ball" and i == 0 else far
            E_c = [
                sum(p * max(t, ZERO) + m * max(-t, ZERO) for p, m, t in zip(*rows, c, strict=True))
                for rows in zip(layer.E, layer.E_minus, strict=True)
            ]
            rules.append(past + root_up(square(plus(E_c, layer.e))) + N_E * rho)
            image = [dot(row, c) + v for row, v in zip(layer.W, layer.b, strict=True)]
            sizes.append(root_up(square(image)) + N_W * rho)
            low, high = ([max(v, ZERO) for v in part] for part in zip(*ranges[i][0], strict=True))
            sizes.append(root_up(square(high)))
        D.append(min(rules))
        X.append(min(sizes))
    return X[:-1], D


def quadratic(
    layers: list[LayerForms], case: Case, ranges: Any, rng: random.Random
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return entry and arrays of a crude but valid quadratic certificate."""
    eps, n = Fraction(2) ** UNIT_EXPONENT, case.sizes[0]
    low, high = domain_ends(case)
    is_ball, is_signed = case.domain == "ball", layers[0].is_signed
    lifted = [j for j in range(n) if is_signed and low[j] < 0 < high[j]]
    kinds = [[kind_of(*pair) for pair in zip(*layer, strict=True)] for layer in ranges[:-1]]
    names: list[Any] = [("y", j) for j in range(n)] + [("q", j) for j in lifted]
    for i, layer_kinds in enumerate(kinds):
        for letter in "aD":
            names += [(letter, i, t) for t, kind in enumerate(layer_kinds) if abs(kind) == 1]
    names.append("1")
    place = {name: k for k, name in enumerate(names)}

    def unit(name: Any, scale: Fraction = Fraction(1)) -> Any:
        vector = np.array([ZERO] * len(names), dtype=object)
        vector[place[name]] = scale
        return vector

    x, sizes = [], []
    for j in range(n):
        c, r, h = (low[j] + high[j]) / 2, (high[j] - low[j]) / 2, max(-low[j], high[j]) / 2
        x.append(unit(("y", j)) if is_ball else unit("1", c) + unit(("y", j), r))
        if j in lifted:
            sizes.append(unit(("q", j)) if is_ball else unit("1", h) + unit(("q", j), h))
        else:
            sizes.append(x[j] if low[j] >= 0 else -x[j])
    up = [(v + u) / 2 for v, u in zip(x, sizes, strict=True)]
    down = [(u - v) / 2 for v, u in zip(x, sizes, strict=True)]
    if not is_signed:
        up, down = x, [0 * v for v in x]
    a, D = x, [0 * v for v in x]
    products: dict[str, list[Any]] = {name: [] for name in FAMILIES}
    costs = []
    for j in range(n):
        y = unit(("y", j))
        if j in lifted:
            products["modulus"].append([(x[j], x[j], 1), (sizes[j], sizes[j], -1)])
        if not is_ball:
            products["domain"].append([(unit("1"), unit("1"), 1), (y, y, -1)])
    for j in lifted if not is_ball else []:
        q = unit(("q", j))
        products["domain"].append([(unit("1"), unit("1"), 1), (q, q, -1)])
    if is_ball:
        terms = [(unit(("y", j)), unit(("y", j)), -1) for j in range(n)]
        products["domain"].append([(unit("1"), unit("1"), RADIUS**2), *terms])
    for i, layer in enumerate(layers):
        z, d = [], []
        for o, row in enumerate(layer.W):
            z.append(sum((w * v for w, v in zip(row, a, strict=True)), unit("1", layer.b[o])))
            parts = [w * v for w, v in zip(layer.moved[o], D, strict=True)]
            errors = [w * v / eps for w, v in zip(layer.E[o], a if i else up, strict=True)]
            if not i:
                errors += [w * v / eps for w, v in zip(layer.E_minus[o], down, strict=True)]
            d.append(sum(parts + errors, unit("1", layer.e[o] / eps)))
        if i + 1 == len(layers):
            break
        a, D = [], []
        for t, kind in enumerate(kinds[i]):
            if abs(kind) != 1:
                a.append(z[t] * (kind > 0))
                D.append(d[t] * (kind > 0))
                continue
            A, M = unit(("a", i, t)), unit(("D", i, t))
            a.append(A if kind > 0 else z[t] + A)
            D.append(M if kind > 0 else d[t] + M)
            z_t, d_t, (ends, moves) = z[t] * kind, d[t] * kind, (ranges[i][0][t], ranges[i][1][t])
            products["activation"].append([(A, z_t, 1), (A, A, -1)])
            products["difference"].append([(M, d_t, 1), (M, M, -1)])
            products["first"].append([(A, M, 1), (A, d_t, -1)])
            products["second"].append([(M, A, 1), (M, z_t, -1)])
            top = max(ZERO, *(end * kind for end in ends))
            products["ceiling"].append([(unit("1"), A, top), (A, A, -1)])
            costs.append(eps * (max(abs(v) for v in moves) / eps) ** 2 / 4)
    switching = [sum(abs(kind) == 1 for kind in layer_kinds) for layer_kinds in kinds]
    depth = [i for i, count in enumerate(switching) for _ in range(count)]
    matrices = {key: [symmetric(terms) for terms in found] for key, found in products.items()}
    B = np.array([list(v) for v in d], dtype=object)
    for power in range(2, 60, 2):
        theta = crude_multipliers(products, depth, power=power, case=case, rng=rng)
        S = sum(t * Q for key in FAMILIES for t, Q in zip(theta[key], matrices[key], strict=True))
        M = np.block([[-S, -B.T], [-B, np.array(np.eye(len(B), dtype=int), dtype=object)]])
        tau = tau_of(M, len(names) - 1)
        if tau is not None:
            M[len(names) - 1, len(names) - 1] += tau
            break
    factor = balanced_factor(M)
    exponent = -45
    top = n + len(lifted)
    whole = np.rint(np.ldexp(factor, -exponent)).astype(np.int64)
    numbers = [dyadic_parts(t) for key in FAMILIES for t in theta[key]]
    total = tau
    for key in ("first", "second"):
        total += sum(max(ZERO, -t) * cost for t, cost in zip(theta[key], costs, strict=True))
    entry = {
        "unit_exponent": UNIT_EXPONENT,
        "tau": text(tau),
        "factor_exponent": exponent,
        "bound": text(root_up(total * eps**2)),
    }
    arrays = {
        "quadratic.multipliers": np.array(numbers, dtype=np.int64).T,
        "quadratic.diagonal": np.diag(whole)[:top],
        "quadratic.factor": whole[top:],
    }
    return entry, arrays


FAMILIES = ("domain", "modulus", "activation", "difference", "first", "second", "ceiling")


def kind_of(z: Pair, d: Pair) -> int:
    """Return 2 for on, -2 for off, 1 for switching, -1 for mirrored."""
    if min(z[0], z[0] + d[0]) >= 0:
        return 2
    if max(z[1], z[1] + d[1]) <= 0:
        return -2
    return -1 if z[0] + z[1] > 0 else 1


def symmetric(terms: list[Any]) -> Any:
    """Return the matrix of a sum of products of two forms."""
    return sum((np.outer(u, v) + np.outer(v, u)) * scale / Fraction(2) for u, v, scale in terms)


def crude_multipliers(
    products: dict[str, list[Any]], depth: list[int], *, power: int, case: Case, rng: random.Random
) -> dict[str, Vector]:
    """Return multipliers that grow from outputs to inputs, and small ones of either sign."""
    last, gain = max(depth, default=0), 4 * power
    base = [Fraction(2) ** (power + gain * (last - i)) for i in depth]
    domain = Fraction(2) ** (power + gain * (last + 1))
    small = [v * Fraction((-1) ** t, 2**10) for t, v in enumerate(base)]
    modulus = domain / (2 if case.domain == "ball" else rng.choice([-(2**6), 2**6]))
    return {
        "domain": [domain] * len(products["domain"]),
        "modulus": [modulus] * len(products["modulus"]),
        "activation": base,
        "difference": base,
        "first": small,
        "second": [-v for v in small],
        "ceiling": [abs(v) for v in small],
    }


def tau_of(M: Any, one: int) -> Fraction | None:
    """Return a tau that makes M positive definite, or None."""
    floats = M.astype(float)
    keep = np.delete(np.arange(len(floats)), one)
    inner, cross = floats[np.ix_(keep, keep)], floats[keep, one]
    scale = 1 / np.sqrt(np.maximum(np.diag(inner), 1e-300))
    inner, cross = inner * scale * scale[:, None], cross * scale
    if not (np.diag(inner) > 0.5).all() or np.linalg.eigvalsh(inner).min() < 1e-6:
        return None
    need = cross @ np.linalg.solve(inner, cross) - floats[one, one]
    return dyadic_up(Fraction(max(need * 1.001, 0.0)) + Fraction(abs(floats[one, one])) / 1000 + 1)


def balanced_factor(M: Any) -> Any:
    """Return a Cholesky factor, in floats, of the matrix scaled as in FORMAT.md."""
    scales = []
    for value in np.diag(M):
        # m 2^k with m of b bits: b + k is the position of the leading bit
        position = math.floor(value.numerator / value.denominator).bit_length()
        while not Fraction(2) ** (position - 1) <= value < Fraction(2) ** position:
            position += 1 if value >= Fraction(2) ** position else -1
        scales.append(-(position // 2))
    powers = np.array([Fraction(2) ** s for s in scales], dtype=object)
    scaled = (M * powers * powers[:, None]).astype(float)
    return np.linalg.cholesky(scaled - 1e-7 * np.eye(len(scaled)))


def dyadic_up(value: Fraction) -> Fraction:
    """Return a dyadic of few digits, just above a positive number."""
    unit = Fraction(2) ** (math.floor(value).bit_length() - 30)
    return math.ceil(value / unit) * unit


def dyadic_parts(value: Fraction) -> tuple[int, int]:
    """Return p and k with value = p 2^k, p odd or zero."""
    p, k = value.numerator, 1 - value.denominator.bit_length()
    while p and p % 2 == 0:
        p, k = p // 2, k + 1
    return p, k


def undyadic(value: str) -> Fraction:
    p, k = value.split("*2^")
    return int(p) * Fraction(2) ** int(k)


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
