"""Forged witnesses, that prove less than is claimed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from safetensors.numpy import save
from ticket_files import CERTIFICATE, TICKET, WITNESS, Files, arrays_of, ends_of, number

from forgeries.forgery import Forgery, repaired_forgery


def false_witnesses(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Witnesses that prove less than is claimed: narrowed ranges, negative multipliers, trees."""
    arrays, tree = arrays_of(files[WITNESS]), json.loads(files[CERTIFICATE])
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
        yield repaired_forgery(kind, what, files, edited)


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
    lower, upper = ends_of(certificate["domain"], arrays_of(files[WITNESS]), ticket)
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
