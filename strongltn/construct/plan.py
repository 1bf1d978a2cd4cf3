"""Plans: all that is fixed before the draw, and the source network that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import flint

from strongltn.construct.construction import (
    MAX_SAMPLES,
    Construction,
    ConstructionLike,
    as_construction,
)
from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Domain
from strongltn.networks.domain_text import DomainLike, as_domain
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.target import TargetLike, TargetNetwork
from strongltn.networks.weight_error import has_minus_half
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
_TAIL_BITS = 4096  # of a binomial tail


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
        For one weight or bias, in the units of the target.
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
        return 1 + has_minus_half(self.construction.inner_activation, self.domain, pair)

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
            blocks = _num_blocks(self.construction, layer.num_inputs, layer.num_outputs, layer.bias)
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
        For one weight, in the units of the target.
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
    plan = Plan(
        construction,
        num_samples,
        num_samples,
        probability,
        scale_exponents(target),
        tolerance,
        domain,
    )
    if construction.inner_activation is Activation.LINEAR:
        return plan  # one group of both signs: every hidden neuron is a sample
    num_groups = sum(
        plan.num_halves(i)
        * _num_blocks(construction, layer.num_inputs, layer.num_outputs, layer.bias)
        for i, layer in enumerate(target.layers)
    )
    width = block_width(num_samples, num_groups, failure_probability=probability)
    return replace(plan, block_width=width)


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


def block_width(num_samples: int, num_groups: int, *, failure_probability: Fraction) -> int:
    """Return the least block width at which no sign group is likely to fall short.

    Smallest m with `num_groups` * P(Binomial(m, 1/2) < `num_samples`) <= `failure_probability`.

    Notes
    -----
    Rigor: the tail is exact up to m = 4096 and rounded upwards beyond; union bound over the
    groups. Cost: O(sqrt(n)) steps.

    Examples
    --------
    >>> block_width(1, 1, failure_probability=Fraction(1, 1000))
    10
    """
    # at m = 2n - 1 the tail is 1/2, and at m = n - 1 it is 1
    is_half_enough = num_groups * failure_probability.denominator <= (
        2 * failure_probability.numerator
    )
    width, bits = (num_samples - 1, 0) if is_half_enough else (2 * num_samples - 1, 1)
    tail = 1 << (_TAIL_BITS - bits)
    last = int((flint.fmpz.bin_uiui(width, num_samples - 1) << _TAIL_BITS) >> width)
    while num_groups * tail * failure_probability.denominator > (
        failure_probability.numerator << _TAIL_BITS
    ):
        tail -= last // 2  # C(m + 1, k) = C(m, k) + C(m, k - 1), summed over k < n
        width += 1
        last = last * width // (2 * (width - num_samples + 1))
    return width


def _checked_probability(value: object) -> Fraction:
    """Return a probability in (0, 1), exact: with any other the search for a width has no end."""
    if not isinstance(value, Fraction):
        value = Fraction(exact_real("width_failure_probability", value, allowed=_PROBABILITY))
    if not 0 < value < 1:
        got = described(value)
        raise InvalidInputError("width_failure_probability", got=got, allowed=_PROBABILITY)
    return value


def _num_blocks(
    construction: Construction, num_inputs: int, num_outputs: int, bias: object | None
) -> int:
    columns = num_inputs + (bias is not None)
    return columns if construction.shares_hidden else columns * num_outputs
