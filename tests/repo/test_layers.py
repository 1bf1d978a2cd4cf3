"""The house: arrows go one way, heavy imports are lazy, no loose ends are shipped."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {
    "errors",
    "compiled",
    "default_state",
    "json_text",
    "arguments",
    "arrays",
    "by_value",
    "html_table",
}
STORE = BASE | {"storage"}
MIDDLE = STORE | {"rng", "numerics"}
PILLARS = MIDDLE | {"networks", "subset_sum"}
# What each part may import of ours; `proofs_check` is run by the command line and the demo.
ALLOWED = {
    "__init__": {"lazy", "networks", "rng", "certify", "construct", "pipeline", "prune_result"}
    | {"errors", "groundtruth", "search", "simulate", "subset_sum", "testing", "theorems"},
    "__main__": {"cli", "exits"},
    "errors": set(),
    "json_text": set(),
    "arguments": {"errors"},
    "arrays": {"arguments", "errors"},
    "by_value": set(),
    "html_table": set(),
    "lazy": set(),
    "hypothesis_hook": {"lazy", "networks", "testing"},
    "storage": BASE,
    "exits": {"errors"},
    "compiled": set(),
    "default_state": set(),
    "rng": BASE,
    "numerics": BASE,
    "subset_sum": MIDDLE,
    "networks": MIDDLE | {"lazy"},
    "theorems": PILLARS | {"lazy"},
    "construct": PILLARS,
    "certify": MIDDLE | {"networks"},
    "prune_result": PILLARS | {"construct", "certify"},
    "pipeline": PILLARS | {"theorems", "construct", "certify", "prune_result"},
    "simulate": MIDDLE | {"subset_sum"},
    "testing": PILLARS | {"construct", "certify"},
    "console": {"exits", "json_text"},
    "program": {"errors", "exits"},
    "bound_command": PILLARS | {"theorems", "simulate", "report", "console", "exits", "program"},
    "reproduce_command": STORE | {"console", "exits", "program"},
    "radius_curve": MIDDLE | {"networks", "certify"},
    "certify_command": MIDDLE
    | {"networks", "certify", "pipeline", "radius_curve", "report", "plotting", "console"}
    | {"groundtruth", "exits", "program"},
    "report": set(),
    "search": MIDDLE | {"networks", "data", "lazy"},
    "groundtruth": PILLARS | {"lazy", "construct", "certify", "subset_sum", "search", "data"},
    "search_command": STORE | {"search", "bench", "console", "exits", "program"},
    "bench": MIDDLE | {"subset_sum", "search", "data", "figure_style"},
    "data": MIDDLE | {"networks"},
    "figure_style": set(),
    "plotting": PILLARS | {"theorems", "figure_style"},
    "gadget_figure": STORE | {"networks", "figure_style"},
    "demo": PILLARS
    | {"theorems", "construct", "certify", "pipeline", "data", "plotting", "gadget_figure"}
    | {"proofs_check"},
    "cli": PILLARS
    | {"exits", "construct", "certify", "pipeline", "report", "bench", "demo", "proofs_check"}
    | {
        "console",
        "program",
        "bound_command",
        "certify_command",
        "reproduce_command",
        "search_command",
    },
}
# JSON is written by one function; these write exact integers and text, or between two processes
OWN_JSON = {"json_text", "cp_sat", "cp_sat_worker"}
HEAVY = (
    "torch",
    "numba",
    "matplotlib",
    "cvxpy",
    "pulp",
    "sklearn",
    "highspy",
    "ortools",
    "scipy",
    "sympy",
    "hypothesis",
    "PIL",
    "pooch",
)


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


@cache
def tree_of(path):
    return ast.parse(path.read_text(), str(path))


def imports(path):
    """Return the absolute names that a module imports, lazily or not."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def part_of(path):
    return path.relative_to(ROOT / "strongltn").parts[0].removesuffix(".py")


def parts_imported(names):
    parts = {name.split(".")[1] for name in names if name.startswith("strongltn.")}
    parts |= {"proofs_check" for name in names if name.split(".")[0] == "proofs_check"}
    return parts & (ALLOWED.keys() | {"proofs_check"}) | (parts & on_disk())


