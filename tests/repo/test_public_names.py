"""Public names: seen by `dir` and by type checkers, imported when used, drawn by Hypothesis."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAZY = ("strongltn", "strongltn.search", "strongltn.groundtruth", "strongltn.theorems")
EAGER = (
    "strongltn.certify",
    "strongltn.construct",
    "strongltn.networks",
    "strongltn.rng",
    "strongltn.simulate",
    "strongltn.subset_sum",
    "strongltn.subset_sum.solvers",
    "strongltn.testing",
)


def seen_by_type_checkers(package):
    """Return name -> module of what a package imports under TYPE_CHECKING."""
    tree = ast.parse(Path(importlib.import_module(package).__file__).read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for part in node.body:
                assert isinstance(part, ast.ImportFrom)
                found |= {alias.asname or alias.name: part.module for alias in part.names}
    return found


@pytest.mark.parametrize("package", LAZY)
def test_the_running_program_and_type_checkers_see_the_same_names(package):
    module = importlib.import_module(package)
    seen = seen_by_type_checkers(package)
    modules = {name for name, home in seen.items() if home == package}
    assert {name: home for name, home in seen.items() if name not in modules} == module._HOMES
    assert sorted(module.__all__) == sorted(module._HOMES)
    assert modules == set(getattr(module, "_MODULES", ()))


@pytest.mark.parametrize("package", LAZY)
def test_dir_shows_what_can_be_used(package):
    code = (
        f"import {package} as module\n"
        "assert set(module.__all__) <= set(dir(module)), dir(module)\n"
        "assert not {'lazy_names', 'TYPE_CHECKING', '_HOMES', 'annotations'} & set(dir(module))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    module = importlib.import_module(package)
    assert all(hasattr(module, name) for name in dir(module))


def test_packages_are_reached_without_an_import_of_their_own():
    code = (
        "import strongltn\n"
        "assert strongltn.subset_sum.solve([1, 2], 3).num_kept == 2\n"
        "assert strongltn.theorems.theorem_named('lueker1998.theorem2_4').key\n"
        "try: strongltn.nonsense\n"
        "except AttributeError as error: assert 'nonsense' in str(error)\n"
        "else: raise SystemExit('no error')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# --- type checkers -----------------------------------------------------------------------------

RIGHT = """
import fractions
from pathlib import Path
import numpy as np
import torch
import strongltn
from strongltn import (Attack, Ball, Box, Certificate, CertifySettings, LinearLayer, LocalBox,
    PrunedNetwork, PruneResult, SourceNetwork, TargetNetwork, Ticket, WeightLaw, certify_ticket,
    load_ticket, prune)
from strongltn import construct, errors, groundtruth, search, simulate, subset_sum, theorems
from strongltn.construct import RELU_DIAMOND, Construction, build_ticket, make_plan
from strongltn.groundtruth import GroundTruth, plant
from strongltn.search import EdgePopup, Scope, SearchConfig, SearchHandle, attach
from strongltn.subset_sum import SubsetSumProblem, SubsetSumResult, solve, solve_batch
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.subset_sum.solvers import BruteForce
from strongltn.theorems import (CoverQuestion, NetworkQuestion, Promise, Status, Theorem,
    cover_theorems, network_theorems, theorem_named)

model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
result: PruneResult = prune(model, num_samples=16, seed=7)
prune(model.state_dict(), epsilon=np.float32(0.1), law="uniform", domain="box:0,1")
prune(Path("model.pt"), epsilon=fractions.Fraction(1, 10), construction="relu-diamond")
prune("model.pt", num_samples=np.int64(16), seed=np.uint64(7), law=WeightLaw.GAUSSIAN)
prune(TargetNetwork.of(model), num_samples=4, construction=RELU_DIAMOND, domain=Ball(2.0),
      settings=CertifySettings(attack=Attack(num_steps=5)))
