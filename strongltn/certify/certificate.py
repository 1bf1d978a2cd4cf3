"""Certificates: two-sided bounds on sup ||f - g|| with everything needed to check them again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from safetensors.numpy import save

from strongltn.certify.attack import AttackResult
from strongltn.certify.methods import Arrays, Bound, CertifySettings
from strongltn.certify.recursion import LayerBounds
from strongltn.certify.statement import (
    CERTIFICATE_FILE,
    VERSION,
    two_sided_text,
    witness_file,
)
from strongltn.certify.two_sided import two_sided_bound
from strongltn.errors import InvalidInputError
from strongltn.networks.difference import DifferenceNetwork, LayerError, weight_errors
from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.domain_text import DomainLike, as_domain
from strongltn.networks.reading import short_list
from strongltn.networks.target import TargetLike, TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.networks.ticket_directory import within_limits
from strongltn.numerics.dyadic import to_text
from strongltn.process.default_state import in_default_state
from strongltn.report.html import html_table
from strongltn.values.arguments import Progress, check_progress, instance
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class Certificate(ByValue):
    """Proved: lower_bound <= sup over the domain of ||f(x) - g(x)|| <= upper_bound.

    The bounds are exact rationals; what is printed of them is rounded outwards. Two certificates
    are equal if they state and prove the same, whatever time they took.

    Attributes
    ----------
    errors : tuple of LayerError
        The exact weight errors of the scaled networks, from which everything else follows.
    upper_bound, lower_bound : Fraction
        Both ends, in the units of the target's output.
    euclidean_bound : Fraction
        >= sup ||f(x) - g(x)||_2, whatever the norm.
    methods : dict from name to Bound
        What each method proved of the scaled networks f' and g'.
    attack : AttackResult
        The search whose best input gives `lower_bound`.
    notes : tuple of str
        They say which methods are missing, and why.
    seconds : dict from method or stage to float
    """

    domain: Domain
    output_norm: OutputNorm
    errors: tuple[LayerError, ...]
    upper_bound: Fraction
    lower_bound: Fraction
    euclidean_bound: Fraction
    layers: tuple[LayerBounds, ...]
    methods: dict[str, Bound]
    attack: AttackResult
    notes: tuple[str, ...]
    seconds: dict[str, float] = field(compare=False)

    def __str__(self) -> str:
        return f"Proved: {two_sided_text(self)}."

    def __repr__(self) -> str:
        return f"Certificate({two_sided_text(self)})"

    def _repr_html_(self) -> str:
        rows = {"proved": two_sided_text(self), "methods": ", ".join(self.methods)}
        return html_table("Certificate", rows)

    def to_files(self, ticket_bytes: bytes, *, name: str = CERTIFICATE_FILE) -> dict[str, bytes]:
        """Return the certificate's two files, the witnesses first.

        Parameters
        ----------
        ticket_bytes : bytes
            The content of ticket.json.
        name : str
            The name of the certificate's own file.

        Raises
        ------
        BudgetExceeded
            A file would be larger than the auditor reads.
        """
        domain, arrays = self.domain.entry()
        witness = save(_contiguous(arrays | self._arrays()))
        witness_sha256 = hashlib.sha256(witness).hexdigest()
        certificate = {
            "format": "strongltn-certificate",
            "version": VERSION,
            "ticket_sha256": hashlib.sha256(ticket_bytes).hexdigest(),
            "witness_sha256": witness_sha256,
            "domain": domain,
            "output_norm": self.output_norm.value,
            "layers": [_layer_entry(layer) for layer in self.layers],
            "methods": {name: method.entry for name, method in self.methods.items()},
            "upper_bound": to_text(self.upper_bound),
            "lower_bound": to_text(self.lower_bound),
            "attack_exponent": self.attack.inputs.exponent,
        }
        text = json.dumps(certificate, indent=1, allow_nan=False) + "\n"
        return within_limits({witness_file(witness_sha256): witness, name: text.encode("ascii")})

    def _arrays(self) -> Arrays:
        arrays = {"attack": self.attack.inputs.numerators}
        for i, layer in enumerate(self.layers):
            arrays[f"{i}.weight_witness"] = layer.weight_norm.factor
            arrays[f"{i}.error_witness"] = layer.error_norm.factor
        for method in self.methods.values():
            arrays |= method.arrays
        return arrays


@in_default_state()
def certify_ticket(
    target: TargetLike,
    ticket: Ticket,
    domain: DomainLike,
    *,
    settings: CertifySettings | None = None,
    progress: Progress | None = None,
) -> Certificate:
    """Bound the distance between a target and a pruned network from both sides.

    Parameters
    ----------
    target : TargetNetwork, torch.nn.Module, state dict, or path
        See `TargetNetwork.of`.
    domain : Domain or str
        A text as on the command line, such as "ball" or "box:0,1".

    Returns
    -------
    Certificate
        The bound is the least of all methods; one that fails is missing and named in `notes`.

    Raises
    ------
    InvalidInputError
        An argument is of another kind, or the networks and the domain do not fit one another.
    SoundnessBug
        The bounds contradict one another (never seen).

    Notes
    -----
    Rigor: both bounds are rigorous and carry their witnesses.
    Cost: per layer, two Gram matrices and eigenvalue problems of the smaller side, and exact
    products of the weights of all layers, plus the ascent; if tight, see `quadratic_bound`,
    `backward_differential` and `input_splitting`.
    Randomness: the ascent's starting points.
    """
    target, domain = TargetNetwork.of(target), as_domain(domain)
    instance("ticket", ticket, Ticket)
    settings = CertifySettings() if settings is None else settings
    instance("settings", settings, CertifySettings)
    check_progress(progress)
    if ticket.source.widths[::2] != target.widths:
        raise InvalidInputError(
            "ticket",
            got=f"one for a network of widths {short_list(ticket.source.widths[::2], '-')}",
            allowed=f"one for the target's widths {short_list(target.widths, '-')}",
        )
    domain.entry()  # refuses what no certificate can state
    layers = target.scaled(ticket.scale_exponents)
    errors = weight_errors(ticket, layers, domain)
    network = DifferenceNetwork(layers, errors, domain, settings.output_norm)
    found = two_sided_bound(network, settings=settings, progress=progress)
    scale = Fraction(2) ** ticket.output_exponent
    methods = found.methods
    return Certificate(
        domain=domain,
        output_norm=settings.output_norm,
        errors=errors,
        upper_bound=found.upper_bound * scale,
        lower_bound=found.attacked.lower_bound * scale,
        euclidean_bound=min(method.difference[-1] for method in methods.values()) * scale,
        layers=found.layers,
        methods=methods,
        attack=found.attacked,
        notes=found.notes,
        seconds=found.seconds,
    )


def _layer_entry(layer: LayerBounds) -> dict[str, Any]:
    return {
        "weight_norm": to_text(layer.weight_norm.bound),
        "error_norm": to_text(layer.error_norm.bound),
        "bias_error_norm": to_text(layer.bias_error_norm),
        "weight_witness_exponent": layer.weight_norm.exponent,
        "error_witness_exponent": layer.error_norm.exponent,
    }


def _contiguous(arrays: Arrays) -> Arrays:
    return {name: np.ascontiguousarray(array, dtype=np.int64) for name, array in arrays.items()}
