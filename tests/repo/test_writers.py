"""Everything that is written goes through `strongltn.storage`: no other module knows how."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Calls of any object that write, rename or remove.
METHODS = {
    *("write_text", "write_bytes", "unlink", "rename", "touch", "symlink_to", "hardlink_to"),
    *("savefig", "rmdir", "mkdir"),
}
#: Functions, by the module that they come from.
FUNCTIONS = {
    "os": {
        *("open", "replace", "rename", "renames", "remove", "unlink", "rmdir", "removedirs"),
        *("mkdir", "makedirs", "truncate", "ftruncate", "link", "symlink", "mkfifo"),
    },
    "shutil": {"rmtree", "move", "copy", "copy2", "copyfile", "copytree"},
    "tempfile": {
        *("mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile"),
    },
    "torch": {"save"},
    "np": {"save", "savez", "savez_compressed", "savetxt"},
    "safetensors": {"save_file", "save_model"},
    "pooch": {"retrieve", "create"},
}
RECIPES = "experiments/strongltn_experiments"
#: What may stay, and why. The module, then the call.
ALLOWED = {
    ("strongltn/process/exits.py", "open"): "the device that forgets what a stream still holds",
    ("strongltn/process/exits.py", "NamedTemporaryFile"): "the traceback of a bug, to be sent",
    ("strongltn/subset_sum/solvers/cp_sat_worker.py", "fdopen"): "its own standard output",
    (f"{RECIPES}/search/ground_truth.py", "TemporaryDirectory"): "runs that nobody keeps",
    ("experiments/studies/certificate_tightness.py", "copytree"): "into a directory of storage's",
    ("strongltn/datasets/cifar10.py", "save"): "to bytes, which storage writes",
    ("experiments/studies/kills.py", "TemporaryDirectory"): "what is killed works in it",
    ("experiments/studies/kills.py", "copytree"): "a folder for each kill",
    ("experiments/studies/kill_scenarios.py", "rmtree"): "what it has made itself",
    ("experiments/studies/certificate_tightness.py", "save"): "to bytes, which storage writes",
}


def modules():
    for package in ("strongltn", "experiments"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith("strongltn/storage/"):
                yield name


def writing_calls(text):
    """Return the names of the calls that write files, with their lines."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [(node.lineno, name) for node in calls if (name := writer(node)) is not None]


def writer(call):
    """Return the name of a call if it writes, or could."""
    function = call.func
    if isinstance(function, ast.Name):
        if function.id == "open":
            return "open" if may_write(call, place=1) else None
        return function.id if function.id in bare_names() else None
    if not isinstance(function, ast.Attribute):
        return None
    name = function.attr
    home = root_of(function.value)
    if home in FUNCTIONS:
        if home == "os" and name == "fdopen":
            return name if may_write(call, place=1) else None
        return name if name in FUNCTIONS[home] else None
    if name == "open":  # of a path the mode comes first; of modules such as tarfile or Image second
        return name if may_write(call, place=0 if is_path(call) else 1) else None
    if name == "replace":  # of a path: with one argument; of a text or a dataclass it has others
        return name if len(call.args) == 1 and not call.keywords else None
    return name if name in METHODS else None


def bare_names():
    """Return what is a writer even where it was imported by its name."""
    known = {"replace", "open", "link", "move", "copy", "save", "create", "remove", "truncate"}
    return set.union(*FUNCTIONS.values()) - known


def root_of(value):
    while isinstance(value, ast.Attribute):
        value = value.value
    return value.id if isinstance(value, ast.Name) else None


def is_path(call):
    first = call.args[0] if call.args else None
    return first is None or (isinstance(first, ast.Constant) and isinstance(first.value, str))


def may_write(call, *, place):
    """Return whether the mode of an open is one of writing, or is not known."""
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[place:][:1]
    if not given:
        return False
    (mode,) = given
    return not isinstance(mode, ast.Constant) or bool(set(str(mode.value)) & set("wax+"))


@pytest.mark.parametrize("name", list(modules()))
def test_nothing_writes_but_storage(name):
    found = writing_calls((ROOT / name).read_text())
    wrong = [(line, call) for line, call in found if (name, call) not in ALLOWED]
    assert not wrong, f"{name}: {wrong}; write through strongltn.storage"


@pytest.mark.parametrize(("name", "call"), ALLOWED)
def test_what_is_allowed_is_there(name, call):
    assert call in [found for _, found in writing_calls((ROOT / name).read_text())]


@pytest.mark.parametrize(
    "line",
    [
        "open(p, 'w')",
        "open(p, mode='ab')",
        "open(p, mode)",
        "path.open('wb')",
        "path.open(mode='r+')",
        "gzip.open(p, 'wt')",
        "os.open(p, flags)",
        "os.fdopen(1, 'w')",
        "path.write_text('x')",
        "a.b.write_bytes(b'x')",
        "path.replace(other)",
        "os.replace(a, b)",
        "path.rename(other)",
        "path.unlink()",
        "shutil.rmtree(p)",
        "rmtree(p)",
        "figure.savefig(p)",
        "np.save(p, a)",
        "torch.save(a, p)",
        "safetensors.torch.save_file(a, p)",
        "save_file(a, p)",
        "tempfile.mkdtemp()",
        "TemporaryDirectory()",
        "path.mkdir(parents=True)",
    ],
)
def test_writers_are_seen(line):
    assert writing_calls(line)


@pytest.mark.parametrize(
    "line",
    [
        "open(p)",
        "open(p, 'rb')",
        "path.open()",
        "path.open('r')",
        "tarfile.open(p)",
        "Image.open(stream)",
        "os.fdopen(1, 'rb')",
        "text.replace('a', 'b')",
        "replace(config, seed=1)",
        "write_whole(p, b'')",
        "path.read_text()",
    ],
)
def test_readers_are_not(line):
    assert not writing_calls(line)
