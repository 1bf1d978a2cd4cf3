"""The distance of two networks: all methods from above, an attack from below."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from strongltn.certify.attack import AttackResult, attack
from strongltn.certify.stages import Progress, Stages
from strongltn.certify.upper import CertifySettings, UpperBounds, upper_bounds
from strongltn.errors import SoundnessBug
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import round_up


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
    stages = Stages(settings.num_stages, progress)
    proved = upper_bounds(network, settings=settings, stages=stages)
    with stages.stage("attack"):
        attacked = attack(network, settings=settings.attack, progress=progress)
    upper = round_up(min(method.bound for method in proved.methods.values()))
    if attacked.lower_bound > upper:
        raise SoundnessBug(f"an input is {attacked.lower_bound} off, above the bound {upper}")
    return TwoSidedBound(upper, proved, attacked, stages.seconds)
