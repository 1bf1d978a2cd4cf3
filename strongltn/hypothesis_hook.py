"""Hypothesis draws our types: ``st.from_type(TargetNetwork)``, also as an argument's annotation.

Hypothesis calls `register` when it is imported, an entry point of the package (``pyproject.toml``).
Whoever uses Hypothesis without strongltn pays nothing for it: our types are registered once they
are imported, and the strategies are imported once one of them is drawn from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongltn.values.lazy import when_imported

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from strongltn.networks import (
        Ball,
        Box,
        LinearLayer,
        LocalBox,
        PairMask,
        SourceNetwork,
        TargetNetwork,
        Ticket,
    )


def register() -> None:
    """Tell Hypothesis how to draw networks, masks, tickets and domains."""
    when_imported("strongltn.networks", _register_types)


def _register_types() -> None:
    from hypothesis.strategies import register_type_strategy

    from strongltn import networks

    register_type_strategy(networks.Ball, _balls)
    register_type_strategy(networks.Box, _boxes)
    register_type_strategy(networks.LocalBox, _local_boxes)
    register_type_strategy(networks.LinearLayer, _layers)
    register_type_strategy(networks.TargetNetwork, _targets)
    register_type_strategy(networks.SourceNetwork, _sources)
    register_type_strategy(networks.PairMask, _masks)
    register_type_strategy(networks.Ticket, _tickets)


def _targets(kind: type[TargetNetwork]) -> SearchStrategy[TargetNetwork]:
    from strongltn.testing import target_networks

    return target_networks()


def _layers(kind: type[LinearLayer]) -> SearchStrategy[LinearLayer]:
    from strongltn.testing import target_networks

    return target_networks(max_layers=1).map(lambda target: target.layers[0])


def _sources(kind: type[SourceNetwork]) -> SearchStrategy[SourceNetwork]:
    from strongltn.testing import sources

    return sources()


def _masks(kind: type[PairMask]) -> SearchStrategy[PairMask]:
    from strongltn.testing import masks, sources

    return sources().flatmap(lambda source: masks(source, 0))


def _tickets(kind: type[Ticket]) -> SearchStrategy[Ticket]:
    from strongltn.testing import tickets

    return tickets()


def _balls(kind: type[Ball]) -> SearchStrategy[Ball]:
    from strongltn.testing.networks import balls

    return balls()


def _boxes(kind: type[Box]) -> SearchStrategy[Box]:
    from strongltn.testing.networks import boxes

    return boxes()


def _local_boxes(kind: type[LocalBox]) -> SearchStrategy[LocalBox]:
    from hypothesis.strategies import integers

    from strongltn.testing.networks import local_boxes

    return integers(1, 4).flatmap(local_boxes)
