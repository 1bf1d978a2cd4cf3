"""Ranges of both networks by multipliers: what the methods state of them, and their witness."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

from plain_tickets.arithmetic import ZERO, Vector, dot, plus, root_up, rows_times, square, text
from plain_tickets.network import RADIUS, Case, LayerForms

RANGE_EXPONENTS = (-24, -40)
MULTIPLIER_EXPONENT = -20
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
