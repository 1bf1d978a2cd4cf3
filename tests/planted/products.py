"""Plants in the law of a product of two uniforms, and in what one product reaches."""

from __future__ import annotations

from fractions import Fraction

from flint import arb

from planted.error import PlantedError, edited


def _ball(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator


_LAW = (
    PlantedError(
        "C12",
        "the component has the mass 0.45",
        "constants",
        "component_mass",
        lambda true: lambda: arb("0.45"),
    ),
    PlantedError(
        "C12",
        "the component has the mass 0.65 ln 2 instead of 0.5",
        "constants",
        "COMPONENT_MASS_OVER_LN2",
        lambda true: Fraction(65, 100),
    ),
    PlantedError(
        "C12",
        "the component has the mass 0.505 ln 2 instead of 0.5",
        "constants",
        "COMPONENT_MASS_OVER_LN2",
        lambda true: Fraction(505, 1000),
        is_small=True,
    ),
    PlantedError(
        "C12",
        "the component lies on [-0.52, 0.52]",
        "constants",
        "COMPONENT_END",
        lambda true: Fraction(52, 100),
        is_small=True,
    ),
    PlantedError(
        "C12",
        "the density is -ln|t|",
        "product_law",
        "density",
        lambda true: lambda t: 2 * true(t),
    ),
    PlantedError(
        "C12",
        "the density is -ln|t|/2 + |t|/50",
        "product_law",
        "density",
        lambda true: lambda t: true(t) + t / 50,
        is_small=True,
    ),
    PlantedError(
        "C12",
        "the distribution function adds t ln t instead of subtracting it",
        "product_law",
        "distribution",
        edited("t - t * sympy", "t + t * sympy"),
    ),
    PlantedError(
        "C12",
        "the component has the mass -2c ln c",
        "product_law",
        "component",
        lambda true: lambda c: 2 * true(c),
    ),
)

_SAMPLES = (
    PlantedError(
        "C12b",
        "one factor is uniform on [-0.99, 0.99]",
        "product_law",
        "draw_products",
        lambda true: lambda rng, number: true(rng, number) * 0.99,
        is_small=True,
    ),
    PlantedError(
        "C12b",
        "the samples are sums of two uniforms over two",
        "product_law",
        "draw_products",
        edited("number) * rng", "number) / 2 + 0.5 * rng"),
    ),
    PlantedError(
        "C12b",
        "the logarithm counts 1.02 times",
        "product_law",
        "estimated_distribution",
        edited("samples * np.log", "1.02 * samples * np.log"),
        is_small=True,
    ),
    PlantedError(
        "C12b",
        "the distribution function is that of a uniform",
        "product_law",
        "estimated_distribution",
        lambda true: lambda samples: (1 + samples) / 2,
    ),
)

_PAIR = (
    PlantedError(
        "C18",
        "one product is within tau with probability tau/2",
        "single_pair",
        "success_probability",
        lambda true: lambda w, tolerance: _ball(tolerance) / 2,
    ),
    PlantedError(
        "C18",
        "the tolerance is 0.99 of what it is",
        "single_pair",
        "success_probability",
        lambda true: lambda w, tolerance: true(w, tolerance * 99 / 100),
        is_small=True,
    ),
    PlantedError(
        "C18",
        "only products above the weight are counted",
        "single_pair",
        "success_probability",
        edited("max(weight - tolerance, Fraction(-1))", "weight"),
    ),
    PlantedError(
        "C18",
        "the distribution function has the factor 1.01 at t ln t",
        "single_pair",
        "product_cdf",
        edited("t - t * abs", "t - arb(101) / 100 * t * abs"),
        is_small=True,
    ),
    PlantedError(
        "C18",
        "one product fewer is said to be enough",
        "single_pair",
        "pairs_needed",
        lambda true: lambda chance, delta: true(chance, delta) - 1,
        is_small=True,
    ),
    PlantedError(
        "C18",
        "one product more is said to be needed",
        "single_pair",
        "pairs_needed",
        lambda true: lambda chance, delta: true(chance, delta) + 1,
        is_small=True,
    ),
    PlantedError(
        "C18",
        "ln(1/delta)/pi products are said to be needed",
        "single_pair",
        "pairs_needed",
        edited("float((1 - chance).log().mid())", "-float(chance.mid())"),
    ),
    PlantedError(
        "C18b",
        "a product is uniform",
        "single_pair",
        "product_cdf",
        lambda true: lambda t: (1 + _ball(t)) / 2,
    ),
    PlantedError(
        "C18b",
        "the tolerance is 0.98 of what it is",
        "single_pair",
        "success_probability",
        lambda true: lambda w, tolerance: true(w, tolerance * 49 / 50),
        is_small=True,
    ),
    PlantedError(
        "C18b",
        "only products above the weight are counted",
        "single_pair",
        "success_probability",
        edited("max(weight - tolerance, Fraction(-1))", "weight"),
    ),
    PlantedError(
        "C18b",
        "weights of 1 are reached twice as often",
        "single_pair",
        "success_probability",
        lambda true: lambda w, tolerance: true(w, tolerance) * (2 if w == 1 else 1),
    ),
)

PLANTS = (*_LAW, *_SAMPLES, *_PAIR)
