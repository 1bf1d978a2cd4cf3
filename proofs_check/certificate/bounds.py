"""Norms and the quadratic bound from witnesses, the recursions, and the attack."""

from typing import Any

import numpy as np

from proofs_check.certificate.exact import Dyadic, join, require_bound, scattered
from proofs_check.certificate.ranges import Setting
from proofs_check.certificate.reader import require
from proofs_check.certificate.schema import EXPONENT

# Entries of a matrix over the state, which a short file could make many.
_MAX_ENTRIES = 1 << 25
_FAMILIES = ("domain", "modulus", "activation", "difference", "first", "second", "ceiling")


def prove_semidefinite(statement: str, M: Any, *, roots: Any, factor: Any) -> None:
    """Prove that a symmetric M is >= 0, or reject; its first rows, as many as roots, are diagonal.

    With K = [[diag(roots), 0], factor] the matrix R = M - K K^T is symmetric. Diagonally dominant
    with a diagonal >= 0, it is positive semidefinite (Gershgorin), and K K^T is so in any case.
    """
    n, diagonal = len(roots.numerators), M.map(np.diagonal)
    residual = M[n:] - join(factor[:, :n] * roots, factor @ factor.map(np.transpose))
    sizes, own = abs(residual), residual.map(np.diagonal, offset=n)
    others = join(sizes[:, :n].map(np.sum, axis=0), sizes.map(np.sum, axis=1) - abs(own))
    own = join(diagonal[:n] - roots * roots, own)
    require_bound(f"{statement}: R_jj >= sum |R_jk| of its witness", own, (others, 0, 0))


