"""The inequalities: norms from witnesses, enclosures, the recursion, and the attack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz_mat

from proofs_check.certificate.effective import Layer
from proofs_check.certificate.exact import Dyadic, decimal
from proofs_check.certificate.reader import Rejected, require
from proofs_check.certificate.schema import Domain

_ZERO = Fraction(0)
# (r, q) stands for the number r + sqrt(q).
RootSum = tuple[Fraction, Fraction]


def require_bound(statement: str, claimed: Fraction, sums: Iterable[RootSum]) -> None:
    """Prove ``r + sqrt(q) <= claimed`` for at least one of `sums`, taking no root, or reject."""
    needed = []
    for r, q in sums:
        if claimed - r >= 0 and q <= (claimed - r) ** 2:
            return
        root = Context(prec=20).sqrt(Decimal(decimal(q, 20)))
        needed.append(f"{decimal(r, 20)} + {root}")
    sides = f"claimed {decimal(claimed, 20)}, needed about {' or '.join(needed)}"
    raise Rejected(f"{statement}: {sides}")


def prove_spectral_norm(statement: str, A: Dyadic, *, claimed: Fraction, witness: Dyadic) -> None:
    """Prove claimed >= ||A||, or reject; `claimed` must not be negative.

    With G the smaller Gram matrix and L the triangular witness, R = claimed^2 I - G - L L^T is
    symmetric. Diagonally dominant with a diagonal >= 0, it is positive semidefinite (Gershgorin),
    and L L^T is so in any case: claimed^2 I >= G.
    """
    rows, columns = A.numerators.shape
    n = min(rows, columns)
    factor = fmpz_mat(rows, columns, A.numerators.ravel().tolist())
    gram = factor * factor.transpose() if n == rows else factor.transpose() * factor
    triangle = np.zeros((n, n), dtype=object)
    triangle[np.tril_indices(n)] = witness.numerators
    L = fmpz_mat(n, n, triangle.ravel().tolist())
    square, exponent = claimed.numerator**2, 2 - 2 * claimed.denominator.bit_length()
    grid = min(2 * A.exponent, 2 * witness.exponent, exponent)
    rest = gram * (1 << (2 * A.exponent - grid))
    rest += L * L.transpose() * (1 << (2 * witness.exponent - grid))
    entries = np.array([int(entry) for entry in rest.entries()], dtype=object).reshape(n, n)
    diagonal = (square << (exponent - grid)) - np.diagonal(entries)
    others = np.abs(entries).sum(axis=1) - np.abs(np.diagonal(entries))
    for j in np.flatnonzero(diagonal < others)[:1]:
        left, right = (int(side[j]) * Fraction(2) ** grid for side in (diagonal, others))
        sides = f"R_jj = {decimal(left, 20)}, sum |R_jk| = {decimal(right, 20)}"
        raise Rejected(f"{statement}: row {j} of its witness, R_jj >= sum |R_jk|: {sides}")


@dataclass(frozen=True)
class Region:
    """Where the input x_i of a layer lies: lower <= x_i <= upper, and ||x_i - center|| <= radius.

    `ball` is the radius of the domain for the input of layer 0 on a ball, else None.
    """

    lower: Dyadic
    upper: Dyadic
    center: Dyadic
    radius: Fraction
    ball: Fraction | None


def input_region(domain: Domain, center: Dyadic, radius: Fraction) -> Region:
    """Return the region of the input itself."""
    size = center.numerators.size
    lower, upper = Dyadic.filled(domain.lower, size), Dyadic.filled(domain.upper, size)
    return Region(lower, upper, center, radius, domain.upper if domain.is_ball else None)


def prove_enclosure(i: int, region: Region, *, before: Region, layer: Layer) -> None:
    """Prove that the region of x_i follows from that of x_{i-1}, through `layer` and a ReLU."""
    name = f"layer {i}: the enclosure holds its input"
    if before.ball is None:
        plus, minus = layer.weight.relu(), (-layer.weight).relu()
        highest = plus @ before.upper - minus @ before.lower + layer.bias
        lowest = plus @ before.lower - minus @ before.upper + layer.bias
        over = (region.upper - highest.relu()).first_negative()
        require(over is None, f"{name}: upper is too small at coordinate {over}")
        under = (lowest.relu() - region.lower).first_negative()
        require(under is None, f"{name}: lower is too large at coordinate {under}")
        return
    vectors = (region.lower.fractions(), region.upper.fractions(), layer.bias.fractions())
    for j, (lower, upper, bias) in enumerate(zip(*vectors, strict=True)):
        row = Dyadic(layer.weight.numerators[j], layer.weight.exponent)
        square = before.ball**2 * row.norm_squared()
        require_bound(f"{name}: upper at coordinate {j}", upper, [(bias, square)])
        # Behind the ReLU: nothing is below 0, and an upper end below 0 would be false.
        require(upper >= 0, f"{name}: upper at coordinate {j} >= 0")
        if lower > 0:
            require_bound(f"{name}: minus lower at coordinate {j}", -lower, [(-bias, square)])


def prove_center(i: int, region: Region) -> None:
    """Prove that x_i stays within the stated radius of the centre."""
    if region.ball is not None:
        require(not region.center.numerators.any(), f"layer {i}: the centre is 0 on a ball")
        sums = [(region.ball, _ZERO)]
    else:
        farthest = (region.upper - region.center).maximum(region.center - region.lower)
        sums = [(_ZERO, farthest.norm_squared())]
    require_bound(f"layer {i}: center_radius >= distance to the centre", region.radius, sums)


def prove_recursion(
    name: str,
    layers: list[Layer],
    regions: list[Region],
    *,
    claims: list[dict[str, Any]],
    method: dict[str, list[Fraction]],
) -> None:
    """Prove X_i, T_i and D_i of the method `name`, layer by layer."""
    # Centre-split may use any of the rules, the triangle only the first of each list.
    rules = slice(None) if name == "centre-split" else slice(1)
    X, T, D = method["activation"], method["error"], method["difference"]
    for i, (layer, region, claim) in enumerate(zip(layers, regions, claims, strict=True)):
        N_W, N_E = claim["weight_norm"], claim["error_norm"]
        inside = (_ZERO, region.upper.maximum(-region.lower).norm_squared())
        if region.ball is not None:
            bounds = [(region.ball, _ZERO)]
        elif i == 0:
            bounds = [inside]
        else:
            last, norm = layers[i - 1], claims[i - 1]["weight_norm"]
            image = last.weight @ regions[i - 1].center + last.bias
            bounds = [
                (norm * X[i - 1], last.bias.norm_squared()),
                (norm * regions[i - 1].radius, image.norm_squared()),
                inside,
            ]
        require_bound(f"{name}: X_{i} >= sup ||x_{i}||", X[i], bounds[rules])
        center = region.center
        if layer.error.numerators.shape[1] != center.numerators.size:  # E is [E+ | E-]
            center = center.relu().beside((-center).relu())
        image = layer.error @ center + layer.bias_error
        bounds = [
            (N_E * X[i] + claim["bias_error_norm"], _ZERO),
            (N_E * region.radius, image.norm_squared()),
        ]
        require_bound(f"{name}: T_{i} >= error of layer {i}", T[i], bounds[rules])
        total = T[i] if i == 0 else (N_W + N_E) * D[i - 1] + T[i]
        require_bound(f"{name}: D_{i} >= difference after layer {i}", D[i], [(total, _ZERO)])


def prove_attack(layers: list[Layer], point: Dyadic, domain: Domain) -> Fraction:
    """Prove that `point` lies in the domain; return ||f'(point) - g'(point)||^2, exactly."""
    if domain.is_ball:
        require_bound("||attack|| <= radius", domain.upper, [(_ZERO, point.norm_squared())])
    else:
        size = point.numerators.size
        above = (Dyadic.filled(domain.upper, size) - point).first_negative()
        require(above is None, f"the attack lies in the box: coordinate {above} > upper")
        below = (point - Dyadic.filled(domain.lower, size)).first_negative()
        require(below is None, f"the attack lies in the box: coordinate {below} < lower")
    x = y = point
    for i, layer in enumerate(layers):
        if i > 0:
            x, y = x.relu(), y.relu()
        x = layer.weight @ x + layer.bias
        if layer.minus is None:
            y = layer.plus @ y + layer.offset
        else:
            y = layer.plus @ y.relu() + layer.minus @ (-y).relu() + layer.offset
    return (x - y).norm_squared()
