"""The house: arrows go one way, heavy imports are lazy, no loose ends are shipped."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("strongltn", "proofs_check", "experiments")
#: The rooms from the ground up: each may import those before it, and nothing else of ours.
ROOMS = (
    *("errors", "process", "values", "report", "storage", "rng", "numerics"),
    *("subset_sum", "networks", "simulate", "datasets", "models", "training"),
    *("theorems", "construct", "certify", "search", "testing", "groundtruth"),
    *("figures", "pipeline", "bench", "recipes", "cli", "__main__", "hypothesis_hook"),
)
#: Rooms that stand side by side: those of a set know nothing of one another.
BLIND = (
    {"rng", "numerics", "storage"},
    {"subset_sum", "networks"},
    {"simulate", "networks"},
    {"datasets", "networks"},
    {"models", "networks"},
    {"training", "networks"},
    {"theorems", "construct", "certify", "search"},
    {"simulate", "theorems", "construct", "certify", "search"},
    {"subset_sum", "search"},
    {"subset_sum", "certify"},
    {"testing", "search"},
    {"testing", "theorems"},
    {"testing", "groundtruth"},
    {"bench", "pipeline"},
)
#: The package's own file lists public names of every room, and is imported by none.
PUBLIC = "__init__"
#: Answers and conversions that are methods of the class that they lead from; imported when called.
CONVERSIONS = {
    ("domain", "boxes"),
    ("ticket", "pruned"),
    ("target", "ticket_directory"),
}
#: Who calls the auditor: the command line and the demonstration.
CALLS_THE_AUDITOR = {"cli", "pipeline"}
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
    return {name.split(".")[1] for name in names if name.startswith("strongltn.")} & on_disk()


def on_disk():
    return {part_of(path) for path in modules("strongltn")}


def allowed(room):
    below = set(ROOMS[: ROOMS.index(room)])
    return below - {other for group in BLIND if room in group for other in group}


def violations(room, names):
    return parts_imported(names) - allowed(room) - {room}


def test_every_room_has_its_place():
    assert on_disk() == {PUBLIC, *ROOMS}
    assert all(group <= set(ROOMS) for group in BLIND)


@pytest.mark.parametrize(
    "path",
    [path for path in modules("strongltn") if part_of(path) != PUBLIC],
    ids=lambda path: str(path.relative_to(ROOT / "strongltn")),
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
    assert violations("training", {"strongltn.search.method"}) == {"search"}


def name_of(path):
    """Return the dotted name of a module of the repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts).removeprefix("experiments.")


def circle_of(arrows):
    """Return modules that import one another in a circle, or nothing."""
    state = {}

    def visit(name, way):
        if state.get(name) == "done":
            return []
        if name in way:
            return [*way[way.index(name) :], name]
        for other in sorted(arrows.get(name, ())):
            if circle := visit(other, [*way, name]):
                return circle
        state[name] = "done"
        return []

    return next((circle for name in sorted(arrows) if (circle := visit(name, []))), [])


def arrows_of(package):
    """Return what every module of a package imports of it, lazily or for its types, or not.

    Packages' own files count as their modules' callers only where they are imported by name.
    """
    files = {name_of(path): path for path in modules(package) if path.stem != "__init__"}
    return {name: imports(path) & files.keys() - {name} for name, path in files.items()}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_imported_in_a_circle(package):
    arrows = arrows_of(package)
    for one, other in CONVERSIONS if package == "strongltn" else ():
        arrows[f"strongltn.networks.{one}"].remove(f"strongltn.networks.{other}")
    assert circle_of(arrows) == []


def test_circles_are_seen():
    assert circle_of({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle_of({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_experiments_are_on_top():
    for package in ("strongltn", "proofs_check"):
        for path in modules(package):
            roots = {name.split(".")[0] for name in imports(path)}
            assert not roots & {"experiments", "strongltn_experiments", "tests"}, path


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
        if part_of(path) not in CALLS_THE_AUDITOR:
            assert "proofs_check" not in {name.split(".")[0] for name in imports(path)}, path


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
    for package in PACKAGES:
        for path in modules(package):
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dumps":
                    is_strict = any(word.arg == "allow_nan" for word in node.keywords)
                    assert is_strict or path.stem in OWN_JSON, f"{path}:{node.lineno}"
                assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dump"), (
                    f"{path}:{node.lineno}"
                )
