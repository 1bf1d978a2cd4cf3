"""Ranges of target and difference at every layer, proved by any multipliers; input splitting."""

from strongltn.certify.differential.bound import (
    BackwardSettings,
    Differential,
    backward_differential,
    differential_interval,
)
from strongltn.certify.differential.splitting import SplittingSettings, input_splitting

__all__ = [
    "BackwardSettings",
    "Differential",
    "SplittingSettings",
    "backward_differential",
    "differential_interval",
    "input_splitting",
]
