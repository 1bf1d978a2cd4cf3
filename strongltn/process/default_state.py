"""The state of NumPy and torch in which our numbers are made, whatever the user's process is in.

A program that calls us may have turned gradients off, chosen float64 or another device by default,
coarser products, traps for floating-point errors. Public entries therefore run in the state of a
fresh process (`in_default_state`) and leave the user's behind them as it was, also after an error.

What belongs to a thread is changed for that thread alone. What belongs to the process is changed
from the moment the first thread enters until the last one leaves: a thread of the user's own that
computes meanwhile sees the defaults, too. Importing this module imports neither torch nor numba.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np

_FLOAT_ERRORS: dict[str, Any] = {
    "divide": "warn",
    "over": "warn",
    "under": "ignore",
    "invalid": "warn",
}


class _Shared:
    """A change of the whole process, made by the first thread to enter, undone by the last to go.

    Parameters
    ----------
    change : callable
        Makes the change and returns what undoes it.
    """

    def __init__(self, change: Callable[[], Callable[[], object]]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._num_inside = 0
        self._undo: Callable[[], object] = lambda: None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._num_inside == 0:
                self._undo = self._change()
            self._num_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_inside -= 1
                if self._num_inside == 0:
                    self._undo()


@contextmanager
def in_default_state() -> Iterator[None]:
    """Compute as a fresh process would; a context, or a decorator of a function.

    NumPy's treatment of floating-point errors; denormal numbers; and if torch is loaded: gradients
    on, no inference mode, no autocast, the CPU and float32 by default, full products of float32,
    the usual libraries, no detection of anomalies. What only chooses between right answers stays
    the user's: the number of threads, deterministic algorithms, the seeds of global generators.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate(**_FLOAT_ERRORS))
        if sys.float_info.min / 2 == 0.0:
            stack.enter_context(_with_denormals())
        torch = sys.modules.get("torch")
        if torch is not None:  # else nobody can have changed it
            for context in _of_thread(torch):
                stack.enter_context(context)
            stack.enter_context(_torch_of_process())
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra use one thread: how many there are changes the order of sums, and bits."""
    import torch

    before = torch.get_num_threads()
    with _blas_of_process():
        try:
            torch.set_num_threads(1)
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def _with_denormals() -> Iterator[None]:
    """Switch off that this thread's processor takes the smallest numbers for 0."""
    import torch

    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        torch.set_flush_denormal(True)


def _of_thread(torch: Any) -> Iterator[AbstractContextManager[Any]]:
    """Yield what undoes the user's changes to the torch of this thread; each is entered at once."""
    if torch.is_inference_mode_enabled():
        yield torch.inference_mode(False)
    if not torch.is_grad_enabled():
        yield torch.enable_grad()
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            yield torch.autocast(device, enabled=False)
    if torch.get_default_device().type != "cpu":
        yield torch.device("cpu")


def _change_torch() -> Callable[[], None]:
    import torch

    backends: Any = torch.backends
    wanted: list[tuple[Any, str, object]] = [
        (backends, "fp32_precision", "none"),
        (backends.cuda.matmul, "fp32_precision", "ieee"),
        (backends.mkldnn.matmul, "fp32_precision", "ieee"),
        (backends.mkldnn.conv, "fp32_precision", "ieee"),
        (backends.cudnn.conv, "fp32_precision", "tf32"),
        (backends.mkldnn, "enabled", True),
        (backends.cudnn, "enabled", True),
        (backends.cudnn, "benchmark", False),
    ]
    undo = ExitStack()
    for owner, name, value in wanted:
        before = getattr(owner, name)
        if before != value and (before, value) != ("none", "ieee"):  # which are the same
            setattr(owner, name, value)
            undo.callback(setattr, owner, name, before)
    if torch.get_default_dtype() != torch.float32:
        undo.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
    if torch.is_anomaly_enabled():
        undo.callback(torch.set_anomaly_enabled, True, torch.is_anomaly_check_nan_enabled())
        torch.set_anomaly_enabled(False)
    return undo.close


def _change_blas() -> Callable[[], object]:
    from threadpoolctl import threadpool_limits

    limits: Any = threadpool_limits(1, user_api="blas")
    restore: Callable[[], object] = limits.restore_original_limits
    return restore


_torch_of_process = _Shared(_change_torch)
_blas_of_process = _Shared(_change_blas)
