r"""Conditions that no question mentions: of which networks, inputs and distances a theorem speaks.

A theorem is true of a class of networks, on a set of inputs, in a norm, for a kind of source. Each
of these is one `Condition`, and the statement of the theorem is put together from them, so that a
statement cannot be printed without one. Many can also be asked of a network at hand.

Without biases a ReLU network is homogeneous in each matrix: with :math:`W_i = s_i W_i'` it is
:math:`\prod s_i` times the network of the :math:`W_i'`. So a network whose norms are too large is a
multiple of one in the class, and within :math:`\varepsilon / \prod s_i` of that one means within
:math:`\varepsilon` of the network itself. A bias is the weight of one more input that is always 1
and that every hidden layer passes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from fractions import Fraction
from math import prod

import numpy as np
from numpy.typing import NDArray

from strongltn.networks.layer import LinearLayer
from strongltn.networks.target import TargetNetwork
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray, apply, lower_sqrt, upper_sqrt
from strongltn.numerics.norms import spectral_norm_bound


class About(Enum):
    """What a condition speaks of, in the order in which a statement says it."""

    SAMPLES = "samples"
    TARGETS = "targets"
    INPUTS = "inputs"
    DISTANCE = "distance"
    SOURCE = "source"


@dataclass(frozen=True)
class LayerFacts:
    """What conditions ask of one layer, whose bias is no part of its matrix.

    Attributes
    ----------
    lower_norm, upper_norm : Fraction
        Rigorous bounds on the spectral norm of the matrix.
    max_weight : Fraction
        The largest absolute weight, exact.
    """

    name: str
    num_inputs: int
    has_bias: bool
    lower_norm: Fraction
    upper_norm: Fraction
    max_weight: Fraction


@dataclass(frozen=True)
class TargetFacts:
    """What conditions ask of a network; `chain` is the network in one line."""

    chain: str
    widths: tuple[int, ...]
    layers: tuple[LayerFacts, ...]


@dataclass(frozen=True)
class Finding:
    """Whether a network meets a condition.

    Attributes
    ----------
    holds : bool or None
        None where rounding leaves it open, or where it is no matter of the network.
    found : str
        What the network has instead, or what was seen.
    remedy : str
        What to do about it; empty where nothing is to be done.
    """

    holds: bool | None
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Condition:
    """One condition of a theorem.

    Attributes
    ----------
    text : str
        A clause that can stand behind a semicolon.
    examine : callable, optional
        Facts of a network -> Finding. Without one, the condition is a matter of how the theorem is
        used, such as the inputs, and the user has to see to it.
    excess : callable, optional
        Facts of a layer -> a number, or more, by which its matrix must be divided to meet the
        condition; at most 1 where it does. Only conditions on sizes have it.
    """

    about: About
    text: str
    examine: Callable[[TargetFacts], Finding] | None = None
    excess: Callable[[LayerFacts], Fraction] | None = None


# what can be asked of a network


def has_no_biases(facts: TargetFacts) -> Finding:
    """Find out whether a network has no biases; it is a chain of Linear and ReLU in any case."""
    biased = [layer.name for layer in facts.layers if layer.has_bias]
    if not biased:
        return Finding(True, f"{facts.chain}, no biases")
    first, *hidden, last = facts.widths
    widths = "-".join(map(str, [first + 1, *(width + 1 for width in hidden), last]))
    return Finding(
        False,
        f"biases in {', '.join(biased)}",
        "make each bias the weight of one more input that is always 1 and that one more neuron in "
        f"every hidden layer passes on (widths {widths}); inputs then have norm up to sqrt(2)",
    )


def unit_norms(text: str) -> Condition:
    """Return the condition that every matrix has spectral norm at most 1, in these words."""

    def examine(facts: TargetFacts) -> Finding:
        found = f"spectral norms {', '.join(f'{x.name}: {_norm_text(x)}' for x in facts.layers)}"
        large = [layer for layer in facts.layers if layer.upper_norm > 1]
        if not large:
            return Finding(True, found)
        is_refuted = any(layer.lower_norm > 1 for layer in large)
        remedy = _divide({layer.name: layer.upper_norm for layer in large})
        return Finding(False if is_refuted else None, found, remedy)

    return Condition(About.TARGETS, text, examine, lambda layer: layer.upper_norm)


def weights_within(limit: Callable[[int], Fraction], text: str) -> Condition:
    """Return the condition that no weight of a layer exceeds a limit, in these words.

    Parameters
    ----------
    limit : callable
        Number of inputs of a layer -> the limit, > 0.
    """

    def excess(layer: LayerFacts) -> Fraction:
        return layer.max_weight / limit(layer.num_inputs)

    def examine(facts: TargetFacts) -> Finding:
        shown = (f"{x.name}: {float(_digits(x.max_weight, up=True)):g}" for x in facts.layers)
        found = f"largest weights {', '.join(shown)}"
        large = {layer.name: excess(layer) for layer in facts.layers if excess(layer) > 1}
        return Finding(not large, found, _divide(large) if large else "")

    return Condition(About.TARGETS, text, examine, excess)


def _divide(factors: dict[str, Fraction]) -> str:
    parts = (f"{name} by {float(_digits(value, up=True)):g}" for name, value in factors.items())
    return f"divide {', '.join(parts)}, and epsilon by the product of these numbers"


def _norm_text(layer: LayerFacts) -> str:
    low, high = _digits(layer.lower_norm, up=False), _digits(layer.upper_norm, up=True)
    return f"{float(low):g} to {float(high):g}" if low != high else f"{float(low):g}"


def _digits(value: Fraction, *, up: bool) -> Fraction:
    """Return a decimal of four digits just above or below a number."""
    return Fraction(outward_text(value, upwards=up))


# a network at hand


def facts_of(target: TargetNetwork) -> TargetFacts:
    """Measure a network.

    Notes
    -----
    Rigor: weights exactly, norms by rigorous bounds. Cost: an eigenvalue problem a layer.
    Randomness: none.
    """
    layers = tuple(
        _layer_facts(layer.name, layer.weight, has_bias=layer.bias is not None)
        for layer in target.layers
    )
    return TargetFacts(target.chain, target.widths, layers)


def _layer_facts(name: str, weight: NDArray[np.floating], *, has_bias: bool) -> LayerFacts:
    matrix = DyadicArray.from_floats(weight)
    upper = spectral_norm_bound(matrix).bound
    return LayerFacts(name, matrix.shape[1], has_bias, _lower_norm(matrix), upper, matrix.max_abs())


def _lower_norm(matrix: DyadicArray) -> Fraction:
    """Return ||A v|| / ||v|| at a singular vector in floats, exactly but for the root."""
    floats = matrix.to_floats()
    if not np.isfinite(floats).all() or not floats.any():
        return Fraction(0)
    scale = np.abs(floats).max()
    vector = np.linalg.svd(floats / scale, full_matrices=False)[2][0]
    direction = DyadicArray.from_floats(vector.astype(np.float32))
    image = apply(matrix, direction)
    return lower_sqrt(image.squared_norm() / direction.squared_norm())


@dataclass(frozen=True)
class Rescaled:
    """A network of the class of which the network at hand is a multiple.

    Attributes
    ----------
    widths : tuple of int
        Larger by one where biases became weights.
    divisors : tuple of Fraction
        What each matrix is divided by, >= 1.
    input_divisor : Fraction
        What inputs of norm at most 1 are divided by to stay in the unit ball: above 1 only where
        biases became weights.
    max_weight : Fraction
        The largest absolute weight afterwards, or more.
    """

    widths: tuple[int, ...]
    divisors: tuple[Fraction, ...]
    input_divisor: Fraction
    max_weight: Fraction

    @property
    def factor(self) -> Fraction:
        """The network at hand is this times the rescaled one; epsilon is divided by it."""
        return prod(self.divisors, start=self.input_divisor)


def rescaled(target: TargetNetwork, conditions: Iterable[Condition]) -> Rescaled:
    """Return a bias-free network that meets these conditions and of which this is a multiple.

    Parameters
    ----------
    conditions : iterable of Condition
        Those on sizes are met afterwards; others are not looked at.

    Examples
    --------
    >>> from strongltn.theorems.assumptions import UNIT_NORMS
    >>> layer = LinearLayer("fc", np.array([[3.0, 4.0]]))
    >>> float(rescaled(TargetNetwork((layer,)), [UNIT_NORMS]).factor)  # 5, rounded upwards
    5.001
    """
    excesses = [condition.excess for condition in conditions if condition.excess is not None]
    has_biases = any(layer.bias is not None for layer in target.layers)
    matrices = [
        _augmented(layer, is_last=layer is target.layers[-1]) if has_biases else layer.weight
        for layer in target.layers
    ]
    facts = [_layer_facts("", matrix, has_bias=False) for matrix in matrices]
    divisors = tuple(
        _digits(max([Fraction(1), *(excess(layer) for excess in excesses)]), up=True)
        for layer in facts
    )
    weights = [layer.max_weight / s for layer, s in zip(facts, divisors, strict=True)]
    widths = (matrices[0].shape[1], *(matrix.shape[0] for matrix in matrices))
    input_divisor = _digits(upper_sqrt(Fraction(2)), up=True) if has_biases else Fraction(1)
    return Rescaled(widths, divisors, input_divisor, _digits(max(weights), up=True))


def _augmented(layer: LinearLayer, *, is_last: bool) -> NDArray[np.float64]:
    """Return the matrix of a layer whose inputs have a 1 behind them, and its outputs too."""
    weight = layer.weight.astype(np.float64)
    bias = np.zeros(layer.num_outputs) if layer.bias is None else layer.bias.astype(np.float64)
    whole = np.column_stack([weight, bias])
    if is_last:
        return whole
    one = np.zeros(layer.num_inputs + 1)
    one[-1] = 1.0
    return np.vstack([whole, one])


def examination(conditions: Iterable[Condition], target: TargetNetwork) -> dict[str, object]:
    """Return what a network meets of these conditions, and what to rescale, as JSON objects.

    Where the conditions are on the sizes of matrices there is always a network that meets them and
    of which this one is a multiple: ``rescaled``.
    """
    conditions, facts = tuple(conditions), facts_of(target)
    findings = []
    for condition in conditions:
        finding = Finding(None, "not looked at" if condition.about is About.TARGETS else "")
        if condition.examine is not None:
            finding = condition.examine(facts)
        findings.append({"about": condition.about.value, "text": condition.text, **asdict(finding)})
    report: dict[str, object] = {
        "chain": target.chain,
        "widths": list(target.widths),
        "reading": str(target.reading),
        "findings": findings,
        "rescaled": None,
    }
    if any(condition.examine is has_no_biases for condition in conditions):
        one = rescaled(target, conditions)
        report["rescaled"] = {
            "widths": list(one.widths),
            "divisors": [float(divisor) for divisor in one.divisors],
            "input_divisor": float(one.input_divisor),
            "factor": float(_digits(one.factor, up=True)),
            "max_weight": float(one.max_weight),
            "epsilon_for_a_tenth": float(_digits(Fraction(1, 10) / one.factor, up=False)),
        }
    return report
