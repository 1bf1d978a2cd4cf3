"""Two runs of `strongltn search`, and the certified distance of the networks that they made.

Importing this module imports torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from strongltn.certify import CertifySettings
from strongltn.datasets.catalogue import dataset_named
from strongltn.errors import InvalidInputError
from strongltn.groundtruth.found import certify_found
from strongltn.networks import Box, Domain, TargetNetwork
from strongltn.process.default_state import in_default_state
from strongltn.search.config import SearchConfig
from strongltn.storage import read_if_there
from strongltn.training.result import RESULT, SearchResult, finished_result
from strongltn.values.arguments import Progress


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
    settings : CertifySettings, optional
    progress : callable, optional

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
