"""Honest tickets of every sort, built and certified by strongltn: a fixed, seeded list."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strongltn.certify import Attack, CertifySettings
from strongltn.certify.differential.backward import BackwardSettings
from strongltn.certify.differential.splitting import SplittingSettings
from strongltn.construct import CONSTRUCTIONS
from strongltn.networks import Ball, Box, Domain, LinearLayer, LocalBox, TargetNetwork
from strongltn.networks.domain import OutputNorm
from strongltn.pipeline import tickets as pipeline
from strongltn.rng import WeightLaw

_SIZES = ((3, 2), (2, 3, 2), (4, 3), (2, 3, 2, 2), (3, 4, 2), (1, 2, 1), (2, 2, 3, 1))


@dataclass(frozen=True)
class Honest:
    """What to build, all of it drawn from `seed`, and how to certify it."""

    seed: int
    construction: str
    law: WeightLaw
    sizes: tuple[int, ...]
    has_bias: bool
    domain: str
    norm: OutputNorm
    is_tight: bool

    def __str__(self) -> str:
        parts = (self.seed, self.construction, self.law.value, self.domain, self.norm.value)
        return "-".join(map(str, parts)) + "-tight" * self.is_tight

    def write(self, directory: Path) -> pipeline.PruneResult:
        """Build the ticket and write it into a new directory."""
        rng = np.random.default_rng(self.seed)
        layers = []
        for i, (columns, rows) in enumerate(itertools.pairwise(self.sizes)):
            weight = rng.uniform(-1, 1, (rows, columns)).astype((np.float32, np.float64)[i % 2])
            bias = rng.uniform(-1, 1, rows).astype(weight.dtype) if self.has_bias else None
            layers.append(LinearLayer(f"fc{i}", weight, bias))
        result = pipeline.prune(
            TargetNetwork(tuple(layers)),
            construction=CONSTRUCTIONS[self.construction],
            num_samples=4 + self.seed % 3,
            law=self.law,
            seed=self.seed,
            domain=domain_of(self.domain, self.sizes[0], rng),
            settings=CertifySettings(
                attack=Attack(num_restarts=3, num_steps=5),
                output_norm=self.norm,
                is_tight=self.is_tight,
                backward=BackwardSettings(num_steps=5),
                splitting=SplittingSettings(max_leaves=6),
            ),
        )
        directory.mkdir(parents=True)
        pipeline.save(result, directory)
        return result


def domain_of(name: str, num_inputs: int, rng: np.random.Generator) -> Domain:
    """Return the domain of a name; local boxes are drawn."""
    if name == "local":
        center = rng.uniform(-1, 1, num_inputs)
        return LocalBox.around(center, 0.25)
    return {
        "ball": Ball(),
        "large ball": Ball(2.5),
        "box": Box(),
        "signed box": Box(-1.0, 0.5),
        "negative box": Box(-3.0, -1.0),
    }[name]


DOMAINS = ("ball", "signed box", "local", "box", "large ball", "negative box")


def honest_tickets(count: int) -> list[Honest]:
    """Return so many tickets that go round every choice at its own pace."""
    names, laws = list(CONSTRUCTIONS), list(WeightLaw)
    return [
        Honest(
            seed=n,
            construction=names[n % len(names)],
            law=laws[(n // 2) % len(laws)],
            sizes=_SIZES[n % len(_SIZES)],
            has_bias=(n // 3) % 2 == 0,
            domain=DOMAINS[(n // 5 + n) % len(DOMAINS)],
            norm=list(OutputNorm)[(n // 4) % 2],
            is_tight=n % 4 == 1,
        )
        for n in range(count)
    ]
