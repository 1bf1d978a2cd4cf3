"""The distance of two networks: all methods from above, an attack from below."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction

from strongltn.certify.attack import AttackResult, attack
from strongltn.certify.methods import Bound, CertifySettings, Problem
from strongltn.certify.recursion import LayerBounds
from strongltn.certify.stages import Progress, Stages
from strongltn.errors import SoundnessBug, UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import round_up
from strongltn.process.default_state import one_thread
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class UpperBounds(ByValue):
    """What is proved of a ticket from above.

    Attributes
    ----------
    layers : tuple of LayerBounds
    methods : dict from name to Bound
    notes : tuple of str
        Which methods are missing, and why.
    """

    layers: tuple[LayerBounds, ...]
    methods: dict[str, Bound]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TwoSidedBound:
    """Proved: attacked.lower_bound <= sup ||f(x) - g(x)|| <= upper_bound, in scaled units.

    Attributes
    ----------
    upper_bound : Fraction
        The least of all methods, rounded up to what a certificate writes.
    proved : UpperBounds
    attacked : AttackResult
    seconds : dict from method or stage to float
    """

    upper_bound: Fraction
    proved: UpperBounds
    attacked: AttackResult
    seconds: dict[str, float]


def two_sided_bound(
    network: DifferenceNetwork,
    *,
    settings: CertifySettings,
    progress: Progress | None,
) -> TwoSidedBound:
    """Bound the distance of a network from the same network with errors in its weights.

    Parameters
    ----------
    network : DifferenceNetwork
        In the norm of the settings.
    settings : CertifySettings
    progress : callable or None

    Raises
    ------
    SoundnessBug
        The bounds contradict one another (never seen).

    Notes
    -----
    Rigor: both bounds are rigorous.  Cost: see `certify_ticket`.
    Randomness: the ascent's starting points.
    """
    stages = Stages(2 + len(settings.methods), progress)
    proved = upper_bounds(network, settings=settings, stages=stages)
    with stages.stage("attack"):
        attacked = attack(network, settings=settings.attack, progress=progress)
    upper = round_up(min(method.bound for method in proved.methods.values()))
    if attacked.lower_bound > upper:
        raise SoundnessBug(f"an input is {attacked.lower_bound} off, above the bound {upper}")
    return TwoSidedBound(upper, proved, attacked, stages.seconds)


def upper_bounds(
    network: DifferenceNetwork, *, settings: CertifySettings, stages: Stages
) -> UpperBounds:
    """Return the bounds of all methods of the set that `settings` names.

    Notes
    -----
    Rigor: rigorous bounds. Cost: that of the methods, one after the other, timed by `stages`.
    Randomness: none.
    """
    problem = Problem(network, settings, stages.progress)
    proved: dict[str, Bound] = {}
    notes: list[str] = []
    with stages.stage("norms"), one_thread():
        norms = problem.norms
    for method in settings.methods:
        with stages.stage(method.name), nullcontext() if method.has_threads else one_thread():
            reason, remark = method.applies(problem), method.remark(problem)
            if reason is None:
                try:
                    proved[method.name] = method.prove(problem)
                except UnsolvedError as error:
                    reason = str(error)
            if reason is not None:
                notes.append(f"{method.name} is left out: {reason}")
            elif remark is not None:
                notes.append(f"{method.name} {remark}")
    return UpperBounds(norms, proved, tuple(notes))
