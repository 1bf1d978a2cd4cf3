"""Draw the house: rooms as boxes, imports as arrows, read from the code; write ``docs/house.svg``.

Run as ``python docs/house.py`` after a room or an arrow was added; a test says when that is due.
An arrow that follows from others is left out, so that the picture shows how far up a room stands.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"
#: The packages that are drawn as one room each; strongltn is drawn room by room.
WHOLE = {"proofs_check": "the auditor: imports nothing of strongltn"}
_WIDTH, _HEIGHT = 150, 58
_ACROSS, _DOWN = 14, 44
_MARGIN = 12


def rooms() -> dict[str, str]:
    """Return the rooms of strongltn, and the other packages, each with what it is for."""
    found = dict(WHOLE)
    for path in sorted((ROOT / "strongltn").iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if file.suffix == ".py" and file.is_file() and not path.name.startswith("__"):
            text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            found[path.name.removesuffix(".py")] = text.split("\n")[0]
    return found


def arrows(names: set[str]) -> dict[str, set[str]]:
    """Return what each room imports of the others, lazily or not."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for package in ("strongltn", *WHOLE):
        for path in sorted((ROOT / package).rglob("*.py")):
            room = package if package in WHOLE else path.relative_to(ROOT / package).parts[0]
            room = room.removesuffix(".py")
            if room in names:
                found[room] |= (_imported(path) & names) - {room}
    return found


def _imported(path: Path) -> set[str]:
    """Return the rooms and packages that a module imports from."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in modules]
    return {part[1] if part[0] == "strongltn" else part[0] for part in parts if len(part) > 1}


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows that do not follow from the others."""

    def below(name: str) -> set[str]:
        return graph[name].union(*map(below, graph[name]))

    return {
        name: {other for other in others if not any(other in below(k) for k in others)}
        for name, others in graph.items()
    }


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the rooms floor by floor from the ground, those of a floor near what they import."""

    def floor(name: str) -> int:
        return 1 + max((floor(other) for other in graph[name]), default=-1)

    rows: list[list[str]] = []
    for name in sorted(graph):
        while len(rows) <= floor(name):
            rows.append([])
        rows[floor(name)].append(name)
    place: dict[str, float] = {}
    for row in rows:
        near = {
            name: sum(place[k] for k in graph[name]) / len(graph[name]) if graph[name] else 0.0
            for name in row
        }
        row.sort(key=lambda name: (near[name], name))
        place |= {name: k - (len(row) - 1) / 2 for k, name in enumerate(row)}
    return rows


def _lines(text: str, *, characters: int = 31, most: int = 3) -> list[str]:
    """Return the beginning of a text in a few short lines."""
    lines = [""]
    for word in text.removesuffix(".").split():
        if len(lines[-1]) + len(word) + 1 > characters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:most] if len(lines) <= most else [*lines[: most - 1], lines[most - 1] + " …"]


def picture() -> str:
    """Return the drawing as SVG."""
    purposes = rooms()
    graph = reduced(arrows(set(purposes)))
    rows = floors(graph)
    width = 2 * _MARGIN + max(map(len, rows)) * (_WIDTH + _ACROSS) - _ACROSS
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _DOWN) - _DOWN
    corner = {}
    for floor, row in enumerate(rows):
        left = (width - len(row) * (_WIDTH + _ACROSS) + _ACROSS) / 2
        for k, name in enumerate(row):
            top = height - _MARGIN - _HEIGHT - floor * (_HEIGHT + _DOWN)
            corner[name] = (left + k * (_WIDTH + _ACROSS), top)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif">',
        "<title>The rooms of strongltn and what they import</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<marker id="tip" markerWidth="7" markerHeight="6" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#6f6f6f"/></marker>',
    ]
    for name in sorted(graph):
        for other in sorted(graph[name]):
            (x, y), (to_x, to_y) = corner[name], corner[other]
            middle = (y + _HEIGHT + to_y) / 2
            x, to_x = x + _WIDTH / 2, to_x + _WIDTH / 2
            drawn.append(
                f'<path d="M{x:g},{y + _HEIGHT:g} C{x:g},{middle:g} {to_x:g},{middle:g} '
                f'{to_x:g},{to_y:g}" fill="none" stroke="#6f6f6f" marker-end="url(#tip)"/>'
            )
    for name, (x, y) in sorted(corner.items()):
        drawn.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" '
            'fill="#eef3fa" stroke="#1f5fa8"/>'
        )
        drawn.append(
            f'<text x="{x + _WIDTH / 2:g}" y="{y + 16:g}" text-anchor="middle" font-size="12" '
            f'font-weight="bold">{name}</text>'
        )
        for k, line in enumerate(_lines(purposes[name])):
            drawn.append(
                f'<text x="{x + _WIDTH / 2:g}" y="{y + 29 + 11 * k:g}" text-anchor="middle" '
                f'font-size="8.5">{escape(line)}</text>'
            )
    return "\n".join([*drawn, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(PICTURE)
