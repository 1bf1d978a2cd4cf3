"""Upper bounds by all methods: the default set, the tight set, and what could not be applied."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from strongltn.certify.attack import Attack
from strongltn.certify.bounds import LayerBounds, difference_chain, layer_bounds
from strongltn.certify.differential.bound import (
    BackwardSettings,
    backward_differential,
    differential_interval,
)
from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.differential.splitting import SplittingSettings, input_splitting
from strongltn.certify.limits import fits_multipliers, max_leaves
from strongltn.certify.method import (
    BACKWARD_DIFFERENTIAL,
    CENTRE_SPLIT,
    DIFFERENTIAL_INTERVAL,
    INPUT_SPLITTING,
    QUADRATIC,
    SPECTRAL_TRIANGLE,
    Method,
)
from strongltn.certify.quadratic.bound import InteriorPoint, quadratic_bound
from strongltn.certify.stages import Progress, Stages
from strongltn.errors import UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.networks.domain import OutputNorm
from strongltn.process.default_state import one_thread
from strongltn.values.arguments import chosen, instance
from strongltn.values.by_value import ByValue

_MAX_SPLIT_INPUTS = 8  # with more, a split of one input changes too little


@dataclass(frozen=True)
class CertifySettings:
    """How hard to try.

    Attributes
    ----------
    attack : Attack
        The search for the lower bound.
    output_norm : OutputNorm
        Of f(x) - g(x); 2 and "inf" are accepted, and replaced by it.
    is_tight : bool
        Also optimise the backward slopes, try quadratic constraints, and split the inputs where the
        domain is a box of at most eight: seconds to minutes. The fields below are their settings.
    backward : BackwardSettings
    splitting : SplittingSettings
    quadratic : InteriorPoint
    """

    attack: Attack = field(default_factory=Attack)
    output_norm: OutputNorm = OutputNorm.TWO
    is_tight: bool = False
    backward: BackwardSettings = field(default_factory=partial(BackwardSettings, num_steps=200))
    splitting: SplittingSettings = field(default_factory=SplittingSettings)
    quadratic: InteriorPoint = field(default_factory=InteriorPoint)

    def __post_init__(self) -> None:
        instance("attack", self.attack, Attack)
        instance("is_tight", self.is_tight, bool, allowed="True or False")
        instance("backward", self.backward, BackwardSettings)
        instance("splitting", self.splitting, SplittingSettings)
        instance("quadratic", self.quadratic, InteriorPoint)
        norm = chosen("output_norm", self.output_norm, OutputNorm)
        object.__setattr__(self, "output_norm", norm)

    @property
    def num_stages(self) -> int:
        """Norms, four methods and the attack; the two methods of the tight set."""
        return 8 if self.is_tight else 6


@dataclass(frozen=True, eq=False)
class UpperBounds(ByValue):
    """What is proved of a ticket from above.

    Attributes
    ----------
    layers : tuple of LayerBounds
    methods : dict from name to Method
    notes : tuple of str
        Which methods are missing, and why.
    """

    layers: tuple[LayerBounds, ...]
    methods: dict[str, Method]
    notes: tuple[str, ...]


def upper_bounds(
    network: DifferenceNetwork,
    *,
    settings: CertifySettings,
    stages: Stages,
) -> UpperBounds:
    """Return the bounds of all methods of the set that `settings` names.

    Notes
    -----
    Rigor: rigorous bounds. Cost: that of the methods, one after the other, timed by `stages`.
    Randomness: none.
    """
    methods: dict[str, Method] = {}
    notes: list[str] = []
    with one_thread():  # so that the bits do not depend on the number of cores
        with stages.stage("norms"):
            bounds = layer_bounds(network)
        with stages.stage(SPECTRAL_TRIANGLE) as name:
            chain = difference_chain(network, bounds)
            methods[name] = Method.from_chain(chain)
        with stages.stage(DIFFERENTIAL_INTERVAL) as name:
            interval = differential_interval(network)
            methods[name] = Method.from_differential(name, interval, network.norm)
        with stages.stage(BACKWARD_DIFFERENTIAL) as name:
            if fits_multipliers(network.layers):
                slopes = settings.backward if settings.is_tight else None
                backward = backward_differential(network, settings=slopes)
            else:
                backward = interval
                notes.append(
                    f"{name} is that of the intervals: too wide for multipliers in the file"
                )
            methods[name] = Method.from_differential(name, backward, network.norm)
        ranges = backward.leaves[0]
        with stages.stage(CENTRE_SPLIT) as name:
            chain = difference_chain(network, bounds, ranges=ranges)
            methods[name] = Method.from_chain(chain)
    attempts = {INPUT_SPLITTING: _splitting, QUADRATIC: _quadratic} if settings.is_tight else {}
    for name, attempt in attempts.items():
        with stages.stage(name):
            try:
                methods[name] = attempt(
                    network, ranges=ranges, settings=settings, progress=stages.progress
                )
            except UnsolvedError as error:
                notes.append(f"{name} is left out: {error}")
    return UpperBounds(bounds, methods, tuple(notes))


def _splitting(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
    settings: CertifySettings,
    progress: Progress | None,
) -> Method:
    domain, num_inputs = network.domain, network.num_inputs
    if domain.box(num_inputs) is None:
        raise UnsolvedError(f"it splits boxes, and the domain {domain} is a ball", result=None)
    if num_inputs > _MAX_SPLIT_INPUTS:
        raise UnsolvedError(
            f"it splits boxes of at most {_MAX_SPLIT_INPUTS} inputs, and the network has "
            f"{num_inputs}",
            result=None,
        )
    most = max_leaves(network.layers)
    if not most:
        raise UnsolvedError("the layers are too wide for a tree in the file", result=None)
    limited = replace(settings.splitting, max_leaves=min(most, settings.splitting.max_leaves))
    proved = input_splitting(network, settings=limited, progress=progress)
    return Method.from_differential(INPUT_SPLITTING, proved, network.norm)


def _quadratic(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
    settings: CertifySettings,
    progress: Progress | None,
) -> Method:
    proved = quadratic_bound(network, ranges=ranges, settings=settings.quadratic, progress=progress)
    return Method.from_quadratic(proved)
