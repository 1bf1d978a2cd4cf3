"""Where and how a network computes. Importing this module imports torch.

What concerns a GPU here has never run on one so far: it is written after torch's documentation, and
which `Execution` is the quickest there has yet to be measured. Plain execution is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch

from strongltn.errors import InvalidInputError, unknown_word
from strongltn.training.config import Execution, Precision, RunConfig

Forward = Callable[[torch.Tensor], torch.Tensor]


def device_named(name: str) -> torch.device:
    """Return a device.

    Parameters
    ----------
    name : str
        "auto" (a GPU if torch sees one, else the CPU), "cpu", "cuda" or "cuda:NUMBER".

    Raises
    ------
    InvalidInputError
        Another name, or a GPU that torch does not see.
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [f"cuda:{number}" for number in range(num_gpus)]
    known = {"auto": "cuda:0" if gpus else "cpu", "cpu": "cpu", **{gpu: gpu for gpu in gpus}}
    if gpus:
        known["cuda"] = gpus[0]
    if name not in known:
        raise unknown_word(
            "device", got=name, known=known, hint="" if gpus else "torch sees no GPU here."
        )
    return torch.device(known[name])


def check_execution(execution: Execution, config: RunConfig, device: torch.device) -> None:
    """Refuse what the device, or the method, cannot do.

    A graph repeats what it has captured: the number of kept weights, and the masks that a method
    draws at random, would stand still in it.

    Raises
    ------
    InvalidInputError
    """
    if execution is Execution.EAGER:
        return
    if device.type != "cuda":
        raise InvalidInputError("execution", got=execution.value, allowed="eager without a GPU")
    if execution is not Execution.CAPTURED:
        return
    if not config.is_steady:
        raise InvalidInputError(
            "execution",
            got=execution.value,
            allowed="eager or compiled where masks are drawn or the density moves",
        )


def autocast(config: RunConfig, device: torch.device) -> torch.autocast:
    """Return the context in which the network computes."""
    return torch.autocast(
        device.type,
        dtype=torch.bfloat16,
        enabled=config.precision is Precision.BFLOAT16,
        cache_enabled=False,  # a captured graph must not hold on to casts of an earlier step
    )


def accelerated(
    network: torch.nn.Module, images: torch.Tensor, *, config: RunConfig, execution: Execution
) -> Forward:
    """Return what computes as `network` does, on whole batches in training, but quicker.

    `network` itself stays as it is, for all other calls.

    Parameters
    ----------
    network : torch module
        In training mode, on its device.
    images : tensor (batch_size, channels, height, width)
        One batch: a captured graph takes this shape alone.
    """
    if execution is Execution.COMPILED:
        compiled: Forward = torch.compile(network)
        return compiled
    if execution is Execution.EAGER:
        return network
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with autocast(config, images.device):
        # around the network, because torch replaces the forward method of what it is given
        forward = torch.cuda.make_graphed_callables(torch.nn.Sequential(network), (images,))
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            buffer.copy_(before[name])  # the trial runs have moved the statistics of BatchNorm
    return cast(Forward, forward)
