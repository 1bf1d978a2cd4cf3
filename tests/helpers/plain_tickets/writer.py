"""Ticket directories that are true: the network, its mask by brute force, and its certificate."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from oracles import source_entry
from safetensors.numpy import save_file
from ticket_files import CERTIFICATE, MASK, TARGET, TICKET, WITNESS, number

from plain_tickets.arithmetic import ZERO, Vector, dot, plus, root_down, root_up, square, text
from plain_tickets.differential import Differential, cut
from plain_tickets.edits import rehash, write_json
from plain_tickets.network import (
    LOCAL_EXPONENT,
    RADIUS,
    Case,
    LayerForms,
    Written,
    domain_ends,
    errors,
)
from plain_tickets.quadratic import quadratic

WITNESS_EXPONENT = -40
NO_DIGEST = 64 * "0"  # until `rehash` puts the true one there


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
    rng, entry = random.Random(case.seed), partial(source_entry, case.law, seed=case.seed)
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
        a = [entry(layer=2 * i, row=t, column=j) for t, j in zip(hidden, columns, strict=True)]
        first.append(list(zip(columns, a, strict=True)))
        bits = np.zeros((rows, len(hidden)), dtype=np.uint8)
        second.append([])
        for o in range(rows):
            row = {t: entry(layer=2 * i + 1, row=o, column=hidden[t]) for t in range(len(hidden))}
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
    save_file(target_arrays, directory / TARGET)
    save_file(mask_arrays, directory / MASK)
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
        "sha256": {TARGET: NO_DIGEST, MASK: NO_DIGEST},
        "drawn_sha256": hashlib.sha256(drawn).hexdigest(),
    }
    write_json(directory / TICKET, ticket)
    write_certificate(directory, written, rng)
    rehash(directory)
    return written


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
        least.append(number(methods[name]["difference"][-1]))
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
        least.append(number(entry["bound"]))
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
        "ticket_sha256": NO_DIGEST,
        "witness_sha256": NO_DIGEST,
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
    write_json(directory / CERTIFICATE, certificate)


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
