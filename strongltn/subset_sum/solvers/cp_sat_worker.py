"""The process that runs CP-SAT: a program a line comes in, an answer a line goes out, as JSON.

A script that imports nothing of strongltn: it is started by its path (see `cp_sat`), and
ends when its standard input does. Its first line says what is wrong with OR-Tools, if anything.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Answer programs until there are no more."""
    # What a library prints goes to standard error: the lines of the protocol stay whole.
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)

        def say(answer: dict[str, Any]) -> None:
            out.write(json.dumps(answer) + "\n")
            out.flush()

        try:
            from ortools.sat.python import cp_model
        except ImportError as error:
            say({"error": str(error)})
            return
        say({"error": None})
        for line in sys.stdin:
            say(answer_of(json.loads(line), cp_model))


def answer_of(program: dict[str, Any], cp_model: Any) -> dict[str, Any]:
    """Return status, bits and seconds for the fields of a `Program` and of how to search."""
    started = time.perf_counter()
    model, bits = model_of(program, cp_model)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    # This step of OR-Tools 9.15 cuts off optima where coefficients are large and rows disjoint.
    solver.parameters.presolve_inclusion_work_limit = 0
    solver.parameters.cp_model_presolve = program["has_presolve"]
    solver.parameters.max_time_in_seconds = program["time_limit_seconds"]
    built, cpu_built = time.perf_counter(), time.process_time()
    status = solver.solve(model)
    searched, cpu_searched = time.perf_counter(), time.process_time()
    has_bits = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return {
        "status": solver.status_name(status),
        "bits": [[solver.value(bit) for bit in row] for row in bits] if has_bits else None,
        "build_seconds": built - started,
        "search_seconds": searched - built,
        "search_cpu_seconds": cpu_searched - cpu_built,
    }


def model_of(program: dict[str, Any], cp_model: Any) -> tuple[Any, list[list[Any]]]:
    """Return the model, and its bits b[j][i]."""
    coefficients, windows = program["coefficients"], program["windows"]
    model = cp_model.CpModel()
    bits = [[model.new_bool_var("") for _ in coefficients] for _ in windows]
    slack: Any = 0
    if program["objective"] == "least-error":
        edges = [abs(edge) for window in windows for edge in window]
        slack = model.new_int_var(0, sum(map(abs, coefficients)) + max(edges), "")
        model.minimize(slack)
    elif program["objective"] == "fewest-samples":
        is_used = bits[0]
        if len(bits) > 1:
            is_used = [model.new_bool_var("") for _ in coefficients]
            for row in bits:
                for used, bit in zip(is_used, row, strict=True):
                    model.add_implication(bit, used)
        model.minimize(sum(is_used))
    for (lower, upper), row in zip(windows, bits, strict=True):
        total = cp_model.LinearExpr.weighted_sum(row, coefficients)
        model.add(total - slack <= upper)
        model.add(total + slack >= lower)
        if program["size"] is not None:
            model.add(sum(row) == program["size"])
    if program["is_disjoint"]:
        for column in zip(*bits, strict=True):
            model.add_at_most_one(column)
    return model, bits


if __name__ == "__main__":
    main()
