"""The quadratic bound: a search for multipliers in floats, then a proof in integers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.limits import fits_matrix
from strongltn.certify.quadratic.interior_point import InteriorPoint, search
from strongltn.certify.quadratic.relaxation import Multipliers, relax
from strongltn.certify.quadratic.witness import QuadraticWitness, Search, prove
from strongltn.errors import UnsolvedError
from strongltn.networks.difference import DifferenceNetwork

__all__ = ["InteriorPoint", "QuadraticWitness", "quadratic_bound"]

Progress = Callable[[str, int, int], None]

_MANY_ROWS = 1500  # below, more threads cost more than they do


def quadratic_bound(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
    settings: InteriorPoint | None = None,
    progress: Progress | None = None,
) -> QuadraticWitness:
    """Return a proved bound on sup ||f' - g'||_2 over the domain from quadratic constraints.

    Parameters
    ----------
    network : DifferenceNetwork
    ranges : tuple of LayerRanges
        True of every input of the domain, one for each layer.
    settings : InteriorPoint, optional
    progress : callable, optional
        Called with "quadratic", the steps done and the most steps, after every step.

    Raises
    ------
    UnsolvedError
        Numbers too far apart for float64: no start was found, or no iterate could be proved.

    Notes
    -----
    Rigor: rigorous bound, proved in integers before it is returned. Cost: steps times the cube of
    inputs + 2 switching neurons, and of 5 switching neurons + inputs. Randomness: none.
    """
    from threadpoolctl import threadpool_limits

    begin = time.perf_counter()
    settings = settings or InteriorPoint()
    relaxation = relax(network, ranges=ranges)
    size = relaxation.num_variables + relaxation.output.shape[0]
    if not fits_matrix(size, layers=network.layers):
        raise UnsolvedError(f"a matrix of {size} rows is too large for a certificate", result=size)
    iterates: list[Multipliers] = []
    # what overflows is refused by the proof
    with np.errstate(all="ignore"), threadpool_limits(1 if size < _MANY_ROWS else None):
        try:
            for found in search(relaxation, settings=settings):
                iterates.append(found)
                if progress is not None:
                    progress("quadratic", len(iterates) - 1, settings.num_steps)
        except np.linalg.LinAlgError as failure:
            if not iterates:
                raise UnsolvedError(f"the search has no start: {failure}", result=None) from failure
        witness = prove(relaxation, iterates)
    record = Search(len(iterates) - 1, iterates[-1].gap, time.perf_counter() - begin)
    return replace(witness, search=record)
