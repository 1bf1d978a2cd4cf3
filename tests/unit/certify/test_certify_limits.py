"""What is written stays within what the auditor reads, in bytes and in time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from proofs_check import Verdict, verify
from proofs_check.certificate import reader
from strongltn.certify import Attack, CertifySettings
from strongltn.certify.certificate import certify_ticket
from strongltn.certify.differential import splitting
from strongltn.certify.differential.splitting import fits_multipliers, max_leaves, multiplier_bytes
from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, TargetNetwork, ticket_directory
from strongltn.networks.target import ScaledLayer
from strongltn.networks.ticket_directory import ticket_files
from strongltn.numerics.dyadic import DyadicArray
from strongltn.pipeline import tickets as pipeline

QUICK = CertifySettings(attack=Attack(num_restarts=2, num_steps=3))


def layers_of(*widths: int) -> tuple[ScaledLayer, ...]:
    return tuple(
        ScaledLayer(DyadicArray(np.zeros((after, before), dtype=np.int64), 0), None)
        for before, after in pairwise(widths)
    )


def network(*widths: int) -> TargetNetwork:
    rng = np.random.default_rng(0)
    return TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{i}", rng.uniform(-1, 1, shape) / shape[1], rng.uniform(-1, 1, shape[0])
            )
            for i, shape in enumerate(zip(widths[1:], widths, strict=False))
        )
    )


def test_both_programs_have_the_same_limits() -> None:
    assert reader.MAX_BYTES[".json"] == ticket_directory.MAX_JSON_BYTES
    assert reader.MAX_BYTES[".safetensors"] == ticket_directory.MAX_ARRAY_BYTES


def test_splitting_has_a_budget_of_bytes() -> None:
    """Once 1,000 leaves of 3-60-60-2: 250 MB of witnesses, and a minute and a half to verify."""
    layers = layers_of(3, 60, 60, 2)
    assert multiplier_bytes(layers) == 8 * (4 * 60 * 2 * 60 + 4 * 2 * 2 * 120)
    assert 150 < max_leaves(layers) < 250
    assert max_leaves(layers) * multiplier_bytes(layers) <= 48 << 20
    assert max_leaves(layers_of(3, 8, 8, 2)) > 1000  # as many as are asked for
    assert max_leaves(layers_of(4, 2)) > 1000
    assert max_leaves(layers_of(4, 5000, 5000, 2)) == 0


def test_deep_wide_networks_go_without_multipliers() -> None:
    """Once a witness of more bytes than the auditor reads, though each array was allowed."""
    assert fits_multipliers(layers_of(784, 500, 10))
    assert fits_multipliers(layers_of(784, 2000, 2000, 10))
    deep = layers_of(*[1000] * 17)
    assert splitting._max_nodes(deep) > 0
    assert multiplier_bytes(deep) > ticket_directory.MAX_ARRAY_BYTES
    assert not fits_multipliers(deep)


def test_the_arrays_have_the_size_that_is_budgeted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(splitting, "_MAX_SPLIT_BYTES", 5 * multiplier_bytes(layers_of(2, 4, 3, 2)))
    settings = replace(QUICK, is_tight=True)
    result = pipeline.prune(network(2, 4, 3, 2), num_samples=6, domain=Box(), settings=settings)
    method = result.certificate.methods["input-splitting"]
    arrays = {k: v for k, v in method.arrays.items() if k.endswith("multipliers")}
    leaves = len(method.arrays["input-splitting.0.target"])
    assert leaves == 5
    layers = layers_of(2, 4, 3, 2)
    assert sum(array.nbytes for array in arrays.values()) == 5 * multiplier_bytes(layers)
    tmp_path.joinpath("ticket").mkdir()
    pipeline.save(result, tmp_path / "ticket")
    assert verify(tmp_path / "ticket").verdict is Verdict.PROVED


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ("MAX_ARRAY_BYTES", "target.safetensors"),
        ("MAX_JSON_BYTES", "ticket.json"),
    ],
)
def test_what_the_auditor_would_not_read_is_not_written(limit, name, monkeypatch, tmp_path) -> None:
    result = pipeline.prune(network(2, 3, 2), num_samples=6, domain=Ball(), settings=QUICK)
    files = ticket_files(result.target, result.ticket)
    monkeypatch.setattr(ticket_directory, limit, 100)
    with pytest.raises(BudgetExceeded, match=f"{name} would have .* at most 100"):
        ticket_files(result.target, result.ticket)
    with pytest.raises(BudgetExceeded, match="would have"):
        result.certificate.to_files(files["ticket.json"])
    with pytest.raises(BudgetExceeded):
        pipeline.save(result, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"construction": 3}, {"samples_per_weight": 0}])
def test_tickets_that_the_auditor_rejects_are_none(change) -> None:
    result = pipeline.prune(network(2, 2), num_samples=6, domain=Ball(), settings=QUICK)
    with pytest.raises(InvalidInputError):
        replace(result.ticket, **change)


def test_scales_whose_sum_is_too_large_are_refused() -> None:
    result = pipeline.prune(network(2, 3, 2), num_samples=6, domain=Ball(), settings=QUICK)
    assert replace(result.ticket, scale_exponents=(4096, -4096)).output_exponent == 0
    with pytest.raises(InvalidInputError, match="sums"):
        replace(result.ticket, scale_exponents=(4096, 1))


def test_a_smaller_budget_proves_a_bound_all_the_same() -> None:
    result = pipeline.prune(network(2, 4, 3, 2), num_samples=6, domain=Box(), settings=QUICK)
    bounds = []
    for leaves in (1, 4, 16):
        smaller = replace(QUICK.splitting, max_leaves=leaves)
        settings = replace(QUICK, is_tight=True, splitting=smaller)
        found = certify_ticket(result.target, result.ticket, Box(), settings=settings)
        bounds.append(found.methods["input-splitting"].bound)
        assert found.lower_bound <= found.upper_bound
    assert bounds == sorted(bounds, reverse=True)
