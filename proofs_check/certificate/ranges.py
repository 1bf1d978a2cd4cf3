"""The inputs of a claim, and ranges over them, proved with Lagrangian multipliers."""

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from proofs_check.certificate.effective import Layer
from proofs_check.certificate.exact import Dyadic, join, require_bound
from proofs_check.certificate.reader import Array, require, take

# Time that a short file may ask for: nodes times all inputs times the most outputs of a layer.
_MAX_NODES, _MAX_DEPTH, _MAX_WORK = 1 << 16, 256, 1 << 24
# Entries of one block of statements.
_BLOCK = 1 << 18
_KEYS = {"ball": "kind radius", "box": "kind lower upper", "local-box": "exponent kind"}


@dataclass
class Setting:
    """What is claimed, with untrusted arrays, of exact networks over the inputs between `ends`.

    On a ball ||x|| <= radius too; `reach` is the largest ||x|| in the form of `require_bound`.
    """

    certificate: dict[str, Any]
    witness: dict[str, Array]
    inputs: int
    layers: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        claim, ones = self.certificate["domain"], np.ones((1, self.inputs), dtype=int)
        keys, names = _KEYS[claim["kind"]], ("lower", "upper")
        require(sorted(claim) == keys.split(), f"domain must have {keys}: got {sorted(claim)}")
        self.radius = claim.get("radius")
        if claim["kind"] == "ball":
            pair = [-self.radius, self.radius]
        elif claim["kind"] == "box":
            pair = [claim[name] for name in names]
        else:
            grid = claim["exponent"]
            pair = [self.take(f"domain_{name}", self.inputs, exponent=grid) for name in names]
        self.ends = join(*(end * ones for end in pair), axis=0)
        square = abs(self.ends).map(np.max, axis=0).square_sum()
        self.reach = (0, square, 0) if self.radius is None else (self.radius, 0, 0)
        # Over an empty domain every bound would hold.
        require((self.ends[0] <= self.ends[1]).all(), "the domain is empty: lower > upper")

    def take(self, key: str, *shape: int, exponent: int) -> Any:
        """Remove and return integers of the witness times two to `exponent`, or reject."""
        return Dyadic(take(self.witness, key, "int64", shape=shape), exponent)

    def leaves(self, tree: Array) -> Any:
        """Return the ends (leaves, 2, inputs) of the boxes into which a tree cuts the inputs."""
        boxes, stack = [], [(self.ends, 0)]
        for node in tree.tolist():
            require(stack, "something follows the tree")
            box, depth = stack.pop()
            if node == -1:
                boxes.append(box[None])
                continue
            inside = 0 <= node < self.inputs and depth < _MAX_DEPTH and self.radius is None
            require(inside, f"the tree must cut boxes along coordinates: {node} at depth {depth}")
            lower, upper = box.numerators * 2, box.numerators * 2
            lower[1, node] = upper[0, node] = box.numerators[:, node].sum()
            stack += [(Dyadic(half, box.exponent - 1), depth + 1) for half in (upper, lower)]
        require(not stack, "the tree ends before its last leaf")
        return join(*boxes, axis=0)


