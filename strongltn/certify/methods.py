"""The methods that bound sup ||f' - g'|| from above, each a value; the default and the tight set.

A method says of a problem why it does not apply, or proves a bound of it. To add one, write a
subclass of `BoundingMethod` and put its value in `DEFAULT` or `TIGHT`. The auditor must know its
name and how to check its witness.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.attack import Attack
from strongltn.certify.differential.backward import (
    BackwardSettings,
    Differential,
    backward_differential,
    differential_interval,
)
from strongltn.certify.differential.ranges import LayerRanges, Range
from strongltn.certify.differential.splitting import (
    SplittingSettings,
    fits_multipliers,
    input_splitting,
    max_leaves,
)
from strongltn.certify.quadratic.interior_point import InteriorPoint
from strongltn.certify.quadratic.proof import quadratic_bound
from strongltn.certify.recursion import Chain, LayerBounds, difference_chain, layer_bounds
from strongltn.networks.difference import DifferenceNetwork
from strongltn.networks.domain import OutputNorm
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import to_text
from strongltn.values.arguments import Progress, chosen, instance
from strongltn.values.by_value import ByValue

_MAX_SPLIT_INPUTS = 8  # with more, a split of one input changes too little

Arrays = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class CertifySettings:
    """How hard to try.

    Attributes
    ----------
    attack : Attack
        The search for the lower bound.
    output_norm : OutputNorm
        The norm of f(x) - g(x); 2 and "inf" are accepted, and replaced by it.
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
    def methods(self) -> tuple[BoundingMethod, ...]:
        """The set of methods that is tried."""
        return TIGHT if self.is_tight else DEFAULT


@dataclass(frozen=True, eq=False)
class Bound(ByValue):
    """What one method has proved of the scaled networks, with its witness.

    Attributes
    ----------
    activation : tuple of Fraction, one for each layer, or empty
        X_i >= sup ||input of layer i||.
    difference : tuple of Fraction, one for each layer, or for the last alone
        D_i >= sup ||pre-activation of g' - pre-activation of f'|| at layer i.
    bound : Fraction
        >= sup ||f' - g'|| in the norm that was asked for.
    entry : dict
        What certificate.json says of the method.
    arrays : dict from name to int64 array
        Its part of the witness file.
    """

    activation: tuple[Fraction, ...]
    difference: tuple[Fraction, ...]
    bound: Fraction
    entry: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Bound(sup ||f' - g'|| <= {outward_text(self.bound, upwards=True)})"


class Problem:
    """The question to every method, and what they share: each part is computed once, when asked.

    Parameters
    ----------
    network : DifferenceNetwork
    settings : CertifySettings
    progress : callable, optional
        Called with (stage, done, all).
    """

    def __init__(
        self,
        network: DifferenceNetwork,
        settings: CertifySettings,
        progress: Progress | None = None,
    ) -> None:
        self.network, self.settings, self.progress = network, settings, progress

    @cached_property
    def norms(self) -> tuple[LayerBounds, ...]:
        """The norms of weights and errors, layer by layer."""
        return layer_bounds(self.network)

    @cached_property
    def interval(self) -> Differential:
        """What interval arithmetic proves."""
        return differential_interval(self.network)

    @cached_property
    def backward(self) -> Differential:
        """What lines above and below the ReLUs prove; the intervals where these are too wide."""
        if not fits_multipliers(self.network.layers):
            return self.interval
        slopes = self.settings.backward if self.settings.is_tight else None
        return backward_differential(self.network, settings=slopes)

    @property
    def ranges(self) -> tuple[LayerRanges, ...]:
        """Where the pre-activations lie, as well as is known."""
        return self.backward.leaves[0]


class BoundingMethod(ABC):
    """A way to bound sup ||f' - g'|| from above. A frozen value; its name stands in certificates.

    Attributes
    ----------
    name : str
    has_threads : bool
        Whether it may use several cores. The bits of the others do not depend on their number.
    """

    name: ClassVar[str]
    has_threads: ClassVar[bool] = False

    def applies(self, problem: Problem) -> str | None:
        """Return why the method does not apply, as the end of a sentence; None if it does."""
        return None

    def remark(self, problem: Problem) -> str | None:
        """Return what a reader of its bound should know; None if nothing."""
        return None

    @abstractmethod
    def prove(self, problem: Problem) -> Bound:
        """Return what the method proves.

        Raises
        ------
        UnsolvedError
            It applied, but found no proof.
        """


@dataclass(frozen=True)
class SpectralTriangle(BoundingMethod):
    """The recursion over the layers with spectral norms."""

    name = "spectral-triangle"

    def prove(self, problem: Problem) -> Bound:
        """Return the bounds of the recursion."""
        return _of_chain(difference_chain(problem.network, problem.norms))


