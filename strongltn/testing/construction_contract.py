"""The law of constructions: tickets are what they say, and the theorem's promise is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from strongltn.certify import Attack, Certificate, CertifySettings, certify_ticket
from strongltn.construct import measure_reach
from strongltn.networks import LinearLayer, TargetNetwork, Ticket
from strongltn.numerics.dyadic import DyadicArray
from strongltn.testing.exact_networks import (
    effective_weights,
    kept_weights,
    pruned_output,
    squared_distance,
    target_output,
    weight_errors,
)
from strongltn.testing.failure_rate import (
    Build,
    ConstructionPromise,
    FailureRate,
    check_failure_rate,
)
from strongltn.testing.networks import points, target_networks
from strongltn.testing.solver_contract import require

_POINTS = 4  # inputs compared for each ticket
_QUICK = CertifySettings(attack=Attack(num_restarts=2, num_steps=5))
_WEIGHT_BITS = 23  # exact in float32
_WEIGHTS = st.integers(-(1 << 22), 1 << 22).map(lambda k: k / 2.0**_WEIGHT_BITS)


def check_construction(
    build: Build,
    promise: ConstructionPromise,
    *,
    targets: SearchStrategy[TargetNetwork] | None = None,
    draw_target: Callable[[np.random.Generator], TargetNetwork] | None = None,
    num_examples: int = 30,
    num_draws: int = 100,
) -> FailureRate:
    """Raise AssertionError unless a construction does what its theorem says, as far as seen.

    For targets drawn by Hypothesis, any seed and inputs x of the domain, all without tolerance and
    against a slow evaluation in rationals:

    - the source follows from the target's shape and the seed alone, and has that seed: the theorem
      fixes one network before anything is known of the weights;
    - the same target and seed give the same ticket;
    - its effective weights are the sums of the kept products;
    - the weights counted as out of reach are those with an error above the tolerance;
    - certified lower bound <= certified upper bound, and ||f(x) - g(x)|| <= upper bound;
    - if every weight is within tolerance, ||f(x) - g(x)|| <= epsilon, where one is promised.

    Then `check_failure_rate`.

    Parameters
    ----------
    build : callable
        (target, seed) -> Ticket. Sources stay small if the targets and the samples are few.
    promise : ConstructionPromise
    targets : strategy of TargetNetwork, optional
        The theorem's class. Default: at most two layers of widths up to 3, weights and biases in
        [-1/2, 1/2].
    draw_target : callable, optional
        As in `check_failure_rate`.
    num_examples, num_draws : int >= 1
        How many examples Hypothesis draws, and how many draws the failure rate takes.

    Returns
    -------
    FailureRate

    Notes
    -----
    Rigor: every comparison is exact; a true promise is refuted with probability at most 10^-6.
    Cost: about 15 ms an example with ten samples a weight. Randomness: Hypothesis', and one
    fixed seed for the failure rate.

    Examples
    --------
    >>> from strongltn.construct import LINEAR_DIAMOND, build_ticket, make_plan
    >>> from strongltn.networks import Ball
    >>> from strongltn.rng import WeightLaw
    >>> def build(target, seed):
    ...     plan = make_plan(
    ...         target, LINEAR_DIAMOND, num_samples=12, tolerance=0.05, domain=Ball())
    ...     source = plan.source(target, law=WeightLaw.UNIFORM, seed=seed)
    ...     return build_ticket(target, source, plan).ticket
    >>> promise = ConstructionPromise(Ball(), tolerance=0.05, failure_probability=0.5)
    >>> check_construction(build, promise, num_examples=3).num_draws
    100
    """
    family = target_networks(elements=_WEIGHTS, max_layers=2) if targets is None else targets

    @settings(max_examples=num_examples, deadline=None)
    @given(family, st.integers(0, 2**64 - 1), st.data())
    def holds(target: TargetNetwork, seed: int, data: st.DataObject) -> None:
        ticket = build(target, seed)
        _check_source(build, target, ticket, seed)
        kept = kept_weights(ticket)
        sums = effective_weights(ticket, kept=kept)
        _check_effective(ticket, sums)
        errors = weight_errors(target, sums, ticket=ticket, domain=promise.domain)
        certificate = certify_ticket(target, ticket, promise.domain, settings=_QUICK)
        is_reached = _check_reach(target, ticket, certificate, errors=errors, promise=promise)
        for _ in range(_POINTS):
            x = data.draw(points(promise.domain, target.widths[0]))
            f, g = target_output(target, x), pruned_output(ticket, x, kept=kept)
            square = squared_distance(f, g)
            require(
                square <= certificate.upper_bound**2,
                (
                    f"at x = {x} the error is {_root(square)}, above the certified bound "
                    f"{float(certificate.upper_bound)!r}"
                ),
            )
            if is_reached and promise.epsilon is not None:
                require(
                    square <= Fraction(promise.epsilon) ** 2,
                    (
                        f"every weight is within tolerance, and at x = {x} the error is "
                        f"{_root(square)}, above epsilon = {promise.epsilon!r}"
                    ),
                )

    holds()
    return check_failure_rate(build, promise, draw_target=draw_target, num_draws=num_draws)


def _check_source(build: Build, target: TargetNetwork, ticket: Ticket, seed: int) -> None:
    source = ticket.source
    require(source.seed == seed, f"the seed is {source.seed}, not {seed}: a redraw")
    require(
        source.widths[::2] == target.widths,
        f"a source of widths {source.widths} for a target of widths {target.widths}",
    )
    require(
        all(
            has_column or layer.bias is None or not layer.bias.any()
            for has_column, layer in zip(source.biases, target.layers, strict=True)
        ),
        "a layer has biases and its pair of source layers has no column for them",
    )
    other = build(_negated(target), seed).source
    require(other == source, f"the source depends on the weights: {source}, {other}")
    again = build(target, seed)
    require(
        again.drawn_sha256() == ticket.drawn_sha256()
        and again.scale_exponents == ticket.scale_exponents,
        "the same target and seed give another ticket",
    )


def _negated(target: TargetNetwork) -> TargetNetwork:
    return TargetNetwork(
        tuple(
            LinearLayer(layer.name, -layer.weight, None if layer.bias is None else -layer.bias)
            for layer in target.layers
        )
    )


def _check_effective(ticket: Ticket, sums: dict[tuple[int, int, int, int], Fraction]) -> None:
    for pair in range(ticket.source.num_pairs):
        layer = ticket.effective(pair)
        num_inputs = layer.plus.shape[1]
        parts: list[tuple[int, DyadicArray | None, int]] = [
            (0, layer.plus, 0),
            (1, layer.minus, 0),
            (0, layer.bias, num_inputs),
        ]
        for half, part, first_column in parts:
            if part is None:
                continue
            matrix = part.numerators.reshape(part.shape[0], -1)
            for (output, column), k in np.ndenumerate(matrix):
                at = (pair, half, output, first_column + column)
                got, expected = int(k) * Fraction(2) ** part.exponent, sums.get(at, Fraction(0))
                if got != expected:
                    raise AssertionError(f"effective weight {at}: {got}, re-summed {expected}")


def _check_reach(
    target: TargetNetwork,
    ticket: Ticket,
    certificate: Certificate,
    *,
    errors: dict[tuple[int, int, int, int], Fraction],
    promise: ConstructionPromise,
) -> bool:
    """Return whether every weight is within tolerance."""
    reach = measure_reach(
        target, ticket.scale_exponents, certificate.errors, tolerance=promise.tolerance
    )
    limit = Fraction(promise.tolerance)
    beyond = {
        (pair, output, column)
        for (pair, _, output, column), error in errors.items()
        if abs(error) > limit
    }
    require(
        reach.num_unreached == len(beyond),
        f"{reach.num_unreached} weights are counted as out of reach, not {sorted(beyond)}",
    )
    largest = max(map(abs, errors.values()))
    require(
        reach.max_weight_error == largest,
        f"the largest weight error is {largest}, not {reach.max_weight_error}",
    )
    require(
        certificate.lower_bound <= certificate.upper_bound,
        f"certified: {certificate.lower_bound} <= error <= {certificate.upper_bound}",
    )
    return not beyond


def _root(square: Fraction) -> float:
    return math.sqrt(square)
