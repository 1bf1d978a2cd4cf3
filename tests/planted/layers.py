"""Plants in how layers split signs, add up errors, are counted, and are made of bins."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from flint import arb

from planted.error import PlantedError, edited

_TENTH_LESS = Fraction(9, 10)


def _in(module: str) -> Callable[..., PlantedError]:
    """Return what makes a plant in one module."""

    def plant(claim: str, name: str, what: str, wrong: Any, is_small: bool = False) -> PlantedError:
        return PlantedError(claim, what, module, name, wrong, is_small=is_small)

    return plant


_split = _in("sign_split")
_SIGNS = (
    _split(
        "C01",
        "_is_identity",
        "the negative half of the input is dropped",
        lambda true: lambda w, x: w * x == w * max(x, 0),
    ),
    _split(
        "C01",
        "_relu",
        "s has the slope 1.01 where it is positive",
        lambda true: lambda t: true(t) * 101 / 100,
        True,
    ),
    _split(
        "C01",
        "_relu",
        "s has the slope 1/100 where it is negative",
        lambda true: lambda t: max(t, t / 100),
        True,
    ),
    _split("C01", "_relu", "s is the absolute value", lambda true: abs),
    _split(
        "C01",
        "_is_identity",
        "the second half is added",
        edited("w * _relu(x) - w * _relu(-x)", "w * _relu(x) + w * _relu(-x)"),
    ),
    _split(
        "C01",
        "_is_identity",
        "the sign of the weight is lost",
        edited("_relu(w * x) - _relu(-w * x)", "_relu(w * x) - _relu(w * x)"),
    ),
    _split("C15", "norm_squared", "every norm is zero", lambda true: lambda values: Fraction(0)),
    _split(
        "C15",
        "error_limit",
        "the bound is 0.95 of itself",
        lambda true: lambda *sizes: true(*sizes) * Fraction(19, 20) ** 2,
        True,
    ),
    _split(
        "C15",
        "error_limit",
        "the bound is tau sqrt(d)",
        lambda true: lambda tau, num_inputs, num_outputs: tau**2 * num_inputs,
    ),
    _split(
        "C15",
        "error_limit",
        "the bound is tau (sqrt d + sqrt d') / 2",
        lambda true: lambda tau, d, e: tau**2 * (d + e) / 2,
    ),
    _split(
        "C15",
        "error_limit",
        "one input less is counted",
        lambda true: lambda tau, d, e: true(tau, d - 1, e),
        True,
    ),
    _split(
        "C15",
        "orthants",
        "negative inputs are not looked at",
        lambda true: lambda num_inputs: true(num_inputs)[:1],
    ),
    _split(
        "C15",
        "on_orthant",
        "the half for negative inputs has the wrong sign",
        edited("plus, minus)", "plus, -minus)"),
    ),
)

_propagation = _in("error_propagation")
_ERRORS = (
    _propagation(
        "C14",
        "forward",
        "the layers are added instead of composed",
        lambda true: lambda layers, x: sum(layers) @ x,
    ),
    _propagation(
        "C14",
        "network_error",
        "the errors of the layers add up",
        lambda true: lambda errors: sum(errors),
    ),
    _propagation(
        "C14",
        "network_error",
        "the error of the network is 0.95 of the bound",
        lambda true: lambda errors: true(errors) * Fraction(19, 20),
        True,
    ),
    _propagation(
        "C14",
        "network_error",
        "the error of the last layer is left out",
        lambda true: lambda errors: true(errors[:-1]),
        True,
    ),
    _propagation(
        "C14",
        "half_share",
        "a layer's error is eps/l",
        lambda true: lambda epsilon, depth: 2 * true(epsilon, depth),
    ),
    _propagation(
        "C14",
        "half_share",
        "a layer's error is 1.02 eps/(2l)",
        lambda true: lambda epsilon, depth: true(epsilon, depth) * 102 / 100,
        True,
    ),
    _propagation(
        "C14",
        "log_share",
        "a layer's error is 1.01 ln(1+eps)/l",
        lambda true: lambda epsilon, depth: true(epsilon, depth) * 101 / 100,
        True,
    ),
    _propagation(
        "C14",
        "log_share",
        "a layer's error is log2(1+eps)/l",
        lambda true: lambda epsilon, depth: true(epsilon, depth) / arb(2).log(),
    ),
    _propagation(
        "C14",
        "_EPSILONS",
        "eps/(2l) is enough up to eps = 2.52",
        lambda true: (*true, Fraction(252, 100)),
        True,
    ),
)

_counting = _in("counting")
_COUNTING = (
    _counting(
        "C16",
        "packing",
        "the packing has the gap 1/20 whatever epsilon",
        lambda true: lambda eps: [Fraction(n, 20) for n in range(-20, 21)],
    ),
    _counting(
        "C16",
        "packing",
        "the gap is 0.9 of 2 eps",
        lambda true: lambda eps: true(eps * _TENTH_LESS),
        True,
    ),
    _counting(
        "C16",
        "packing",
        "the gap is 1.1 times 2 eps and the last element is missing",
        lambda true: lambda eps: true(eps * 11 / 10)[:-1],
        True,
    ),
    _counting(
        "C16",
        "packing_size",
        "a packing has 1.05 times (1/(2 eps))^D elements",
        lambda true: lambda eps, dimension: true(eps, dimension) * 21 / 20,
        True,
    ),
    _counting(
        "C16",
        "packing_size",
        "a packing has (1/eps)^D elements",
        lambda true: lambda eps, dimension: true(eps / 2, dimension),
    ),
    _counting(
        "C16",
        "slopes",
        "a source has 81 masks whatever its weights",
        lambda true: lambda w: [(Fraction(n, 40),) * 2 for n in range(-40, 41)],
    ),
    _counting(
        "C16",
        "slopes",
        "a mask keeps every first weight",
        edited("kept[:half], kept[half:]", "weights[:half], kept[half:]"),
    ),
    _counting(
        "C16",
        "parameters_needed",
        "the probability 1/2 is left out: one parameter more is claimed",
        lambda true: lambda num_targets, chance: true(num_targets, Fraction(1)),
        True,
    ),
    _counting(
        "C16",
        "parameters_needed",
        "one parameter less is claimed",
        lambda true: lambda num_targets, chance: true(num_targets, chance) - 1,
        True,
    ),
)

_bins = _in("geometric_decomposition")
_BINS = (
    _bins(
        "C17",
        "residual",
        "the greedy decomposition takes nothing",
        lambda true: lambda target, samples: target,
    ),
    _bins(
        "C17",
        "residual",
        "each sample is taken whether it is larger or not",
        edited("if target >= sample:", "if target:"),
    ),
    _bins(
        "C17",
        "what_is_left",
        "0.95 g^k is left",
        lambda true: lambda ratio, num_bins: true(ratio, num_bins) * 19 / 20,
        True,
    ),
    _bins(
        "C17",
        "what_is_left",
        "g^(k+1) is left",
        lambda true: lambda ratio, num_bins: true(ratio, num_bins + 1),
        True,
    ),
    _bins(
        "C17",
        "bin_of",
        "a bin begins at 0.95 (1-g) g^i",
        edited("(1 - ratio) * radius,", "(1 - ratio) * radius * 19 / 20,"),
        True,
    ),
    _bins(
        "C17",
        "bin_of",
        "a bin ends at 1.05 g g^i",
        edited("ratio * radius", "ratio * radius * 21 / 20"),
        True,
    ),
    _bins(
        "C17",
        "samples_needed",
        "the union bound over the bins is dropped",
        edited("(num_bins / delta).log()", "(1 / delta).log()"),
    ),
    _bins(
        "C17",
        "samples_needed",
        "k ln(k/delta) samples are enough",
        edited("(num_bins + 1) *", "num_bins *"),
        True,
    ),
    _bins(
        "C17",
        "samples_needed",
        "0.97 of the samples are enough",
        lambda true: lambda num_bins, delta: true(num_bins, delta) * 97 / 100,
        True,
    ),
)

PLANTS = (*_SIGNS, *_ERRORS, *_COUNTING, *_BINS)