@dataclass(frozen=True)
class CentreSplit(BoundingMethod):
    """The recursion about the middle of the range of every layer."""

    name = "centre-split"

    def prove(self, problem: Problem) -> Bound:
        """Return the bounds of the recursion."""
        chain = difference_chain(problem.network, problem.norms, ranges=problem.ranges)
        return _of_chain(chain)


@dataclass(frozen=True)
class DifferentialInterval(BoundingMethod):
    """Interval arithmetic on the difference network."""

    name = "differential-interval"

    def prove(self, problem: Problem) -> Bound:
        """Return the bounds of the ranges."""
        return _of_ranges(self.name, problem.interval, problem.network.norm)


@dataclass(frozen=True)
class BackwardDifferential(BoundingMethod):
    """Lines above and below every ReLU, carried back to the inputs."""

    name = "backward-differential"

    def remark(self, problem: Problem) -> str | None:
        """Return whether the bound is only that of the intervals."""
        if fits_multipliers(problem.network.layers):
            return None
        return "is that of the intervals: too wide for multipliers in the file"

    def prove(self, problem: Problem) -> Bound:
        """Return the bounds of the ranges."""
        return _of_ranges(self.name, problem.backward, problem.network.norm)


@dataclass(frozen=True)
class InputSplitting(BoundingMethod):
    """Backward bounds on the parts of a box of few inputs."""

    name = "input-splitting"
    has_threads = True

    def applies(self, problem: Problem) -> str | None:
        """Return what is in the way: a ball, many inputs, or wide layers."""
        network = problem.network
        if network.domain.box(network.num_inputs) is None:
            return f"it splits boxes, and the domain {network.domain} is a ball"
        if network.num_inputs > _MAX_SPLIT_INPUTS:
            return (
                f"it splits boxes of at most {_MAX_SPLIT_INPUTS} inputs, and the network has "
                f"{network.num_inputs}"
            )
        if not max_leaves(network.layers):
            return "the layers are too wide for a tree in the file"
        return None

    def prove(self, problem: Problem) -> Bound:
        """Return the bounds of the ranges on all leaves."""
        network, settings = problem.network, problem.settings.splitting
        most = min(max_leaves(network.layers), settings.max_leaves)
        limited = replace(settings, max_leaves=most)
        proved = input_splitting(network, settings=limited, progress=problem.progress)
        return _of_ranges(self.name, proved, network.norm)


@dataclass(frozen=True)
class Quadratic(BoundingMethod):
    """Quadratic constraints and a matrix inequality; it speaks of the last layer alone."""

    name = "quadratic"
    has_threads = True

    def prove(self, problem: Problem) -> Bound:
        """Return the bound of the best multipliers that were proved."""
        proved = quadratic_bound(
            problem.network,
            ranges=problem.ranges,
            settings=problem.settings.quadratic,
            progress=problem.progress,
        )
        return Bound((), (proved.bound,), proved.bound, proved.entry(), proved.arrays())


DEFAULT: tuple[BoundingMethod, ...] = (
    SpectralTriangle(),
    DifferentialInterval(),
    BackwardDifferential(),
    CentreSplit(),
)
TIGHT: tuple[BoundingMethod, ...] = (*DEFAULT, InputSplitting(), Quadratic())


def _of_chain(chain: Chain) -> Bound:
    entry = _claims(chain.activation, chain.difference)
    return Bound(chain.activation, chain.difference, chain.difference[-1], entry)


def _of_ranges(name: str, proved: Differential, norm: OutputNorm) -> Bound:
    """Return the bound of proved ranges; its arrays bear `name`."""
    arrays: Arrays = {f"{name}.tree": proved.tree}
    exponents = []
    for i, first in enumerate(proved.leaves[0]):
        exponents.append([first.target.lower.exponent, first.difference.lower.exponent])
        for kind, exponent in zip(("target", "difference"), exponents[-1], strict=True):
            ends = [_ends(getattr(leaf[i], kind), exponent) for leaf in proved.leaves]
            arrays[f"{name}.{i}.{kind}"] = np.array(ends)
    for i, multipliers in enumerate(proved.multipliers):
        arrays[f"{name}.{i + 1}.multipliers"] = multipliers.numerators
    entry = _claims(proved.activation, proved.difference) | {
        "range_exponents": exponents,
        "multiplier_exponents": [array.exponent for array in proved.multipliers],
    }
    bound = proved.difference[-1]
    if norm is OutputNorm.INF:
        bound = min(bound, proved.largest_output)
    return Bound(proved.activation, proved.difference, bound, entry, arrays)


def _claims(
    activation: tuple[Fraction, ...], difference: tuple[Fraction, ...]
) -> dict[str, list[Any]]:
    return {
        "activation": [to_text(value) for value in activation],
        "difference": [to_text(value) for value in difference],
    }


def _ends(inside: Range, exponent: int) -> list[NDArray[np.int64]]:
    return [inside.lower.at(exponent), inside.upper.at(exponent)]
