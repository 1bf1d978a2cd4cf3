r"""Certified distance of what a search found from a network of the same shape.

Let f (dense, trained, say) have the weights W_1, ..., W_L and g (found) the weights V_1, ..., V_L,
of the same shapes, with ReLU between them. Floating-point weights are dyadic, so E_i = V_i - W_i is
known exactly, and

.. math:: V_i y = W_i y + E_i y

is how `strongltn.certify` sees a pruned network: a target layer and an error. Its methods bound
sup ||f(x) - g(x)|| over a domain from above, an input that an ascent finds bounds it from below,
evaluated in integers; both are rigorous. The E_i are as large as the weights themselves, not small
as those of a constructed ticket: the upper bound can be far above the lower.

A network that was found has weights of another law than the sources that `proofs_check` draws
again, so there is no certificate for it to check: the claim rests on this code alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from strongltn.certify import CertifySettings
from strongltn.certify.statement import two_sided_text
from strongltn.certify.two_sided import two_sided_bound
from strongltn.construct.plan import scale_exponents
from strongltn.datasets.catalogue import dataset_named
from strongltn.errors import InvalidInputError
from strongltn.networks import Box, Domain, OutputNorm, TargetNetwork
from strongltn.networks.difference import DifferenceNetwork, LayerError
from strongltn.networks.domain_text import DomainLike, as_domain
from strongltn.networks.layer import ScaledLayer
from strongltn.networks.target import TargetLike
from strongltn.numerics.dyadic import DyadicArray, negative, outward_number
from strongltn.process.default_state import in_default_state
from strongltn.search.config import SearchConfig
from strongltn.storage import read_if_there
from strongltn.training.result import RESULT, SearchResult, finished_result
from strongltn.values.arguments import Progress, instance
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class FoundCertificate(ByValue):
    """Proved: lower_bound <= sup over the domain of ||f(x) - g(x)|| <= upper_bound.

    Attributes
    ----------
    bounds : dict from method to Fraction
        What each method has proved from above.
    witness : DyadicArray (inputs,)
        The input of the domain behind `lower_bound`.
    notes : tuple of str
        They say which methods are missing, and why.
    seconds : dict from method or stage to float
    """

    domain: Domain
    output_norm: OutputNorm
    upper_bound: Fraction
    lower_bound: Fraction
    bounds: dict[str, Fraction]
    witness: DyadicArray
    notes: tuple[str, ...]
    seconds: dict[str, float] = field(compare=False)

    def __str__(self) -> str:
        return f"Proved: {two_sided_text(self)}."

    def __repr__(self) -> str:
        return f"FoundCertificate({two_sided_text(self)})"

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON types, bounds rounded outwards."""
        return {
            "domain": str(self.domain),
            "output_norm": self.output_norm.value,
            "certified_error": outward_number(self.upper_bound, upwards=True),
            "empirical_error": outward_number(self.lower_bound, upwards=False),
            "certified_error_by_method": {
                name: outward_number(bound, upwards=True) for name, bound in self.bounds.items()
            },
            "witness": self.witness.to_floats().tolist(),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


@in_default_state()
def certify_found(
    found: TargetLike,
    dense: TargetLike,
    *,
    domain: DomainLike,
    settings: CertifySettings | None = None,
    progress: Progress | None = None,
) -> FoundCertificate:
    """Bound the distance between two ReLU networks of one shape from both sides.

    Parameters
    ----------
    found, dense : TargetNetwork, torch.nn.Module, state dict, or path
        g and f, of the same widths; a layer may have a bias in one of them and none in the other.
    domain : Domain
        In the units of the networks' inputs.

    Raises
    ------
    InvalidInputError
        Other widths, or a domain of another number of inputs.
    SoundnessBug
        The bounds contradict one another (never seen).

    Notes
    -----
    Rigor: both bounds are rigorous.  Cost: as `certify_ticket`.
    Randomness: the ascent's starting points.

    Examples
    --------
    >>> import numpy as np
    >>> from strongltn.networks import Ball, LinearLayer
    >>> f, g = (TargetNetwork((LinearLayer("fc", np.full((1, 1), w)),)) for w in (1.0, 1.5))
    >>> certificate = certify_found(g, f, domain=Ball(2.0))
    >>> 0.999 <= certificate.lower_bound <= certificate.upper_bound <= 1.001
    True
    """
    found, dense = TargetNetwork.of(found), TargetNetwork.of(dense)
    domain = as_domain(domain)
    if found.widths != dense.widths:
        raise InvalidInputError(
            "found", got=f"widths {found.widths}", allowed=f"those of the other, {dense.widths}"
        )
    settings = CertifySettings() if settings is None else settings
    instance("settings", settings, CertifySettings)
    exponents = scale_exponents(dense)
    layers = dense.scaled(exponents)
    errors = tuple(map(_error, found.scaled(exponents), layers))
    network = DifferenceNetwork(layers, errors, domain, settings.output_norm)
    bound = two_sided_bound(network, settings=settings, progress=progress)
    scale = Fraction(2) ** sum(exponents)
    return FoundCertificate(
        domain,
        settings.output_norm,
        bound.upper_bound * scale,
        bound.attacked.lower_bound * scale,
        {name: method.bound * scale for name, method in bound.methods.items()},
        bound.attacked.inputs,
        bound.notes,
        bound.seconds,
    )


def _error(found: ScaledLayer, dense: ScaledLayer) -> LayerError:
    """Return by how much one layer exceeds the other; linear, so that signs of inputs are one."""
    bias = found.bias
    if dense.bias is not None:
        bias = negative(dense.bias) if bias is None else bias - dense.bias
    return LayerError(found.weight - dense.weight, None, bias)


@in_default_state()
def certify_runs(
    found: Path,
    dense: Path,
    *,
    domain: Domain | None = None,
    settings: CertifySettings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Bound the distance between the networks of two finished runs.

    Parameters
    ----------
    found, dense : Path
        Directories of runs over the same data, of fully connected networks of the same widths.
    domain : Domain, optional
        In the units of what the networks see, that is, of normalised images. By default the box
        of all images whose pixels are in [0, 1].

    Returns
    -------
    dict
        `FoundCertificate.to_json`, without the witness, with both test accuracies.

    Raises
    ------
    InvalidInputError
        A directory without a finished run, networks that are not certified or differ in shape.

    Notes
    -----
    Rigor: both bounds are rigorous, for the networks in exact arithmetic.  Cost: as
    `certify_ticket`.  Randomness: the ascent's starting points.
    """
    results = [_finished("DIR", found), _finished("against", dense)]
    data, other = (result.config.data for result in results)
    if other != data:
        raise InvalidInputError(
            "against", got=f"a run over {other}", allowed=f"one over {data}, as that in DIR"
        )
    networks = [TargetNetwork.from_module(result.network()) for result in results]
    certificate = certify_found(
        *networks, domain=domain or image_box(data), settings=settings, progress=progress
    )
    report = certificate.to_json()
    del report["witness"]
    accuracies = [result.test_accuracy for result in results]
    return {**report, "found_accuracy": accuracies[0], "dense_accuracy": accuracies[1]}


def image_box(data: str) -> Box:
    """Return the box of all normalised images of a data set, pixels in [0, 1], in every channel."""
    import torch

    dataset = dataset_named(data)
    # as the networks see them: rounding is monotone, so that no image leaves the box
    ends = [dataset.normalised(torch.full((1, *dataset.input_shape), end)) for end in (0.0, 1.0)]
    return Box(float(ends[0].min()), float(ends[1].max()))


def _finished(parameter: str, directory: Path) -> SearchResult:
    """Return the result of a run that has ended."""
    content = read_if_there(directory / RESULT, parameter=parameter, within=directory)
    if content is None:
        raise _no_run(parameter, f"{directory}, without {RESULT}")
    try:
        config = SearchConfig.from_json(json.loads(content)["config"])
        result = finished_result(config, directory)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _no_run(parameter, f"{directory}: {error}") from error
    if result is None:
        raise _no_run(parameter, f"{directory}, whose {RESULT} is gone")
    return result


def _no_run(parameter: str, got: str) -> InvalidInputError:
    return InvalidInputError(
        parameter, got=got, allowed="the directory of a finished run of strongltn search"
    )
