"""The distance of two networks: all methods from above, an attack from below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction

from strongltn.certify.attack import AttackResult, attack
from strongltn.certify.methods import Bound, CertifySettings, Problem
from strongltn.certify.recursion import LayerBounds
from strongltn.errors import SoundnessBug, UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import round_up
from strongltn.process.compiled import working_seconds
from strongltn.process.default_state import one_thread
from strongltn.values.arguments import Progress

_WHOLE = "certifying"


@dataclass(frozen=True, eq=False)
class TwoSidedBound:
    """Proved: attacked.lower_bound <= sup ||f(x) - g(x)|| <= upper_bound, in scaled units.

    Attributes
    ----------
    upper_bound : Fraction
        The least of all methods, rounded up to what a certificate writes.
    methods : dict from name to Bound
    notes : tuple of str
        They say which methods are missing, and why.
    seconds : dict from method or stage to float
        Wall time, without what was spent on compiling loops.
    """

    upper_bound: Fraction
    layers: tuple[LayerBounds, ...]
    methods: dict[str, Bound]
    notes: tuple[str, ...]
    attacked: AttackResult
    seconds: dict[str, float]


def two_sided_bound(
    network: DifferenceNetwork,
    *,
    settings: CertifySettings,
    progress: Progress | None,
) -> TwoSidedBound:
    """Bound the distance of a network from the same network with errors in its weights.

    The methods run one after the other, then the attack. `network` is in the norm of the settings.

    Raises
    ------
    SoundnessBug
        The bounds contradict one another (never seen).

    Notes
    -----
    Rigor: both bounds are rigorous.  Cost: see `certify_ticket`.
    Randomness: the ascent's starting points.
    """
    stages = _Stages(2 + len(settings.methods), progress)
    problem = Problem(network, settings, progress)
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
    with stages.stage("attack"):
        attacked = attack(network, settings=settings.attack, progress=progress)
    upper = round_up(min(method.bound for method in proved.values()))
    if attacked.lower_bound > upper:
        raise SoundnessBug(f"an input is {attacked.lower_bound} off, above the bound {upper}")
    return TwoSidedBound(upper, norms, proved, tuple(notes), attacked, stages.seconds)


class _Stages:
    """Stages one after the other, `number` in all: their seconds, and who is told of them."""

    def __init__(self, number: int, progress: Progress | None) -> None:
        self.number, self.progress = number, progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and tell that it has begun and ended."""
        self._tell()
        began = working_seconds()
        yield
        self.seconds[name] = working_seconds() - began
        self._tell()

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(_WHOLE, len(self.seconds), self.number)
