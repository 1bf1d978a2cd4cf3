"""Plan, build, measure, certify, write: the only place where the pillars meet."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from strongltn.certify import Attack, CertifySettings, certify_ticket
from strongltn.certify.account import account
from strongltn.certify.certificate import Certificate
from strongltn.certify.kept import certificates, keep_certificate, place_of
from strongltn.certify.statement import CERTIFICATE_FILE, read_certificate
from strongltn.construct import RELU_DIAMOND, build_ticket, make_plan, measure_reach
from strongltn.construct.catalogue import ConstructionLike, as_construction
from strongltn.construct.sizing import estimate_num_samples, estimate_tolerance
from strongltn.errors import InvalidInputError
from strongltn.networks.ball import Ball
from strongltn.networks.domain import Domain
from strongltn.networks.domain_text import DomainLike, as_domain
from strongltn.networks.target import TargetLike, TargetNetwork
from strongltn.networks.ticket_directory import REPORT_FILE, read_ticket, read_ticket_file
from strongltn.numerics.dyadic import outward_number
from strongltn.pipeline.prune_result import PruneResult, is_within, target_figures, write_report
from strongltn.process.compiled import compiling_seconds, working_seconds
from strongltn.process.default_state import in_default_state
from strongltn.rng import LawWord, WeightLaw, checked_seed
from strongltn.storage import check_writable, in_use
from strongltn.subset_sum.solvers import GrowingPrefix, MeetInTheMiddle
from strongltn.values.arguments import (
    IntegerLike,
    Progress,
    RealLike,
    check_progress,
    chosen,
    instance,
    integer,
    positive,
)

#: Tolerance for one weight where no epsilon asks for another: that of Pensia et al. 2020,
#: experiment 1.
DEFAULT_TOLERANCE = 0.01

#: What building asks for: the default set with an eighth of the attack; `certify` is for the rest.
QUICK_ATTACK = CertifySettings(attack=Attack(num_steps=120))


@in_default_state()
def prune(
    target: TargetLike,
    *,
    construction: ConstructionLike = RELU_DIAMOND,
    epsilon: RealLike | None = None,
    num_samples: IntegerLike | None = None,
    tolerance: RealLike | None = None,
    law: WeightLaw | LawWord = WeightLaw.UNIFORM,
    seed: IntegerLike = 0,
    domain: DomainLike | None = None,
    settings: CertifySettings | None = None,
    progress: Progress | None = None,
) -> PruneResult:
    """Turn a target network into a certified strong lottery ticket.

    Parameters
    ----------
    target : TargetNetwork, torch.nn.Module, state dict, or path
        The trained network f; see `TargetNetwork.of`.
    construction : Construction or str
        What stands in for one weight: "relu-diamond" (default), "linear-diamond",
        "single-weight", or a value of your own.
    epsilon : float > 0, optional
        The error to stay within: the sup over the domain of ||f(x) - g(x)||_2.
    num_samples : int >= 1, optional
        Samples that each subset sum sees. At least one of `epsilon` and `num_samples` is needed;
        without `num_samples` it is estimated from `epsilon`.
    tolerance : float > 0, optional
        That every weight is to stay within. Default: `DEFAULT_TOLERANCE`; with `epsilon` an
        estimate from it, which chooses sizes and decides nothing.
    law : WeightLaw or str
        The law of the source: "uniform" (default), "signed-constant" or "gaussian".
    seed : int in [0, 2^64)
        The seed of the source: the only randomness in the ticket.
    domain : Domain or str, optional
        Default: the Euclidean unit ball. A text as on the command line, such as "ball:2" or
        "box:0,1", names one.
    settings : CertifySettings, optional
        How hard the certificate tries; default: `QUICK_ATTACK`.
    progress : callable, optional
        Called with (stage, done, all).

    Returns
    -------
    PruneResult
        Also when a weight is out of reach or epsilon is missed: see `PruneResult.is_within`.

    Raises
    ------
    InvalidInputError
        A parameter is of another kind or out of range, both `epsilon` and `num_samples` are
        missing, or `num_samples` is more than the construction can solve; nothing was drawn.
    BudgetExceeded
        `epsilon` calls for more samples than can be solved exactly.

    Notes
    -----
    Rigor: the bounds of the certificate are rigorous; the choice of sizes is an estimate.
    Randomness: `seed`, never a redraw.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> result = prune(model, num_samples=12, law="uniform", domain="box:0,1", seed=7)
    >>> bool(result.lower_bound <= result.upper_bound)
    True
    """
    began, compiling = time.perf_counter(), compiling_seconds()
    construction = as_construction(construction)
    law = chosen("law", law, WeightLaw)
    seed = checked_seed(seed)
    domain = Ball() if domain is None else as_domain(domain)
    epsilon = None if epsilon is None else positive("epsilon", epsilon)
    tolerance = None if tolerance is None else positive("tolerance", tolerance)
    settings = instance("settings", QUICK_ATTACK if settings is None else settings, CertifySettings)
    check_progress(progress)
    target = TargetNetwork.of(target)
    if epsilon is None and num_samples is None:
        raise InvalidInputError(
            "epsilon",
            got=None,
            allowed="given, or num_samples",
            hint="Try epsilon=0.1 or num_samples=20.",
        )
    is_tolerance_estimated = tolerance is None and epsilon is not None
    if tolerance is None:
        tolerance = DEFAULT_TOLERANCE
        if epsilon is not None:
            tolerance = estimate_tolerance(target, domain, epsilon=epsilon)
    solver = None
    if num_samples is not None:
        construction.solver_for(num_samples)  # refuses before anything is drawn
        num_samples = integer("num_samples", num_samples, low=1)
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
    certificate = certify_ticket(target, build.ticket, domain, settings=settings, progress=progress)
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


def check_positive(name: str, value: RealLike | None) -> None:
    """Raise InvalidInputError unless `value` is None or a finite number > 0."""
    if value is not None:
        positive(name, value)


@in_default_state()
def save(result: PruneResult, directory: Path) -> None:
    """Write ticket, certificate and report into an existing, empty directory."""
    result.write_into(directory)


@in_default_state()
def certify_directory(
    directory: Path,
    *,
    domain: DomainLike | None = None,
    settings: CertifySettings | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Certify a saved ticket anew, and keep the better certificate of each domain and norm.

    A certificate of another domain or norm than those that are there is written beside them.

    Parameters
    ----------
    directory : Path
    domain : Domain or str, optional
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
    settings = CertifySettings() if settings is None else settings
    instance("settings", settings, CertifySettings)
    with in_use(directory, parameter="DIR"):
        check_writable(directory, parameter="DIR")
        target, ticket = read_ticket(directory)
        domain = present_domain(directory) if domain is None else as_domain(domain)
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
        report["is_within"] = is_within(
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
    target, ticket = read_ticket(directory)
    source = ticket.source
    description: dict[str, Any] = {
        "construction": ticket.construction,
        "law": source.law.value,
        "seed": source.seed,
        "target_widths": list(target.widths),
        **target_figures(target),
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


def present_domain(directory: Path) -> Domain:
    """Return the domain of a directory's first certificate, or the unit ball without one."""
    certificate = read_certificate(directory)
    return Ball() if certificate is None else certificate.domain
