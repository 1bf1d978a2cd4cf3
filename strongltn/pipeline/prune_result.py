"""What pruning gives: a certified ticket, in words, as figures, and as a directory."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from strongltn.certify import Certificate
from strongltn.certify.account import account
from strongltn.certify.statement import two_sided_text
from strongltn.construct import BuildResult, Plan, Reach
from strongltn.networks.reading import short_list, short_name
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.networks.ticket_directory import (
    REPORT_FILE,
    TICKET_CONTENTS,
    TICKET_FILE,
    ticket_files,
)
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import outward_number
from strongltn.process.default_state import in_default_state
from strongltn.report.html import html_table
from strongltn.storage import new_directory, write_whole
from strongltn.values.arguments import as_parameter, as_path, instance
from strongltn.values.by_value import ByValue
from strongltn.values.json_text import json_text


@dataclass(frozen=True, eq=False)
class PruneResult(ByValue):
    """A certified ticket and what it took; printed, it is a sentence on what was proved.

    Two results are equal if everything but the wall times is.

    Attributes
    ----------
    target : TargetNetwork
    plan : Plan
    build : BuildResult
        With the ticket.
    reach : Reach
        It says which weights are within tolerance.
    certificate : Certificate
    epsilon : float or None
        What was asked for.
    is_tolerance_estimated : bool
        The tolerance was derived from epsilon: it chose sizes, and decides nothing.
    seconds : dict
        Wall time of drawing, solving and certifying; of compiling the loops, which happens once on
        a machine and is in none of these; of writing (0 until saved); and in all.
    """

    target: TargetNetwork
    plan: Plan
    build: BuildResult
    reach: Reach
    certificate: Certificate
    epsilon: float | None
    is_tolerance_estimated: bool
    seconds: dict[str, float] = field(compare=False)

    @property
    def ticket(self) -> Ticket:
        """The ticket."""
        return self.build.ticket

    @property
    def upper_bound(self) -> Fraction:
        """Proved: >= sup ||f(x) - g(x)|| over the domain, in the certificate's norm; exact."""
        return self.certificate.upper_bound

    @property
    def lower_bound(self) -> Fraction:
        """Proved: <= sup ||f(x) - g(x)|| over the domain, in the certificate's norm; exact."""
        return self.certificate.lower_bound

    @property
    def is_within(self) -> bool:
        """Whether all that was asked for holds.

        With epsilon the certificate decides. Every weight must be within the tolerance as well if
        that was given, or if there is no epsilon.
        """
        return is_within(
            self.certificate,
            self.epsilon,
            is_tolerance_met=self.is_tolerance_estimated or self.reach.num_unreached == 0,
        )

    @in_default_state()
    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a ticket directory, which appears whole or not at all, and return its path.

        `load_ticket` and ``strongltn verify``, ``info`` and ``certify`` read it.

        Parameters
        ----------
        path : path
            A new one; directories above it are made.
        overwrite : bool
            Replace a ticket directory that is there, if it holds nothing but the ticket.

        Raises
        ------
        InvalidInputError
            The path is taken.
        MachineError
            It cannot be written; what was there is whole.
        """
        place = as_path("path", path)
        instance("overwrite", overwrite, bool, allowed="True or False")
        replaces = TICKET_CONTENTS if overwrite else None
        with (
            as_parameter("path", of="out", hint="Or pass overwrite=True."),
            new_directory(place, replaces=replaces) as directory,
        ):
            self.write_into(directory)
        return place

    def write_into(self, directory: Path) -> None:
        """Write ticket, certificate and report into an existing, empty directory."""
        began = time.perf_counter()
        files = ticket_files(self.target, self.ticket)
        for name, content in (files | self.certificate.to_files(files[TICKET_FILE])).items():
            write_whole(directory / name, content)
        writing = time.perf_counter() - began
        self.seconds["writing"] = writing
        self.seconds["total"] += writing
        write_report(directory, self.report())

    def __repr__(self) -> str:
        widths, name = short_list(self.target.widths, "-"), short_name(self.ticket.construction)
        claim = two_sided_text(self.certificate)
        return f"PruneResult({widths}, {name}, seed {self.ticket.source.seed}: {claim})"

    def __str__(self) -> str:
        source = self.ticket.source
        return (
            f"The random network g of widths {short_list(source.widths, '-')} "
            f"({source.law.value} weights, seed {source.seed}), of whose {source.num_weights:,} "
            f"weights a mask keeps {self.ticket.num_kept:,}, stands in for the target f, "
            f"{short_list(self.target.widths, '-')} with {self.target.num_weights:,} weights. "
            f"{self.certificate} {self._verdict()}"
        )

    def _verdict(self) -> str:
        """Return what was asked for, and whether it holds, in one or two sentences."""
        tolerance, largest = Fraction(self.plan.tolerance), self.reach.max_weight_error
        said = f"Every weight is within {outward_text(tolerance, upwards=True)}."
        if self.reach.num_unreached:
            said = (
                f"{self.reach.num_unreached:,} weights are further off than "
                f"{outward_text(tolerance, upwards=False)}, by up to "
                f"{outward_text(largest, upwards=True)}."
            )
        if self.epsilon is None:
            return said
        is_near = self.certificate.euclidean_bound <= self.epsilon
        return f"{'Within' if is_near else 'NOT within'} epsilon = {self.epsilon!r}. {said}"

    def _repr_html_(self) -> str:
        source = self.ticket.source
        return html_table(
            "Strong lottery ticket",
            {
                "target f": f"{short_list(self.target.widths, '-')}, "
                f"{self.target.num_weights:,} weights",
                "source": f"{short_list(source.widths, '-')}, {source.num_weights:,} random "
                f"weights, {source.law.value}, seed {source.seed}",
                "mask": f"{self.ticket.construction}, keeps {self.ticket.num_kept:,} weights",
                "proved": two_sided_text(self.certificate),
                "asked for": self._verdict(),
            },
        )

    def report(self) -> dict[str, Any]:
        """Return the figures for people and programs, to be written by `json_text`."""
        source = self.ticket.source
        return {
            "construction": self.ticket.construction,
            "law": source.law.value,
            "seed": source.seed,
            **target_figures(self.target),
            "samples_per_weight": self.plan.num_samples,
            "source_widths": list(source.widths),
            "source_weights": source.num_weights,
            "kept_weights": self.ticket.num_kept,
            "scale_exponents": list(self.plan.scale_exponents),
            "tolerance": self.plan.tolerance,
            "is_tolerance_estimated": self.is_tolerance_estimated,
            "max_weight_error": outward_number(self.reach.max_weight_error, upwards=True),
            "unreached_weights": self.reach.num_unreached,
            "worst_unreached": [asdict(weight) for weight in self.reach.worst],
            "width_failure_probability": float(self.plan.width_failure_probability),
            "short_groups": [asdict(group) for group in self.build.short_groups],
            "epsilon": self.epsilon,
            "is_within": self.is_within,
            "warnings": [str(lost) for lost in self.reach.lost_biases],
            **account(self.target, self.ticket, self.certificate),
            "seconds": self.seconds,
        }


def is_within(certificate: Certificate, epsilon: float | None, *, is_tolerance_met: bool) -> bool:
    """Return whether all that was asked for holds; see `PruneResult.is_within`."""
    return is_tolerance_met and (epsilon is None or certificate.euclidean_bound <= epsilon)


def target_figures(target: TargetNetwork) -> dict[str, Any]:
    """Return the size of a target and how it was read, as JSON types."""
    likeness = target.reading.likeness
    return {
        "target_weights": target.num_weights,
        "target_chain": target.chain,
        "target_reading": str(target.reading),
        "target_likeness": None if likeness is None else asdict(likeness),
    }


def write_report(directory: Path, report: dict[str, Any]) -> None:
    """Write the report, which is for people: no proof rests on it."""
    write_whole(directory / REPORT_FILE, (json_text(report, indent=1) + "\n").encode("ascii"))