path: Path = result.save("ticket", overwrite=True)
ticket: Ticket = load_ticket(path)
certificate: Certificate = certify_ticket(model, ticket, "ball")
bound: fractions.Fraction = result.upper_bound
network: PrunedNetwork = ticket.to_module(dtype=torch.float64)
masks: dict[str, torch.Tensor] = ticket.to_prune_masks()
dense: torch.nn.Sequential = ticket.source.to_module()
print(result, repr(ticket), ticket == result.ticket, Box(0.0, 1.0), LocalBox.around([0.5], 0.1))
source = SourceNetwork((3, 4, 2), WeightLaw.UNIFORM, 7)
layer = LinearLayer("fc", np.ones((1, 1)))
plan = make_plan(model, "linear-diamond", num_samples=4, tolerance=0.1, domain="ball")
built: Ticket = build_ticket(result.target, source, plan).ticket
mine: Construction = construct.construction_named("relu-diamond")
found: SubsetSumResult = solve([0.5, 0.25], 0.3)
solve(torch.ones(3).numpy(), np.float32(2), tolerance=0.1, solver=BruteForce())
solve(SubsetSumProblem(np.ones(3), 2.0), BruteForce(), throw=False)
solve(SubsetSumProblem(np.ones(3), 2.0), solver=None)
errors_found: np.ndarray = solve_batch(np.ones((2, 3)), [1.0, 2.0], tolerance=0.1).error
handle: SearchHandle = attach(model, EdgePopup(), density=0.5, seed=np.int64(0), scope="global")
attach(model, EdgePopup(), density=0.5, seed=0, scope=Scope.LAYER).masks()
theorem: Theorem[CoverQuestion] = cover_theorems()[0]
others: tuple[Theorem[NetworkQuestion], ...] = network_theorems()
print(theorem_named("Lueker1998.Theorem2_4").key, theorem.status is Status.PROVED)
truth: GroundTruth = plant(result.target, (8,), seed=0)
event = simulate.CoveringEvent(fractions.Fraction(1, 8), SampleLaw.UNIFORM, Window.HALF)
strongltn.subset_sum.covering_radius([0.5], low=0.0, high=1.0)
try:
    strongltn.prune(model, epsilon=0.1)
except errors.InvalidInputError as refusal:
    print(refusal.parameter, refusal.hint)
