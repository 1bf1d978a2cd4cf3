"""The account of a certificate: what every method has proved, and where the bound is lost."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from strongltn.certify.certificate import Certificate
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.numerics.dyadic import outward_number


def account(target: TargetNetwork, ticket: Ticket, certificate: Certificate) -> dict[str, Any]:
    """Return the figures of a certificate for `json_text`, in the units of the target network.

    Returns
    -------
    dict
        Bounds are rounded outwards, to decimals beyond the largest double. They are in the norm
        that was asked for, but norms of activations and of differences behind inner layers are
        Euclidean, those of matrices spectral. ``ratio`` is certified over empirical error, None
        where one of them is zero or infinite; ``ratio_growth`` the factor by which it grows over a
        layer: where that is large, the bound is lost.

    Notes
    -----
    Rigor: bounds, but for ``empirical_error`` of inner layers and the ratios: estimates. Cost:
    O(layers). Randomness: none.
    """
    scale = Fraction(2) ** ticket.output_exponent
    methods = certificate.methods
    upper = _up(certificate.upper_bound)
    lower = _down(certificate.lower_bound)
    return {
        "domain": str(certificate.domain),
        "output_norm": certificate.output_norm.value,
        "certified_error": upper,
        "certified_error_by_method": {
            name: _up(method.bound * scale) for name, method in methods.items()
        },
        "least_method": min(methods, key=lambda name: methods[name].bound),
        "empirical_error": lower,
        "ratio": _ratio(upper, lower),
        "layers": _layers(target, ticket, certificate),
        "notes": list(certificate.notes),
    }


def _layers(
    target: TargetNetwork, ticket: Ticket, certificate: Certificate
) -> list[dict[str, Any]]:
    """Return what is known of every layer; the last one's ratio is that of the whole network."""
    rows: list[dict[str, Any]] = []
    methods, num_layers = certificate.methods, len(target.layers)
    inputs = Fraction(1)
    for i, (layer, bounds) in enumerate(zip(target.layers, certificate.layers, strict=True)):
        own = Fraction(2) ** ticket.scale_exponents[i]
        outputs = inputs * own
        back = i - num_layers  # a method may speak of the last layer alone
        row: dict[str, Any] = {
            "name": layer.name,
            "weight_norm": _up(bounds.weight_norm.bound * own),
            "error_norm": _up(bounds.error_norm.bound * own),
            "bias_error_norm": _up(bounds.bias_error_norm * outputs),
            "activation": {
                name: _up(method.activation[i] * inputs)
                for name, method in methods.items()
                if method.activation
            },
            "difference": {
                name: _up((method.bound if back == -1 else method.difference[back]) * outputs)
                for name, method in methods.items()
                if len(method.difference) >= -back
            },
            "empirical_error": _down(Fraction(certificate.attack.layer_errors[i]) * outputs),
        }
        certified = min(row["difference"].values())
        if back == -1:
            row["empirical_error"] = _down(certificate.lower_bound)
            certified = _up(certificate.upper_bound)
        row["ratio"] = _ratio(certified, row["empirical_error"])
        row["ratio_growth"] = _ratio(row["ratio"], rows[-1]["ratio"] if rows else 1.0)
        rows.append(row)
        inputs = outputs
    return rows


def _up(value: Fraction) -> float | Decimal:
    return outward_number(value, upwards=True)


def _down(value: Fraction) -> float | Decimal:
    return outward_number(value, upwards=False)


def _ratio(above: float | Decimal | None, below: float | Decimal | None) -> float | None:
    if not above or not below:
        return None
    ratio = float(above) / float(below)
    return ratio if math.isfinite(ratio) else None