def prove_norms(setting: Setting, i: int) -> None:
    """Prove N_W >= ||W||, N_E >= ||E|| and N_b >= ||e|| of layer i, or reject."""
    layer, claim = setting.layers[i], setting.certificate["layers"][i]
    weight = layer.form[: layer.outputs, : layer.inputs]
    for kind, A in (("weight", weight), ("error", layer.error)):
        n, exponent = min(A.numerators.shape), claim[f"{kind}_witness_exponent"]
        triangle = setting.take(f"{i}.{kind}_witness", n * (n + 1) // 2, exponent=exponent)
        factor = scattered((n, n), (np.tril_indices(n), triangle))
        norm, transposed = claim[f"{kind}_norm"], A.map(np.transpose)
        gram = A @ transposed if len(A.numerators) == n else transposed @ A
        M = scattered((n, n), (np.diag_indices(n), norm * norm), (np.s_[:], -gram))
        prove_semidefinite(f"layer {i}: {kind}_norm", M, roots=triangle[:0], factor=factor)
    square = layer.constant[layer.outputs :].square_sum()
    require_bound(f"layer {i}: bias_error_norm", claim["bias_error_norm"], (0, square, 0))


def prove_recursion(setting: Setting, name: str, ranges: list[Any]) -> None:
    """Prove X_i and D_i layer by layer; with `ranges` by the rules of the centre split too."""
    claims, before, radius = setting.certificate["methods"][name], Dyadic(0), setting.radius
    X, D, norms = claims["activation"], claims["difference"], setting.certificate["layers"]
    rules, ends = [setting.reach], setting.ends
    for i, (layer, norm) in enumerate(zip(setting.layers, norms, strict=True)):
        N_W, N_E = norm["weight_norm"], norm["error_norm"]
        require_bound(f"{name}: X_{i} >= sup ||x_{i}||", X[i], *rules)
        rules = [(N_W * X[i], layer.constant[: layer.outputs].square_sum(), 0)]
        past = (N_W + N_E) * before
        choices = [(past + N_E * X[i] + norm["bias_error_norm"], 0, 0)]
        if ranges:
            # Both forms at the centre, and the square of the largest distance from it.
            center, square = (ends[0] + ends[1]).scaled(-1), (ends[1] - ends[0]).square_sum()
            far = square.scaled(-2) if i or radius is None else radius * radius
            image = layer.form @ join(center.relu(), (-center).relu()) + layer.constant
            choices.append((past, image[layer.outputs :].square_sum(), N_E * N_E * far))
            rules.append((0, image[: layer.outputs].square_sum(), N_W * N_W * far))
            ends = ranges[i][0, :, : layer.outputs].relu()
            rules.append((0, ends[1].square_sum(), 0))
        require_bound(f"{name}: D_{i} >= sup ||d_{i}||", D[i], *choices)
        before = D[i]


def difference_at(setting: Setting) -> Any:
    """Prove that the attack x* is an input; return g'(x*) - f'(x*), exactly."""
    x = setting.take("attack", setting.inputs, exponent=setting.certificate["attack_exponent"])
    if setting.radius is not None:
        require_bound("||attack|| <= radius", setting.radius, (0, x.square_sum(), 0))
    inside = (setting.ends[0] <= x) & (x <= setting.ends[1])
    require(inside.all(), "the attack must lie in the domain, lower <= attack <= upper")
    v = join(x.relu(), (-x).relu())
    for layer in setting.layers:
        value = layer.form @ v + layer.constant
        z, d = value[: layer.outputs], value[layer.outputs :]
        v = join(z.relu(), (z + d).relu() - z.relu())
    return d


def prove_quadratic(setting: Setting, ranges: list[Any]) -> None:
    """Prove the bound Q of the method `quadratic` from ranges on one leaf, or reject."""
    claim, state = setting.certificate["methods"]["quadratic"], _State(setting, ranges)
    eps, grid, tau = claim["unit_exponent"], claim["factor_exponent"], claim["tau"]
    n, total = state.q.stop, state.size + setting.layers[-1].outputs
    widest = max(total, *(2 * layer.outputs for layer in setting.layers))
    require(total * widest <= _MAX_ENTRIES, f"quadratic: too many entries: {total} x {widest}")
    roots = setting.take("quadratic.diagonal", n, exponent=grid)
    factor = setting.take("quadratic.factor", total - n, total, exponent=grid)
    sizes = [n if setting.radius is None else 1, state.lifted.size, *[state.a.size] * 5]
    p, k = setting.take("quadratic.multipliers", 2, sum(sizes), exponent=0).numerators
    require(all(n in EXPONENT for n in k), f"quadratic: exponents must lie in {EXPONENT}")
    column, ends = Dyadic((p << (k - k.min()))[:, None], k.min()), np.cumsum(sizes)
    parts = (column[end - size : end] for end, size in zip(ends, sizes, strict=True))
    theta = dict(zip(_FAMILIES, parts, strict=True))
    for name in ("domain", "difference", "ceiling"):
        require((theta[name] >= 0).all(), f"quadratic: multipliers of {name} must be >= 0")
    M = state.matrix(theta, tau, eps)
    diagonal = M.map(np.diagonal)
    require((diagonal > 0).all(), "quadratic: M_jj must be > 0")
    # S M S, S the powers of two that bring the diagonal near 1.
    bits = [entry.bit_length() + diagonal.exponent for entry in diagonal.numerators]
    scales = -(np.array(bits, dtype=object) // 2)
    powers = Dyadic(2 ** (scales - scales.min()), scales.min())
    prove_semidefinite("quadratic", M * powers[:, None] * powers, roots=roots, factor=factor)
    # A coupling of multiplier < 0 costs eps (d_max / eps)^2 / 4.
    costs = ((-theta["first"]).relu() + (-theta["second"]).relu()) * state.move * state.move
    square = tau.scaled(2 * eps) + costs.map(np.sum).scaled(eps - 2)
    require_bound("quadratic: Q >= eps sqrt(tau + costs)", claim["bound"], (0, square, 0))


class _State:
    """The unknowns w = (y, q, a' and D' of one hidden layer after the other, 1).

    x = center + radius y; |x| = offset + slope q where `lifted`. `a` and `D` are the places of all
    switching neurons in w, `top` is u and `move` d_max.
    """

    def __init__(self, setting: Setting, ranges: list[Any]) -> None:
        self.setting, low, high = setting, setting.ends[0, :, None], setting.ends[1, :, None]
        is_signed = setting.layers[0].error.numerators.shape[1] > setting.inputs
        self.lifted = np.flatnonzero((low < 0) & (high > 0) & is_signed)
        self.q = slice(setting.inputs, setting.inputs + self.lifted.size)
        self.center, self.radius = (low + high).scaled(-1), (high - low).scaled(-1)
        self.offset = self.slope = np.maximum(-low, high)[self.lifted].scaled(-1)
        if setting.radius is not None:
            self.radius, self.offset, self.slope = 0 * low + 1, 0 * self.offset, 0 * self.slope + 1
        self.hidden, self.size = list[Any](), self.q.stop + 1
        for ends in ranges[:-1]:
            self.hidden.append(_neurons(ends[0], self.size - 1))
            self.size += 2 * self.hidden[-1][0].size
        none = [np.arange(0), np.arange(0), low[:0], low[:0]]
        a, D, top, move = zip(none, *(neurons[3:] for neurons in self.hidden), strict=True)
        self.a, self.D = np.concatenate(a), np.concatenate(D)
        self.top, self.move = join(*top, axis=0), join(*move, axis=0)

    def forms(self, unit: Any, eps: int) -> tuple[Any, Any, Any]:
        """Return z', d' / eps of all switching neurons and the output / eps as rows over w."""
        n, sign = self.setting.inputs, np.where(self.setting.ends[0] >= 0, 1, -1)
        sign[self.lifted] = 0
        x = self.center * unit[-1] + self.radius * unit[:n]
        lifted = (self.lifted, self.offset * unit[-1] + self.slope * unit[self.q])
        size = scattered(x.numerators.shape, (np.s_[:], sign[:, None] * x), lifted)
        v, z, d = join(size + x, size - x, axis=0).scaled(-1), [x[:0]], [x[:0]]
        for k, layer in enumerate(self.setting.layers):
            form, n = layer.form @ v + layer.constant[:, None] * unit[-1], layer.outputs
            if k < len(self.hidden):
                on, sign, passed, a, D, *_ = self.hidden[k]
                z.append(sign * form[on])
                d.append((sign * form[n + on]).scaled(-eps))
                both, new = np.append(passed, n + passed), (n + on, unit[D].scaled(eps))
                v = scattered(form.numerators.shape, (both, form[both]), (on, unit[a]), new)
        return join(*z, axis=0), join(*d, axis=0), form[n:].scaled(-eps)

    def matrix(self, theta: dict[str, Any], tau: Any, eps: int) -> Any:
        """Return M."""
        unit, ball = Dyadic(np.eye(self.size, dtype=int)), self.setting.radius
        z, d, output = self.forms(unit, eps)
        c, r, o, s = self.center[self.lifted], self.radius[self.lifted], self.offset, self.slope
        one, y, q, a, D = unit[-1], unit[self.lifted], unit[self.q], unit[self.a], unit[self.D]
        limit, modulus = theta["domain"], theta["modulus"]
        bounded = np.s_[: self.setting.inputs if ball is not None else self.q.stop]
        constant = limit.map(np.sum) * (1 if ball is None else ball * ball) - tau
        constant += (modulus * (c * c - o * o)).map(np.sum)
        # The constraints and -tau add up to w' U w.
        U = scattered(
            unit.numerators.shape,
            (bounded, -limit * unit[bounded]),
            (self.lifted, modulus * r * (r * y + 2 * c * one)),
            (self.q, -modulus * s * (s * q + 2 * o * one)),
            (-1, constant * one),
            (self.a, theta["activation"] * (z - a)),
            (self.D, theta["difference"] * (d - D)),
            (self.a, theta["first"] * (D - d)),
            (self.D, theta["second"] * (a - z)),
            (self.a, theta["ceiling"] * (self.top * one - a)),
        )
        S, eye = -(U + U.map(np.transpose)).scaled(-1), np.eye(len(output.numerators), dtype=int)
        upper, lower = join(S, -output.map(np.transpose)), join(-output, Dyadic(eye))
        return join(upper, lower, axis=0)


def _neurons(ends: Any, start: int) -> tuple[Any, ...]:
    """Return which neurons switch, signs (-1: mirrored), which pass, columns, u and d_max."""
    num = ends.numerators.shape[1] // 2
    (low, below), (high, above) = ((end[:num, None], end[num:, None]) for end in ends)
    is_on = (low >= 0) & (low + below >= 0)
    is_off = (high <= 0) & (high + above <= 0)
    on, is_mirrored = np.flatnonzero(~is_on & ~is_off), low + high > 0
    passed, sign = np.flatnonzero(is_on | (~is_off & is_mirrored)), np.where(is_mirrored, -1, 1)[on]
    # z' reaches up to the upper end of z, or up to minus the lower end where mirrored.
    top, move = np.maximum(sign * low[on], sign * high[on]).relu(), np.maximum(-below, above)[on]
    a = start + np.arange(on.size)
    return on, sign, passed, a, a + on.size, top, move
