"""What a run can choose among. Light to import, for the command line."""

from __future__ import annotations

from enum import Enum


class Scope(Enum):
    """Among which weights the kept ones are selected."""

    LAYER = "layer"
    """Every layer has the density."""

    GLOBAL = "global"
    """The network as a whole has the density; a layer may lose all its weights."""


class Schedule(Enum):
    """How the density comes down from 1, epoch by epoch; the last epoch has it in full."""

    CONSTANT = "constant"
    """It is there from the start."""

    LINEAR = "linear"
    CUBIC = "cubic"


class Precision(Enum):
    """In which numbers the network computes; weights and scores are float32 in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """`torch.autocast`: products in bfloat16, for GPUs."""


class Execution(Enum):
    """How forward and backward pass run; results differ in rounding at most."""

    EAGER = "eager"
    COMPILED = "compiled"
    """Through `torch.compile`; GPUs only."""

    CAPTURED = "captured"
    """As a CUDA graph, whole batches only; GPUs only."""
