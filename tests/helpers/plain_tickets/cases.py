"""Cases that between them have every sort of activation, domain, law, norm, depth and split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from plain_tickets.edits import Edit
from plain_tickets.network import Case, Written

# gives the directory of the ticket of a case, and the network behind it
Original = Callable[[str], tuple[Path, Written]]
# asserts that the ticket of a case is rejected for a statement, once it has been edited
AssertRejected = Callable[[str, Edit, str], None]

# The lower half of input 1 is halved along input 0.
TREE = (1, 0, -1, -1, -1)
CASES = {
    "relu-ball": Case(),
    "relu-box": Case(domain="box", seed=6),
    "relu-negative-box": Case(domain="negative", seed=20),
    "relu-unit-box": Case(domain="unit", seed=7),
    "relu-no-bias": Case(bias=False, seed=8),
    "linear-ball": Case(activation="linear", seed=9),
    "linear-box": Case(activation="linear", domain="box", seed=10),
    "linear-unit-box": Case(activation="linear", domain="unit", bias=False, seed=11),
    "signed-constant": Case(law="signed-constant", seed=12),
    "gaussian": Case(law="gaussian", domain="box", seed=13),
    "one-layer": Case(sizes=(3, 2), scales=(2,), seed=14),
    "three-layers-ball": Case(sizes=(2, 3, 2, 2), scales=(0, 1, -1), seed=15),
    "three-layers-box": Case(sizes=(2, 3, 2, 2), scales=(2, 0, 1), domain="unit", seed=16),
    "float64-tiny-weight": Case(dtype="float64", smallest=1e-300, seed=17),
    "single-neuron": Case(sizes=(1, 1), scales=(0,), samples=1, seed=18),
    "more-inputs": Case(sizes=(6, 2, 5), seed=19, domain="box", samples=2),
    "local": Case(sizes=(4, 3, 2), domain="local", seed=21),
    "local-split": Case(sizes=(4, 3, 2), domain="local", seed=22, tree=(0, -1, 2, -1, -1)),
    "local-linear": Case(sizes=(3, 2, 2), activation="linear", domain="local", seed=23),
    "local-one-layer": Case(sizes=(4, 2), domain="local", scales=(0,), seed=24, tree=(1, -1, -1)),
    "infinity-ball": Case(norm="inf", seed=25),
    "infinity-split": Case(
        sizes=(2, 3, 2, 2), domain="box", scales=(2, 0, 1), seed=26, norm="inf", tree=TREE
    ),
    "deep": Case(sizes=(2, 2, 3, 2, 1), domain="local", scales=(0, 1, 0, -1), seed=27),
    "split-without-quadratic": Case(domain="unit", seed=28, tree=TREE, has_quadratic=False),
}
