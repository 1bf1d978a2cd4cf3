"""The list of all claims, in the order of their ids."""

from __future__ import annotations

from importlib import import_module

from proofs_check.claims.claim import Claim

_MODULES = (
    "controls",
    "counting",
    "cover_simulation",
    "drift",
    "dynamic_program",
    "enough_samples",
    "error_propagation",
    "fixed_size",
    "geometric_decomposition",
    "hitting_times",
    "irwin_hall",
    "logit_lemma",
    "lower_bounds",
    "mixture",
    "moments",
    "network",
    "pair_moments",
    "product_law",
    "quantised",
    "rearrangement",
    "sign_split",
    "single_pair",
    "supermartingale",
    "unimodal_drift",
    "unit_window",
)

#: Every claim, once.
CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            claim
            for name in _MODULES
            for claim in import_module(f"proofs_check.claims.{name}").CLAIMS
        ),
        key=lambda claim: claim.id,
    )
)
