"""The account of a certificate as lines of plain text, from the JSON object of ``--json``."""

from __future__ import annotations

from typing import Any

from strongltn.report.text import certificate_lines, outward

_NOTHING = "-"


def account_lines(report: dict[str, Any]) -> list[str]:
    """Return the report of ``strongltn certify``."""
    return [
        *certificate_lines(report),
        "",
        *_layer_lines(report["layers"]),
        *_radius_lines(report.get("radii", [])),
        "",
        f"seconds: {_seconds(report['seconds'])}",
        *(f"note: {note}" for note in report["notes"]),
        *_kept_lines(report["certificate"]),
        *(f"figure: {path}" for path in report.get("files", [])),
    ]


def _kept_lines(standing: dict[str, Any]) -> list[str]:
    if standing["is_new"]:
        return [f"kept in {standing['file']}"]
    upper = outward(standing["certified_error"], upwards=True)
    lower = outward(standing["empirical_error"], upwards=False)
    return [
        f"NOT written: {standing['file']} says as much of this domain or more, [{lower}, {upper}], "
        "and is kept. --replace writes the new one in its place."
    ]


def _layer_lines(layers: list[dict[str, Any]]) -> list[str]:
    """Return the table of all layers: one column a layer, one row for each method."""

    def bounds(name: str) -> list[str]:
        return [outward(layer[name], upwards=True) for layer in layers]

    def by_method(name: str) -> list[list[str]]:
        methods = dict.fromkeys(method for layer in layers for method in layer[name])
        return [
            [f"  {method}", *(_bound(layer[name], method) for layer in layers)]
            for method in methods
        ]

    return _table(
        [
            ["", *(layer["name"] for layer in layers)],
            ["weights, spectral norm", *bounds("weight_norm")],
            ["weight errors, spectral norm", *bounds("error_norm")],
            ["largest input of this layer (proved)"],
            *by_method("activation"),
            ["largest difference between the two networks after this layer (proved)"],
            *by_method("difference"),
            [
                "difference found",
                *(outward(layer["empirical_error"], upwards=False) for layer in layers),
            ],
            ["certified / found", *(_factor(layer["ratio"]) for layer in layers)],
            ["lost over the layer, times", *(_factor(layer["ratio_growth"]) for layer in layers)],
        ]
    )


def _radius_lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    table = [["radius", "certified", "found", "ratio", "by"]]
    table += [
        [
            f"{row['radius']:g}",
            outward(row["certified_error"], upwards=True),
            outward(row["empirical_error"], upwards=False),
            _factor(row["ratio"]),
            row["least_method"],
        ]
        for row in rows
    ]
    return ["", *_table(table)]


def _bound(bounds: dict[str, float], method: str) -> str:
    return outward(bounds[method], upwards=True) if method in bounds else _NOTHING


def _factor(ratio: float | None) -> str:
    return _NOTHING if ratio is None else f"{ratio:#.4g}"


def _seconds(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())


def _table(rows: list[list[str]]) -> list[str]:
    """Return aligned columns with a line below the first row; all but the first to the right.

    A row of one cell is a heading, which may be wider than its column.
    """
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[k]) for row in full) for k in range(len(full[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return lines
