"""Plans: all that is fixed before the draw, and the source network that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from strongltn.construct.catalogue import ConstructionLike, as_construction
from strongltn.construct.construction import MAX_SAMPLES, Construction
from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Domain
from strongltn.networks.domain_text import DomainLike, as_domain
from strongltn.networks.layer import LinearLayer
from strongltn.networks.source import SourceNetwork
from strongltn.networks.target import TargetLike, TargetNetwork
from strongltn.numerics.dyadic import DyadicArray
from strongltn.rng import LawWord, WeightLaw, checked_seed
from strongltn.values.arguments import (
    IntegerLike,
    RealLike,
    chosen,
    described,
    exact_real,
    instance,
    integer,
    positive,
)

#: Scaled weights and biases lie in [-1/2, 1/2], the window of the subset-sum theorems.
WINDOW = Fraction(1, 2)

_PROBABILITY = "a number in (0, 1)"


@dataclass(frozen=True)
class Plan:
    """What a construction receives: sizes, scales and tolerance, fixed before the draw.

    Attributes
    ----------
    construction : Construction
    num_samples : int >= 1
        Random samples that each subset sum sees.
    block_width : int
        Hidden source neurons in one block: for one input, or for one weight where hidden neurons
        are not shared. Large enough for `num_samples` members of every sign group, except with
        probability at most `width_failure_probability`.
    width_failure_probability : Fraction
        Over the draw of the source; a group that falls short is reported.
    scale_exponents : tuple of int
    tolerance : float > 0
        The largest error of one weight or bias, in the units of the target.
    domain : Domain
        On a domain with negative inputs the first pair builds both sign halves.
    """

    construction: Construction
    num_samples: int
    block_width: int
    width_failure_probability: Fraction
    scale_exponents: tuple[int, ...]
    tolerance: float
    domain: Domain

    def __repr__(self) -> str:
        return (
            f"Plan({self.construction.name}, {self.num_samples} samples a weight, blocks of "
            f"{self.block_width} neurons, tolerance {self.tolerance:.4g} on "
            f"{self.domain.in_words})"
        )

    def __post_init__(self) -> None:
        if self.block_width < self.num_samples:
            raise InvalidInputError(
                "block_width",
                got=self.block_width,
                allowed=f"an integer >= {self.num_samples}, the samples of one subset sum",
            )

    def num_halves(self, pair: int) -> int:
        """Return how many sign groups an input of that pair needs."""
        return self.construction.num_halves(self.domain, pair)

    def scaled_tolerance(self, pair: int, *, has_bias: bool) -> float:
        """Return the tolerance for the weights of a pair as the source sees them.

        Biases are divided by all scales up to theirs; where that is more, theirs is the tolerance.
        Scaled weights are at most 1/2, so that a tolerance beyond the doubles may be any large one.
        """
        exponent = self.scale_exponents[pair]
        if has_bias:
            exponent = max(exponent, sum(self.scale_exponents[: pair + 1]))
        mantissa, power = math.frexp(self.tolerance)
        return math.ldexp(mantissa, min(power - exponent, 1023))

    def source(
        self, target: TargetNetwork, *, law: WeightLaw | LawWord, seed: IntegerLike
    ) -> SourceNetwork:
        """Return the source network of this plan."""
        target = instance("target", target, TargetNetwork)
        widths = [target.widths[0]]
        for layer in target.layers:
            blocks = _num_blocks(self.construction, layer)
            widths += [blocks * self.block_width, layer.num_outputs]
        return SourceNetwork(
            tuple(widths),
            chosen("law", law, WeightLaw),
            checked_seed(seed),
            biases=tuple(layer.bias is not None for layer in target.layers),
            inner_activation=self.construction.inner_activation,
        )


def make_plan(
    target: TargetLike,
    construction: ConstructionLike,
    *,
    num_samples: IntegerLike,
    tolerance: RealLike,
    domain: DomainLike,
    width_failure_probability: RealLike = Fraction(1, 10**6),
) -> Plan:
    """Return the plan for a target: scales from its weights, widths from the sample size.

    Parameters
    ----------
    target : TargetNetwork, torch.nn.Module, state dict, or path
    construction : Construction or str
        Or its name, such as "relu-diamond".
    num_samples : int >= 1
    tolerance : float > 0
        The largest error of one weight, in the units of the target.
    domain : Domain or str
        A text as on the command line, such as "ball" or "box:0,1".
    width_failure_probability : Fraction or float in (0, 1)
        Exact; for all sign groups together.

    Notes
    -----
    Rigor: the width is exact for the law of the signs (fair, independent coins; union bound over
    the groups). Cost: negligible. Randomness: none.
    """
    target, construction = TargetNetwork.of(target), as_construction(construction)
    domain, tolerance = as_domain(domain), positive("tolerance", tolerance)
    num_samples = integer("num_samples", num_samples, low=1, last=MAX_SAMPLES)
    probability = _checked_probability(width_failure_probability)
    num_groups = sum(
        construction.num_halves(domain, pair) * _num_blocks(construction, layer)
        for pair, layer in enumerate(target.layers)
    )
    return Plan(
        construction,
        num_samples,
        construction.block_width(num_samples, num_groups, failure_probability=probability),
        probability,
        scale_exponents(target),
        tolerance,
        domain,
    )


def scale_exponents(target: TargetNetwork) -> tuple[int, ...]:
    """Return the k_i that bring the largest weight or bias of each layer into (1/4, 1/2].

    Weights are divided by 2^k_i, biases by 2^(k_0 + ... + k_i); negative k_i enlarge. A layer of
    zeros keeps its scale.
    """
    exponents: list[int] = []
    for layer in target.layers:
        before = sum(exponents)
        largest = DyadicArray.from_floats(layer.weight).max_abs()
        if layer.bias is not None:
            bias = DyadicArray.from_floats(layer.bias).scaled(-before).max_abs()
            largest = max(largest, bias)
        exponent = 0
        if largest:
            ratio = largest / WINDOW
            exponent = ratio.numerator.bit_length() - ratio.denominator.bit_length() - 1
            while Fraction(2) ** exponent < ratio:
                exponent += 1
        exponents.append(exponent)
    return tuple(exponents)


def _checked_probability(value: object) -> Fraction:
    """Return a probability in (0, 1), exact: with any other the search for a width has no end."""
    if not isinstance(value, Fraction):
        value = Fraction(exact_real("width_failure_probability", value, allowed=_PROBABILITY))
    if not 0 < value < 1:
        got = described(value)
        raise InvalidInputError("width_failure_probability", got=got, allowed=_PROBABILITY)
    return value


def _num_blocks(construction: Construction, layer: LinearLayer) -> int:
    columns = layer.num_inputs + (layer.bias is not None)
    return construction.num_blocks(columns, layer.num_outputs)