def on_disk():
    return {part_of(path) for path in modules("strongltn")}


def violations(part, names):
    return parts_imported(names) - ALLOWED[part] - {part}


def test_every_part_has_its_place():
    assert on_disk() <= ALLOWED.keys()


@pytest.mark.parametrize(
    "path", modules("strongltn"), ids=lambda path: str(path.relative_to(ROOT / "strongltn"))
)
def test_arrows_go_one_way(path):
    assert not violations(part_of(path), imports(path))


def test_arrows_are_seen_where_they_are_wrong():
    assert violations("rng", {"strongltn.numerics.dyadic"}) == {"numerics"}
    assert violations("certify", {"strongltn.construct"}) == {"construct"}
    assert violations("subset_sum", {"strongltn.networks", "strongltn.rng"}) == {"networks"}
    assert violations("networks", {"strongltn.subset_sum.solve"}) == {"subset_sum"}
    assert violations("construct", {"strongltn.theorems"}) == {"theorems"}
    assert violations("report", {"strongltn", "strongltn.pipeline.tickets"}) == {"pipeline"}


def test_the_package_itself_is_imported_by_none_of_its_parts():
    for path in modules("strongltn"):
        names = {name for name in imports(path) if name.startswith("strongltn.")}
        public = {f"strongltn.{name}" for name in public_homes()}
        assert not names & public, path


def public_homes():
    import strongltn

    return strongltn._HOMES


def test_public_names_exist_and_are_listed():
    import strongltn

    assert sorted(strongltn.__all__) == sorted(public_homes())
    for name in strongltn.__all__:
        assert getattr(strongltn, name).__module__.startswith(f"{public_homes()[name]}")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = strongltn.nothing


def test_the_auditor_is_a_stranger():
    for path in modules("proofs_check"):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & {"strongltn", "safetensors", *set(HEAVY) - {"sympy"}}, path


def test_nothing_of_ours_imports_the_auditor_but_its_callers():
    for path in modules("strongltn"):
        if part_of(path) not in ("cli", "demo"):
            assert "proofs_check" not in parts_imported(imports(path)), path


@pytest.mark.parametrize("package", ["strongltn", "proofs_check"])
def test_no_loose_ends_are_shipped(package):
    for path in modules(package):
        text = path.read_text()
        asserts = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)]
        assert not asserts, path
        assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), path
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                docstring = ast.get_docstring(node) or ""
                assert not re.search(r"<[a-z]+>|_type_|_description_", docstring), path


@pytest.mark.parametrize("package", ["strongltn", "proofs_check"])
def test_every_public_function_says_what_it_does(package):
    for path in modules(package):
        for node in tree_of(path).body:
            is_public = not getattr(node, "name", "_").startswith("_")
            decorators = map(ast.unparse, getattr(node, "decorator_list", []))
            is_signature = "overload" in decorators  # the function itself says what it does
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and is_public and not is_signature:
                assert ast.get_docstring(node), f"{path}: {node.name}"


def loaded_by(statement):
    """Return which heavy packages a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_imports_are_light():
    statement = (
        "import strongltn, strongltn.theorems, strongltn.rng, strongltn.subset_sum, "
        "strongltn.simulate, strongltn.search, strongltn.groundtruth"
    )
    assert loaded_by(statement) == []


def test_help_is_light():
    statement = (
        "import sys; sys.argv = ['strongltn', '--help']\n"
        "from strongltn.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code"
    )
    assert loaded_by(statement) == []


def test_the_heavy_imports_are_seen():
    assert "numba" in loaded_by("import strongltn.rng.philox")


def test_json_is_strict():
    """Infinity and NaN are no JSON: what is written goes through `json_text`, or refuses them."""
    for package in ("strongltn", "experiments", "proofs_check"):
        for path in modules(package):
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dumps":
                    is_strict = any(word.arg == "allow_nan" for word in node.keywords)
                    assert is_strict or path.stem in OWN_JSON, f"{path}:{node.lineno}"
                assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dump"), (
                    f"{path}:{node.lineno}"
                )
