"""One source of promised widths: the ticket that is built in it, and what is certified of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from strongltn.recipes.recipe import Row

if TYPE_CHECKING:
    from strongltn.networks import TargetNetwork
    from strongltn.networks.ticket import Ticket

_MAX_SAMPLES = 40  # of a subset sum: hardly a weight is out of reach of 2^40 sums
_TOLERANCE = 2.0**-12  # of a weight: less than epsilon 1/100 asks for
_TARGET_BITS = 24


def source_row(part: Row, *, seed: int) -> Row:
    """Return what is certified of the ticket in one source.

    Parameters
    ----------
    part : dict
        `widths` of the target, `neurons` of the source: an input, for each layer.
    seed : int in [0, 2^64)
        Of the source.

    Notes
    -----
    Rigor: rigorous bounds, rounded outwards. Cost: some 30 ms. Randomness: `seed`, never a redraw.
    """
    from strongltn.certify import Attack, CertifySettings, certify_ticket
    from strongltn.networks import Ball
    from strongltn.numerics.dyadic import outward_float

    target = draw_target(tuple(part["widths"]))
    ticket = build_promised(target, tuple(part["neurons"]), seed=seed)
    settings = CertifySettings(attack=Attack(num_restarts=32, num_steps=20))
    certificate = certify_ticket(target, ticket, Ball(), settings=settings)
    return {
        "kind": "source",
        "widths": part["widths"],
        "neurons": part["neurons"],
        "seed": seed,
        "upper_bound": outward_float(certificate.upper_bound, upwards=True),
        "lower_bound": outward_float(certificate.lower_bound, upwards=False),
    }


def draw_target(widths: tuple[int, ...]) -> TargetNetwork:
    """Return the target of these widths: Gaussian layers, divided by their spectral norms.

    Notes
    -----
    Rigor: the norms are at most 1. Randomness: none, the seed is fixed.
    """
    from strongltn.networks import LinearLayer, TargetNetwork
    from strongltn.rng import named_generator

    generator = named_generator(0, name="pensia existence")
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = generator.standard_normal((outputs, inputs))
        weight /= np.linalg.norm(weight, 2) * (1 + 1e-6)  # rounding leaves the norm below 1
        rounded = np.ldexp(np.rint(np.ldexp(weight, _TARGET_BITS)), -_TARGET_BITS)
        layers.append(LinearLayer(f"fc{i + 1}", rounded))
    return TargetNetwork(tuple(layers))


def build_promised(target: TargetNetwork, neurons: tuple[int, ...], *, seed: int) -> Ticket:
    """Return the ticket built in the source with `neurons[i]` hidden neurons an input of layer i.

    A plan has one such number for all layers. As the weights of a source depend on their place in
    it and on nothing else, each layer is taken from the ticket of a plan with its own number.

    Notes
    -----
    Rigor: none of its own; see the certificate. Cost: the subset sums of all layers, for every
    number. Randomness: `seed`.
    """
    from strongltn.construct import RELU_DIAMOND, Plan, build_ticket
    from strongltn.networks import Ball, SourceNetwork
    from strongltn.networks.ticket import Ticket
    from strongltn.rng import WeightLaw
    from strongltn.subset_sum.solvers import GrowingPrefix
    from strongltn.theorems.layers import two_layer_widths

    scales = (0,) * len(neurons)  # the theorem has none
    built = {}
    for number in sorted(set(neurons)):
        plan = Plan(
            RELU_DIAMOND,
            num_samples=min(number, _MAX_SAMPLES),
            block_width=number,
            width_failure_probability=Fraction(1),  # the promise counts neurons of both signs
            scale_exponents=scales,
            tolerance=_TOLERANCE,
            domain=Ball(),
        )
        source = plan.source(target, law=WeightLaw.UNIFORM, seed=seed)
        built[number] = build_ticket(target, source, plan, solver=GrowingPrefix()).ticket
    hidden = [inputs * number for inputs, number in zip(target.widths[:-1], neurons, strict=True)]
    return Ticket(
        SourceNetwork(two_layer_widths(target.widths, hidden), WeightLaw.UNIFORM, seed),
        tuple(built[number].pairs[i] for i, number in enumerate(neurons)),
        scales,
        RELU_DIAMOND.name,
        min(max(neurons), _MAX_SAMPLES),
    )
