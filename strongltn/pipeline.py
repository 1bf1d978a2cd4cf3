"""Plan, build, measure, certify, write: the only place where the pillars meet."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from strongltn.certify import Attack, Certificate, CertifySettings, certify_ticket
from strongltn.certify.account import account
from strongltn.certify.kept import certificates, keep_certificate, place_of
from strongltn.certify.stages import Progress
from strongltn.certify.statement import CERTIFICATE_FILE, read_certificate
from strongltn.compiled import compiling_seconds, working_seconds
from strongltn.construct import (
    RELU_DIAMOND,
    BuildResult,
    Construction,
    Plan,
    Reach,
    build_ticket,
    make_plan,
    measure_reach,
)
from strongltn.construct.sizing import estimate_num_samples, estimate_tolerance
from strongltn.default_state import in_default_state
from strongltn.errors import InvalidInputError
from strongltn.json_text import json_text
from strongltn.networks.domain import Ball, Domain
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.networks.ticket_directory import (
    REPORT_FILE,
    TICKET_FILE,
    load_ticket,
    read_ticket_file,
    ticket_files,
)
from strongltn.numerics.dyadic import outward_number
from strongltn.rng import WeightLaw
from strongltn.storage import check_writable, in_use, write_whole
from strongltn.subset_sum.solvers import GrowingPrefix, MeetInTheMiddle

#: Tolerance for one weight where no epsilon asks for another: that of Pensia et al. 2020,
#: experiment 1.
DEFAULT_TOLERANCE = 0.01

#: What building asks for: the default set with an eighth of the attack; `certify` is for the rest.
QUICK_ATTACK = CertifySettings(attack=Attack(num_steps=120))


@dataclass(frozen=True, eq=False)
class PruneResult:
    """A certified ticket and what it took.

    Attributes
    ----------
    target : TargetNetwork
    plan : Plan
    build : BuildResult
        With the ticket.
    reach : Reach
        Which weights are within tolerance.
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
    seconds: dict[str, float]

    @property
    def ticket(self) -> Ticket:
        """The ticket."""
        return self.build.ticket

    @property
    def is_within(self) -> bool:
        """Whether all that was asked for holds.

        With epsilon the certificate decides. Every weight must be within the tolerance as well if
        that was given, or if there is no epsilon.
        """
        return _is_within(
            self.certificate,
            self.epsilon,
            is_tolerance_met=self.is_tolerance_estimated or self.reach.num_unreached == 0,
        )

    def report(self) -> dict[str, Any]:
        """Return the figures for people and programs, to be written by `json_text`."""
        source = self.ticket.source
        return {
            "construction": self.ticket.construction,
            "law": source.law.value,
            "seed": source.seed,
            **_target(self.target),
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


@in_default_state()
def prune(
    target: TargetNetwork,
    *,
    construction: Construction = RELU_DIAMOND,
    epsilon: float | None = None,
    num_samples: int | None = None,
    tolerance: float | None = None,
    law: WeightLaw = WeightLaw.UNIFORM,
    seed: int = 0,
    domain: Domain | None = None,
    settings: CertifySettings | None = None,
    progress: Progress | None = None,
) -> PruneResult:
    """Turn a target network into a certified strong lottery ticket.

    Parameters
    ----------
    target : TargetNetwork
    construction : Construction
    epsilon : float > 0, optional
        For the whole network: sup over the domain of ||f(x) - g(x)||_2.
    num_samples : int >= 1, optional
        Samples that each subset sum sees. At least one of `epsilon` and `num_samples` is needed;
        without `num_samples` it is estimated from `epsilon`.
    tolerance : float > 0, optional
        That every weight is to stay within. Default: `DEFAULT_TOLERANCE`; with `epsilon` an
        estimate from it, which chooses sizes and decides nothing.
    law : WeightLaw
        Of the source.
    seed : int in [0, 2^64)
        Of the source: the only randomness in the ticket.
    domain : Domain, optional
        Default: the Euclidean unit ball.
    settings : CertifySettings, optional
        Of the certificate; default: `QUICK_ATTACK`.
    progress : callable, optional

    Returns
    -------
    PruneResult
        Also when a weight is out of reach or epsilon is missed: see `PruneResult.is_within`.

    Raises
    ------
    InvalidInputError
        A parameter is out of range, both `epsilon` and `num_samples` are missing, or
        `num_samples` is more than the construction can solve; nothing was drawn.
    BudgetExceeded
        `epsilon` calls for more samples than can be solved exactly.

    Notes
    -----
    Rigor: the bounds of the certificate are rigorous; the choice of sizes is an estimate.
    Randomness: `seed`, never a redraw.
    """
    began, compiling = time.perf_counter(), compiling_seconds()
    domain = domain or Ball()
    check_positive("epsilon", epsilon)
    check_positive("tolerance", tolerance)
    if epsilon is None and num_samples is None:
        raise InvalidInputError(
            "epsilon",
            got=None,
            allowed="given, or samples",
            hint="Try --epsilon 0.1 or --samples 20.",
        )
    is_tolerance_estimated = tolerance is None and epsilon is not None
    if tolerance is None:
        tolerance = DEFAULT_TOLERANCE
        if epsilon is not None:
            tolerance = estimate_tolerance(target, domain, epsilon=epsilon)
    solver = None
    if num_samples is not None:
        construction.solver_for(num_samples)  # refuses before anything is drawn
    else:
        if isinstance(construction.solver, MeetInTheMiddle):
            solver = GrowingPrefix()  # sized for the worst weight: most need far fewer samples
        num_samples = estimate_num_samples(
            target, construction, law=law, domain=domain, tolerance=tolerance, seed=seed
        )
    plan = make_plan(
        target, construction, num_samples=num_samples, tolerance=tolerance, domain=domain
    )
    source = plan.source(target, law=law, seed=seed)
    build = build_ticket(
        target,
        source,
        plan,
        solver=solver,
        progress=progress and (lambda done, total: progress("solving", done, total)),
    )
    certifying = working_seconds()
    certificate = certify_ticket(
        target, build.ticket, domain, settings=settings or QUICK_ATTACK, progress=progress
    )
    reach = measure_reach(target, plan.scale_exponents, certificate.errors, tolerance=tolerance)
    certified = working_seconds()
    return PruneResult(
        target,
        plan,
        build,
        reach,
        certificate,
        epsilon,
        is_tolerance_estimated,
        {
            "drawing": build.drawing_seconds,
            "solving": build.solving_seconds,
            "certifying": certified - certifying,
            "compiling": compiling_seconds() - compiling,
            "writing": 0.0,
            "total": time.perf_counter() - began,
        },
    )


def _is_within(certificate: Certificate, epsilon: float | None, *, is_tolerance_met: bool) -> bool:
    return is_tolerance_met and (epsilon is None or certificate.euclidean_bound <= epsilon)


def check_positive(name: str, value: float | None) -> None:
    """Raise InvalidInputError unless `value` is None or a finite number > 0."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InvalidInputError(name, got=value, allowed="a finite number > 0")


@in_default_state()
def save(result: PruneResult, directory: Path) -> None:
    """Write ticket, certificate and report into an existing, empty directory."""
    began = time.perf_counter()
    files = ticket_files(result.target, result.ticket)
    for name, content in (files | result.certificate.to_files(files[TICKET_FILE])).items():
        write_whole(directory / name, content)
    writing = time.perf_counter() - began
    result.seconds["writing"] = writing
    result.seconds["total"] += writing
    write_report(directory, result.report())


def write_report(directory: Path, report: dict[str, Any]) -> None:
    """Write the report, which is for people: no proof rests on it."""
    write_whole(directory / REPORT_FILE, (json_text(report, indent=1) + "\n").encode("ascii"))


@in_default_state()
def certify_directory(
    directory: Path,
    *,
    domain: Domain | None = None,
    settings: CertifySettings | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Certify a saved ticket anew, and keep the better certificate of each domain and norm.

    A certificate of another domain or norm than those that are there is written beside them.

    Parameters
    ----------
    directory : Path
    domain : Domain, optional
        Default: that of the first certificate, or the unit ball without one.
    settings : CertifySettings, optional
    replace : bool
        Write the new certificate even where the one of its domain and norm is better, or cannot be
        read.
    progress : callable, optional

    Returns
    -------
    dict
        The account of the new certificate; ``certificate`` says which one stands now.

    Raises
    ------
    InvalidInputError
        No ticket directory, or one with a damaged certificate, or another command is at work in it.
    MachineError
        The certificate cannot be written; what was there is whole.
    """
    settings = settings or CertifySettings()
    with in_use(directory, parameter="DIR"):
        check_writable(directory, parameter="DIR")
        target, ticket = load_ticket(directory)
        domain = domain or present_domain(directory)
        name, standing = place_of(directory, domain, settings.output_norm, replace=replace)
        certificate = certify_ticket(target, ticket, domain, settings=settings, progress=progress)
        kept = keep_certificate(directory, certificate, name=name, standing=standing)
        figures = account(target, ticket, certificate)
        if kept.file == CERTIFICATE_FILE and kept.is_new:
            _update_report(directory, figures, certificate)
    return figures | {
        "seconds": certificate.seconds,
        "certificate": {
            "file": kept.file,
            "is_new": kept.is_new,
            "certified_error": outward_number(kept.upper_bound, upwards=True),
            "empirical_error": outward_number(kept.lower_bound, upwards=False),
        },
    }


def _update_report(directory: Path, figures: dict[str, Any], certificate: Certificate) -> None:
    """Bring the report up to date, unless it is gone or is none of ours."""
    try:
        report = json.loads(read_ticket_file(directory, REPORT_FILE)) | figures
        is_estimated = report.get("is_tolerance_estimated", False)  # older reports do not say
        report["is_within"] = _is_within(
            certificate,
            report["epsilon"],
            is_tolerance_met=is_estimated or report["unreached_weights"] == 0,
        )
    except (InvalidInputError, ValueError, TypeError, LookupError, RecursionError):
        return
    write_report(directory, report)


@in_default_state()
def describe_directory(directory: Path) -> dict[str, Any]:
    """Return what a ticket directory holds: sizes from the ticket, claims from its certificate."""
    target, ticket = load_ticket(directory)
    source = ticket.source
    description: dict[str, Any] = {
        "construction": ticket.construction,
        "law": source.law.value,
        "seed": source.seed,
        "target_widths": list(target.widths),
        **_target(target),
        "samples_per_weight": ticket.samples_per_weight,
        "source_widths": list(source.widths),
        "source_weights": source.num_weights,
        "kept_weights": ticket.num_kept,
        "scale_exponents": list(ticket.scale_exponents),
        "certificates": [
            {
                "file": name,
                "domain": str(certificate.domain),
                "output_norm": certificate.output_norm.value,
                "methods": list(certificate.methods),
                "certified_error": outward_number(certificate.upper_bound, upwards=True),
                "empirical_error": outward_number(certificate.lower_bound, upwards=False),
            }
            for name, certificate in certificates(directory).items()
        ],
    }
    return description


def _target(target: TargetNetwork) -> dict[str, Any]:
    """Return the size of a target and how it was read, as JSON types."""
    likeness = target.reading.likeness
    return {
        "target_weights": target.num_weights,
        "target_chain": target.chain,
        "target_reading": str(target.reading),
        "target_likeness": None if likeness is None else asdict(likeness),
    }


def present_domain(directory: Path) -> Domain:
    """Return the domain of a directory's first certificate, or the unit ball without one."""
    certificate = read_certificate(directory)
    return Ball() if certificate is None else certificate.domain
