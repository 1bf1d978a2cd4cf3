"""The certificate of the matrix inequality: crude multipliers, and a factor in floats."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np

from plain_tickets.arithmetic import ZERO, Vector, dyadic_parts, dyadic_up, root_up, text
from plain_tickets.differential import Pair
from plain_tickets.network import RADIUS, Case, LayerForms, domain_ends

UNIT_EXPONENT = -5


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
