"""Certificates: two-sided bounds on sup ||f - g|| with everything needed to check them again."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from strongltn.certify.attack import Attack, AttackResult, attack
from strongltn.certify.bounds import (
    CENTRE_SPLIT,
    SPECTRAL_TRIANGLE,
    Chain,
    LayerBounds,
    difference_chain,
    layer_bounds,
)
from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Ball, Box, Domain
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.networks.ticket_directory import TICKET_FILE
from strongltn.networks.weight_error import LayerError, weight_errors
from strongltn.numerics.dyadic import from_text, round_up, to_text

CERTIFICATE_FILE = "certificate.json"
WITNESS_FILE = "witness.safetensors"


@dataclass(frozen=True, eq=False)
class Certificate:
    """Proved: lower_bound <= sup over the domain of ||f(x) - g(x)||_2 <= upper_bound.

    Attributes
    ----------
    domain : Domain
    errors : tuple of LayerError
        The exact weight errors of the scaled networks, from which everything else follows.
    upper_bound, lower_bound : Fraction
        In the units of the target's output.
    layers : tuple of LayerBounds
    chains : dict from method to Chain
        Of the scaled networks f' and g'.
    attack : AttackResult
        The input behind `lower_bound`.
    seconds : float
    """

    domain: Domain
    errors: tuple[LayerError, ...]
    upper_bound: Fraction
    lower_bound: Fraction
    layers: tuple[LayerBounds, ...]
    chains: dict[str, Chain]
    attack: AttackResult
    seconds: float

    def to_files(self, ticket_bytes: bytes) -> dict[str, bytes]:
        """Return the certificate's two files; `ticket_bytes` are those of ticket.json."""
        witness = save(self._arrays())
        certificate = {
            "format": "strongltn-certificate",
            "version": 1,
            "ticket_sha256": hashlib.sha256(ticket_bytes).hexdigest(),
            "witness_sha256": hashlib.sha256(witness).hexdigest(),
            "domain": _domain_to_json(self.domain),
            "output_norm": 2,
            "layers": [_layer_to_json(layer) for layer in self.layers],
            "methods": {name: _chain_to_json(chain) for name, chain in self.chains.items()},
            "upper_bound": to_text(self.upper_bound),
            "lower_bound": to_text(self.lower_bound),
            "attack_exponent": self.attack.inputs.exponent,
        }
        text = json.dumps(certificate, indent=1) + "\n"
        return {WITNESS_FILE: witness, CERTIFICATE_FILE: text.encode("ascii")}

    def _arrays(self) -> dict[str, NDArray[np.int64]]:
        arrays = {"attack": self.attack.inputs.numerators}
        for i, layer in enumerate(self.layers):
            arrays[f"{i}.weight_witness"] = layer.weight_norm.factor
            arrays[f"{i}.error_witness"] = layer.error_norm.factor
            arrays[f"{i}.center"] = layer.enclosure.center.numerators
            if layer.enclosure.lower is not None and layer.enclosure.upper is not None:
                arrays[f"{i}.lower"] = layer.enclosure.lower.numerators
                arrays[f"{i}.upper"] = layer.enclosure.upper.numerators
        return {name: np.ascontiguousarray(array, dtype=np.int64) for name, array in arrays.items()}


def certify_ticket(
    target: TargetNetwork,
    ticket: Ticket,
    domain: Domain,
    *,
    settings: Attack | None = None,
) -> Certificate:
    """Bound the distance between a target and a pruned network from both sides.

    Parameters
    ----------
    target : TargetNetwork
    ticket : Ticket
    domain : Domain
    settings : Attack, optional
        Of the search for the lower bound.

    Returns
    -------
    Certificate

    Notes
    -----
    Rigor: both bounds are rigorous and carry their witnesses.
    Cost: per layer, two Gram matrices and eigenvalue problems of the smaller side, plus the ascent.
    Randomness: the ascent's starting points.
    """
    began = time.perf_counter()
    layers = target.scaled(ticket.scale_exponents)
    errors = weight_errors(ticket, layers, domain)
    bounds = layer_bounds(layers, errors, domain)
    chains = {
        method: difference_chain(layers, errors, bounds, domain=domain, method=method)
        for method in (SPECTRAL_TRIANGLE, CENTRE_SPLIT)
    }
    scale = Fraction(2) ** ticket.output_exponent
    found = attack(layers, errors, domain, settings=settings)
    return Certificate(
        domain=domain,
        errors=errors,
        upper_bound=round_up(min(chain.difference[-1] for chain in chains.values())) * scale,
        lower_bound=found.lower_bound * scale,
        layers=bounds,
        chains=chains,
        attack=found,
        seconds=time.perf_counter() - began,
    )


def read_certificate(directory: Path) -> dict[str, Any] | None:
    """Return the certificate of a ticket directory, its proofs unchecked; None without one.

    Raises
    ------
    InvalidInputError
        There is one, and it cannot be read, or it speaks of another ticket.json.
    """
    path = directory / CERTIFICATE_FILE
    if not path.is_file():
        return None
    try:
        certificate: dict[str, Any] = json.loads(path.read_bytes())
        digest = hashlib.sha256((directory / TICKET_FILE).read_bytes()).hexdigest()
        if certificate["ticket_sha256"] != digest:
            raise ValueError(f"it speaks of another {TICKET_FILE}")
        domain_from_json(certificate["domain"])
        for name in ("upper_bound", "lower_bound"):
            from_text(certificate[name])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(
            "DIR",
            got=f"{path}, which is not usable: {error}",
            allowed="a directory with a readable certificate of its ticket",
            hint="Delete that file, then run strongltn certify.",
        ) from error
    return certificate


def domain_from_json(entry: dict[str, str]) -> Domain:
    """Return the domain that a certificate states."""
    if entry["kind"] == "ball":
        return Ball(float(from_text(entry["radius"])))
    return Box(float(from_text(entry["lower"])), float(from_text(entry["upper"])))


def _domain_to_json(domain: Domain) -> dict[str, str]:
    if isinstance(domain, Ball):
        return {"kind": "ball", "radius": to_text(Fraction(domain.radius))}
    return {
        "kind": "box",
        "lower": to_text(Fraction(domain.lower)),
        "upper": to_text(Fraction(domain.upper)),
    }


def _layer_to_json(layer: LayerBounds) -> dict[str, Any]:
    return {
        "weight_norm": to_text(layer.weight_norm.bound),
        "error_norm": to_text(layer.error_norm.bound),
        "bias_error_norm": to_text(layer.bias_error_norm),
        "center_radius": to_text(layer.enclosure.radius),
        "weight_witness_exponent": layer.weight_norm.exponent,
        "error_witness_exponent": layer.error_norm.exponent,
        "center_exponent": layer.enclosure.center.exponent,
    }


def _chain_to_json(chain: Chain) -> dict[str, list[str]]:
    return {
        "activation": [to_text(value) for value in chain.activation],
        "error": [to_text(value) for value in chain.error],
        "difference": [to_text(value) for value in chain.difference],
    }
