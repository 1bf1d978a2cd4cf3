"""Ground truth: does a search find what provably exists, and how far off is what it finds?

Names are imported when they are first used, because some need torch or scipy.

Networks with a known answer
    `GroundTruth`, `constructed_truth`, `plant`, `relu_unit`, `circle`, `helix`
Searching them
    `Examples`, `Recovery`, `RecoverySettings`, `Start`, `Objective`, `recover`
Judging what was found
    `Agreement`, `agreement_of`, `MaskOverlap`, `mask_overlap`
    `FoundCertificate`, `certify_found`, `certify_runs`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongltn.values.lazy import lazy_names

_HOMES = {
    "Agreement": "strongltn.groundtruth.agreement",
    "Examples": "strongltn.groundtruth.agreement",
    "FoundCertificate": "strongltn.groundtruth.found",
    "GroundTruth": "strongltn.groundtruth.truth",
    "MaskOverlap": "strongltn.groundtruth.agreement",
    "Objective": "strongltn.groundtruth.recovery",
    "Recovery": "strongltn.groundtruth.recovery",
    "RecoverySettings": "strongltn.groundtruth.recovery",
    "Start": "strongltn.groundtruth.recovery",
    "agreement_of": "strongltn.groundtruth.agreement",
    "certify_found": "strongltn.groundtruth.found",
    "certify_runs": "strongltn.groundtruth.found",
    "circle": "strongltn.groundtruth.planting",
    "constructed_truth": "strongltn.groundtruth.truth",
    "helix": "strongltn.groundtruth.planting",
    "mask_overlap": "strongltn.groundtruth.agreement",
    "plant": "strongltn.groundtruth.planting",
    "recover": "strongltn.groundtruth.recovery",
    "relu_unit": "strongltn.groundtruth.planting",
}

if TYPE_CHECKING:
    from strongltn.groundtruth.agreement import (
        Agreement,
        Examples,
        MaskOverlap,
        agreement_of,
        mask_overlap,
    )
    from strongltn.groundtruth.found import FoundCertificate, certify_found, certify_runs
    from strongltn.groundtruth.planting import circle, helix, plant, relu_unit
    from strongltn.groundtruth.recovery import Objective, Recovery, RecoverySettings, Start, recover
    from strongltn.groundtruth.truth import GroundTruth, constructed_truth
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "Agreement",
    "Examples",
    "FoundCertificate",
    "GroundTruth",
    "MaskOverlap",
    "Objective",
    "Recovery",
    "RecoverySettings",
    "Start",
    "agreement_of",
    "certify_found",
    "certify_runs",
    "circle",
    "constructed_truth",
    "helix",
    "mask_overlap",
    "plant",
    "recover",
    "relu_unit",
]
