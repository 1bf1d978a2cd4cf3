"""Which ticket to write, and the two networks behind it, evaluated in plain fractions."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from fractions import Fraction

from plain_tickets.arithmetic import ZERO, Vector, dot, plus, square

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