def prove_ranges(setting: Setting, name: str) -> list[Any]:
    """Prove and return the ends of (z, d) of every layer, (leaves, 2, 2 outputs), and X_i, D_i."""
    layers, claims = setting.layers, setting.certificate["methods"][name]
    tree = setting.take(f"{name}.tree", -1, exponent=0).numerators
    most = _MAX_NODES if name == "input-splitting" else 1
    require(1 <= tree.size <= most, f"{name}.tree must have 1 to {most} nodes: {tree.size}")
    exponents, inputs = claims["multiplier_exponents"], [layer.inputs for layer in layers]
    work = tree.size * sum(inputs) * max(layer.outputs for layer in layers)
    is_plain = not exponents and tree.size == 1
    require(is_plain or work <= _MAX_WORK, f"{name} needs {work} products: at most {_MAX_WORK}")
    boxes, leaves, reach = setting.leaves(tree), tree.size // 2 + 1, setting.reach
    # p s(x) + m s(-x) is largest at an end or at 0 moved into the interval.
    low, high = boxes[None, :, 0], boxes[None, :, 1]
    x = join(low, high, low.relu() - (-high).relu(), axis=0)[:, :, None]
    ranges, points = list[Any](), [join(x.relu(), (-x).relu(), axis=2)]
    step = max(1, _BLOCK // max(inputs))
    for i, layer in enumerate(layers):
        key, num, multipliers = f"{name}.{i}", layer.outputs, None
        require(len(claims["range_exponents"][i]) == 2, f"{name}: range_exponents must be pairs")
        if exponents and i > 0:
            shape = leaves, 4 * num, 2 * sum(inputs[1 : i + 1])
            multipliers = setting.take(f"{key}.multipliers", *shape, exponent=exponents[i - 1])
        grids = zip(("target", "difference"), claims["range_exponents"][i], strict=True)
        ends = join(*(setting.take(f"{key}.{k}", leaves, 2, num, exponent=n) for k, n in grids))
        require((ends[:, 0] <= ends[:, 1]).all(), f"{name}: lower <= upper must hold in layer {i}")
        for start in range(0, 4 * num * leaves, step):
            leaf, row = np.divmod(np.arange(start, min(start + step, 4 * num * leaves)), 4 * num)
            # Statements -z, z, -d, d, each sign (form v + constant) <= sign end.
            side, column = row // num % 2, row // (2 * num) * num + row % num
            sign, theta = 2 * side - 1, None if multipliers is None else multipliers[leaf, row]
            form, end = sign[:, None] * layer.form[column], sign * ends[leaf, side, column]
            r, p = _supremum(setting, points, form, theta=theta, leaf=leaf)
            sums = r + sign * layer.constant[column], p, 0
            require_bound(f"{name}: ranges of layer {i} from {start}", end, sums)
        require_bound(f"{name}: X_{i} >= sup ||x_{i}||", claims["activation"][i], reach)
        square = abs(ends[:, :, num:]).map(np.max, axis=1).square_sum()
        require_bound(f"{name}: D_{i} >= sup ||d_{i}||", claims["difference"][i], (0, square, 0))
        reach = 0, ends[:, 1, :num].relu().square_sum(), 0
        ranges.append(ends)
        points.append(_vertices(ends))
    return ranges


def _supremum(setting: Setting, points: Any, form: Any, *, theta: Any, leaf: Array) -> Any:
    """Return r and p with form v <= r + sqrt(p) on the leaves, row by row (Lagrange).

    `points` are those where a sum of multiples of the coordinates of an input or neuron can be
    largest, layer by layer, (points, leaves, 2 or 4 coordinates, width).
    """
    total: Any = 0
    for layer, vertices in reversed(list(zip(setting.layers, points[1:], strict=False))):
        if theta is None:
            return _largest(form, vertices, leaf), 0
        own, theta = theta[:, : 2 * layer.outputs], theta[:, 2 * layer.outputs :]
        total += _largest(join(form, -own), vertices, leaf) + own @ layer.constant
        form = own @ layer.form
    if setting.radius is None:
        return total + _largest(form, points[0], leaf), 0
    reach = form.map(np.reshape, (len(leaf), 2, -1)).map(np.max, axis=1).relu().square_sum()
    return total, setting.radius * setting.radius * reach


def _largest(coefficients: Any, points: Any, leaf: Array) -> Any:
    """Return the sum over neurons of the largest sum of coefficients times coordinates."""
    factors = coefficients.numerators.reshape(len(leaf), -1, points.numerators.shape[3])
    used = points.numerators[:, :, : factors.shape[1]]
    best = reduce(np.maximum, ((factors * point[leaf]).sum(axis=1) for point in used[:4]))
    # Only a neuron that switches can be largest elsewhere than at the corners, the first four.
    after, before = np.split(points.numerators[:4], 2, axis=2)
    is_linear = (after == before).all(axis=(0, 2)) | (after == 0).all(axis=(0, 2))
    row, place = np.nonzero(~is_linear[leaf])
    bent = factors[row, :, place]
    others = ((bent * point[leaf[row], :, place]).sum(axis=1) for point in used[4:])
    best[row, place] = reduce(np.maximum, others, best[row, place])
    return Dyadic(best.sum(axis=1), coefficients.exponent + points.exponent)


def _vertices(ends: Any) -> Dyadic:
    """Return s(z), s(z + d) - s(z), z and d where a sum of their multiples can be largest.

    It is linear between the lines z = 0 and z + d = 0: the corners of the rectangle, the points of
    its edges on those lines, and 0, each moved into the rectangle.
    """
    (z0, d0), (z1, d1) = (np.split(ends.numerators[:, side], 2, axis=1) for side in (0, 1))
    none = 0 * z0
    z = np.clip([z0, z0, z1, z1, none, none, none, z0, z1, -d0, -d1], z0, z1)
    d = np.clip([d0, d1, d0, d1, none, d0, d1, -z0, -z1, d0, d1], d0, d1)
    a = np.maximum(z, 0)
    return Dyadic(np.stack([a, np.maximum(z + d, 0) - a, z, d], axis=2), ends.exponent)
