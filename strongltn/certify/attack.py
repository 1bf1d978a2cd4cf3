"""Lower bounds on sup ||f' - g'||: the best input of an ascent, evaluated exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from strongltn.certify.ascent import Ascent
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import (
    DyadicArray,
    lower_sqrt,
)
from strongltn.process.default_state import in_default_state, one_thread
from strongltn.rng import checked_seed, named_generator
from strongltn.values.arguments import Progress, integer
from strongltn.values.by_value import ByValue

_INNER_SHARE = 8  # an inner layer's error is only reported: an eighth of the steps


@dataclass(frozen=True)
class Attack:
    """Settings of the ascent.

    Attributes
    ----------
    num_restarts : int >= 1
        Paths at a time: first from starting points, then from perturbed best points.
    num_steps : int >= 1
        The steps of every path, in all.
    seed : int in [0, 2^64)
        The seed of the starting points and perturbations.
    """

    num_restarts: int = 32
    num_steps: int = 960
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_restarts", "num_steps"):
            object.__setattr__(self, name, integer(name, getattr(self, name), low=1))
        object.__setattr__(self, "seed", checked_seed(self.seed))


@dataclass(frozen=True, eq=False)
class AttackResult(ByValue):
    """An input of the domain and a proved lower bound on ||f' - g'|| there.

    Attributes
    ----------
    inputs : DyadicArray (inputs,), int64
    lower_bound : Fraction
        <= ||f'(x) - g'(x)|| in the output norm, from exact integers.
    layer_errors : tuple of float, one for each layer
        Estimates, from below, of sup ||pre-activation of g' - pre-activation of f'||: Euclidean at
        inner layers, in the output norm at the last.
    """

    inputs: DyadicArray
    lower_bound: Fraction
    layer_errors: tuple[float, ...]

    def __repr__(self) -> str:
        least = outward_text(self.lower_bound, upwards=False)
        return f"AttackResult({self.inputs.shape[0]} inputs, ||f'(x) - g'(x)|| >= {least} there)"


@in_default_state()
@one_thread()
def attack(
    network: DifferenceNetwork,
    *,
    settings: Attack | None = None,
    progress: Progress | None = None,
) -> AttackResult:
    """Search an input with a large difference, and evaluate the difference there exactly.

    Parameters
    ----------
    progress : callable, optional
        Called with ("attack", done, all) while the last layer is attacked.

    Notes
    -----
    Rigor: the returned lower bound is rigorous; how near it comes to the supremum is not known.
    `layer_errors` are estimates.
    Cost: restarts * steps forward and backward passes in float64, and an eighth of that for each
    inner layer. Randomness: `settings.seed`.
    """
    settings = settings or Attack()
    generator = named_generator(settings.seed, name="attack")
    ascent = Ascent(network, generator=generator)
    tell = None if progress is None else partial(progress, "attack")
    best = ascent.run(settings.num_restarts, settings.num_steps, progress=tell).best(1)
    inputs = network.domain.rounded(ascent.inputs(best.points)[0].numpy())
    square = network.squared_norm_at(inputs)
    inner = []
    for depth in range(1, len(network.layers)):
        ascent = Ascent(network.up_to(depth), generator=generator)
        num_steps = -(-settings.num_steps // _INNER_SHARE)
        found = ascent.run(settings.num_restarts, num_steps, known=best.points)
        inner.append(max(0.0, float(found.values[0])))
    last = max(0.0, float(best.values[0]))
    return AttackResult(inputs, lower_sqrt(square), (*inner, last))