"""

WRONG = """
prune(3, nonsense="x")
prune(3, num_samples=4)
prune(model, num_samples=4, nonsense="x")
prune(model, num_samples="4")
prune(model, num_samples=4, law="unifrom")
prune(model, num_samples=4, construction="diamond")
prune(model, num_samples=4, domain=2)
prune(model, num_samples=4, seed="7")
prune(model, epsilon="0.1")
prune(model, 0.1)
prune(model, num_samples=4).nonsense
prune(model, num_samples=4).save()
prune(model, num_samples=4).save(3)
load_ticket(3)
load_ticket("ticket").nonsense
load_ticket("ticket").to_module(nonsense=1)
certify_ticket(model, "ticket", "ball")
certify_ticket(model, ticket)
certify_ticket(model, ticket, "ball").nonsense
Ball("2")
Box(0.0, 1.0, 2.0)
CertifySettings(nonsense=1)
Attack(num_steps="many")
LinearLayer("fc")
LocalBox.around([0.5])
SourceNetwork((3, 4, 2), WeightLaw.UNIFORM)
TargetNetwork.of(3)
TargetNetwork.nonsense
WeightLaw.NONSENSE
PrunedNetwork(model)
PruneResult()
Certificate()
Ticket()
make_plan(model, "linear-diamond")
build_ticket(model, source, plan)
solve([0.5, 0.25])
solve([0.5, 0.25], "0.3")
solve(SubsetSumProblem([0.5], 0.5), 0.5)
solve([0.5], 0.5).nonsense
solve_batch([[0.5]], [0.5], solver="exact")
subset_sum.nonsense
attach(model, EdgePopup(), density=0.5)
attach(model, EdgePopup(), density=0.5, seed=0, scope="all")
attach(model, EdgePopup, density=0.5, seed=0)
search.Nonsense
groundtruth.Nonsense
theorem_named(3)
theorems.nonsense
cover_theorems()[0].nonsense
Status.NONSENSE
plant(result.target)
strongltn.nonsense
strongltn.errors.nonsense
"""


def every_name():
    """Return all public names of all public packages, with the package."""
    packages = [importlib.import_module(package) for package in (*LAZY, *EAGER)]
    return [f"{package.__name__}.{name}" for package in packages for name in package.__all__]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory):
    """Return what mypy --strict says of both scripts of a user: line -> message, by script."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("user")
    imports = RIGHT[: RIGHT.index("print(result")] + RIGHT[RIGHT.index("source =") :]
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(imports + WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir"]
    revealed = [f"import {package}" for package in (*LAZY, *EAGER)]
    revealed += [f"reveal_type({name})" for name in every_name()]
    (folder / "names.py").write_text("\n".join(revealed) + "\n")
    command += [str(ROOT / ".mypy_cache"), "--config-file", "", "right.py", "wrong.py", "names.py"]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {"right.py": {}, "wrong.py": {}}
    for path, line, text in re.findall(r"^(\S+?):(\d+): error: (.*)$", done.stdout, re.M):
        if path in found:
            found[path][int(line)] = text
    found["types"] = re.findall(
        r"^names.py:\d+: note: Revealed type is \"(.*)\"$", done.stdout, re.M
    )
    lines = (imports + WRONG).splitlines()
    return found, lines, len(imports.splitlines())


@pytest.mark.slow
def test_right_calls_pass_mypy_strict(complaints):
    found, _, _ = complaints
    assert found["right.py"] == {}


@pytest.mark.slow
def test_each_wrong_call_is_an_error(complaints):
    found, lines, first = complaints
    missed = [
        text
        for number, text in enumerate(lines, 1)
        if text and number > first and number not in found["wrong.py"]
    ]
    assert not missed
    assert not [number for number in found["wrong.py"] if number <= first]


@pytest.mark.slow
def test_no_public_name_is_any(complaints):
    found, names = complaints[0]["types"], every_name()
    assert len(found) == len(names) > 100
    unknown = [name for name, text in zip(names, found, strict=True) if text == "Any"]
    assert not unknown
    functions = [text for text in found if text.startswith(("def ", "Overload("))]
    assert not [text for text in functions if text.startswith("def (*Any")]


@pytest.mark.slow
def test_every_public_name_is_in_the_scripts():
    for name in importlib.import_module("strongltn").__all__:
        assert re.search(rf"\b{name}\b", RIGHT), name
        assert re.search(rf"\b{name}\b", WRONG), name


# --- Hypothesis --------------------------------------------------------------------------------

HOOKED = """
import sys
{first}
from hypothesis import find, settings, strategies as st
if not {is_late}: assert not {{"strongltn.networks", "numpy", "torch"}} & sys.modules.keys()
from strongltn import Ball, Box, LinearLayer, LocalBox, SourceNetwork, TargetNetwork, Ticket
from strongltn.networks import PairMask
assert "torch" not in sys.modules
for kind in (Ball, Box, LinearLayer, LocalBox, PairMask, SourceNetwork, TargetNetwork, Ticket):
    assert type(find(st.from_type(kind), lambda value: True)) is kind
"""


@pytest.mark.parametrize("first", ["import hypothesis", "import strongltn.networks, hypothesis"])
def test_hypothesis_draws_our_types_by_themselves(first, tmp_path):
    """As installed: the entry point of pyproject.toml, in whatever order things are imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["hypothesis"]
    installed = tmp_path / "probe-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 0\n")
    lines = [f"{name} = {target}" for name, target in entries.items()]
    (installed / "entry_points.txt").write_text("\n".join(["[hypothesis]", *lines, ""]))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    environment.pop("HYPOTHESIS_NO_PLUGINS", None)
    code = HOOKED.format(first=first, is_late="networks" in first)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
