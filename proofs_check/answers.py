"""What ``proofs_check verify`` answers: lines for people, or one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proofs_check.against import Comparison
from proofs_check.certificate.audit import Audit, Verdict
from proofs_check.numbers_text import dyadic_text, lower_text, upper_text
from proofs_check.theorem_text import STEPS, labelled, printable, refusal, theorem, theorem_lines


def answer_record(
    audits: Mapping[str, Audit], comparison: Comparison | None, *, is_good: bool
) -> dict[str, Any]:
    """Return the answer as one JSON object, that of the first certificate; FORMAT.md lists it.

    Parameters
    ----------
    audits : mapping
        Of every certificate, by its file.
    comparison : Comparison or None
        With a user's own model.
    is_good : bool
        Whether all certificates were proved, and the model, if any, holds the target.
    """
    first, *others = ({"file": name, **_record(audit)} for name, audit in audits.items())
    reasons = [f"{name}: {audit.rejected}" for name, audit in audits.items() if audit.rejected]
    if comparison is not None and comparison.difference is not None:
        reasons.append(f"{comparison.file}: {comparison.difference}")
    whole = {
        "verdict": Verdict.PROVED if is_good else Verdict.REJECTED,
        "rejected": next(iter(reasons), None),
        "others": others,
    }
    return {**first, **whole} | ({"compared": comparison.record()} if comparison else {})


def answer_lines(
    audits: Mapping[str, Audit], comparison: Comparison | None, *, is_compared: bool
) -> list[str]:
    """Return the answer as lines for people.

    Parameters
    ----------
    audits : mapping
        Of every certificate, by its file.
    comparison : Comparison or None
        With a user's own model; None, too, where nothing was proved.
    is_compared : bool
        Whether a comparison was asked for.
    """
    names = {name: f"  ({name})" if len(audits) > 1 else "" for name in audits}
    lines = [line for name in audits for line in _lines(audits[name], names[name])]
    return lines + (_comparison_lines(comparison) if is_compared else [])


def _record(audit: Audit) -> dict[str, Any]:
    report: dict[str, Any] = {"verdict": audit.verdict, "rejected": audit.rejected}
    if audit.upper_bound is None or audit.lower_bound is None:
        step = {"number": audit.step, "of": len(STEPS), "name": STEPS[audit.step - 1]}
        report |= {"refusal": refusal(audit), "step": step, "statement": audit.statement}
    else:
        whole = theorem(audit)
        report |= {
            "lower_bound": dyadic_text(audit.lower_bound),
            "upper_bound": dyadic_text(audit.upper_bound),
            **whole,
            "method": audit.facts["method"],
            "target_sha256": whole["target"]["sha256"],
            "target_as_stated": whole["target"]["as_stated"] or "not stated",
            "target_weights": whole["target"]["num_weights"],
            "kept_source_weights": whole["pruned"]["num_kept"],
        }
    return report | {"statements": audit.statements}


def _lines(audit: Audit, which: str) -> list[str]:
    if audit.upper_bound is None or audit.lower_bound is None:
        return [f"REJECTED: {refusal(audit)}{which}"]
    lower, upper = lower_text(audit.lower_bound), upper_text(audit.upper_bound)
    return [
        f"PROVED  {lower} <= sup |f - g| <= {upper}{which}",
        *theorem_lines(audit),
        *(f"  {seconds:6.2f} s  {text}" for text, seconds in audit.statements),
    ]


def _comparison_lines(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return ["NOT COMPARED with your file: nothing was proved of which it could be the target."]
    if comparison.difference is not None:
        text = printable(f"{comparison.file} does not hold the target: {comparison.difference}")
        return [f"REJECTED: {text}"]
    pairs = ", ".join(f"{key} is {name}" for key, name in comparison.matches.items())
    further = ", ".join(comparison.further)
    return [
        f"THE TARGET IS IN {printable(comparison.file)}, bit for bit",
        *labelled("arrays", f"{printable(pairs)}."),
        *(labelled("further", f"{printable(further)}: no part of f.") if further else []),
        *labelled("not checked", comparison.record()["not_checked"]),
    ]
