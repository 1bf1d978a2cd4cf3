"""The batch search on one GPU: first the same bits as on the CPU, then instances per second.

Run as ``python -m experiments.bench.gpu_subset_sum``; prints one JSON record. Needs NumPy, numba,
torch and Triton. ``--smoke`` runs everything at a tiny size, without a GPU in Triton's interpreter:
then nothing in the record is a measurement.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, RowGrid
from strongltn.rng import GRID_EXPONENT, WeightLaw, draw_entries, stream_key
from strongltn.subset_sum.gpu import SourcePair, available_devices, masks_on, search_batch
from strongltn.subset_sum.integer_units import mask_of, quarter_targets
from strongltn.subset_sum.solvers import MeetInTheMiddle
from strongltn.values.json_text import json_text

if TYPE_CHECKING:
    import torch

BILLION = 10**9
LAUNCHES: list[tuple[int, ...]] = [
    (8, 80),
    (8, 128),
    (16, 96),
    (16, 128),
    (16, 168),
    (32, 128),
    (32, 255),
]


@dataclass(frozen=True)
class Sizes:
    """How much is run."""

    num_samples: int = 21
    agreement: int = 100_000
    agreement_elsewhere: int = 2_000
    sizes_elsewhere: tuple[int, ...] = (1, 2, 7, 12, 16, 24, 26)
    instances: int = 397_000
    many: int = 100_000_000
    chunk: int = 2**24
    repeats: int = 7
    launches: int = len(LAUNCHES)


SMOKE = Sizes(6, 4, 3, (1, 2), 4, 10, 4, 1, 1)


def main() -> None:
    """Print the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes; no GPU needed")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    if arguments.smoke:
        os.environ["TRITON_INTERPRET"] = "1"
    import torch
    import triton

    device = "cpu" if arguments.smoke else arguments.device
    if device not in available_devices():
        parser.error(f"no device {device} here: not measured (--smoke runs without one)")
    sizes = SMOKE if arguments.smoke else Sizes()
    record: dict[str, Any] = {
        "is_measured": not arguments.smoke,
        "device": torch.cuda.get_device_name(device) if device != "cpu" else platform.machine(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "python": platform.python_version(),
        "sizes": asdict(sizes),
        "disagreements": disagreements(sizes, device),
    }
    seconds = timings(sizes, device)
    record["seconds"] = "not measured" if arguments.smoke else seconds
    print(json_text(record, indent=2))


def disagreements(sizes: Sizes, device: str) -> dict[str, int]:
    """Return the number of masks that differ from those of the CPU, by family; all must be 0."""
    from strongltn.subset_sum.gpu import torch_path, triton_path

    found = {}
    for family, draw in FAMILIES.items():
        for num_samples in (sizes.num_samples, *sizes.sizes_elsewhere):
            is_main = num_samples == sizes.num_samples
            num_rows = sizes.agreement if is_main else sizes.agreement_elsewhere
            samples, targets = draw(num_rows, num_samples)
            expected = MeetInTheMiddle().search_batch(samples, targets, None).mask
            for path in (triton_path, torch_path):
                mask = masks_on(samples, targets, device=device, choose=path.choose_subsets)
                name = (
                    f"{path.__name__.split('.')[-1]}, {family}, n = {num_samples}, m = {num_rows}"
                )
                found[name] = num_different(mask, expected)
    for family, pair in pairs(sizes.num_samples).items():
        targets = uniform_targets(sizes.agreement)
        goals = on_device(pair.goals(targets), device)
        chosen = triton_path.choose_drawn(pair, goals, first_instance=12_345).cpu().numpy()
        samples = drawn_samples(pair, 12_345 + np.arange(sizes.agreement))
        expected = MeetInTheMiddle().search_batch(samples, targets, None).mask
        name = f"drawn, {family}, n = {pair.num_samples}, m = {sizes.agreement}"
        found[name] = num_different(mask_of(chosen, pair.num_samples), expected)
    return found


def timings(sizes: Sizes, device: str) -> dict[str, Any]:
    """Return medians of seconds, transfers and compilation left out unless it says otherwise."""
    from strongltn.subset_sum.gpu import torch_path, triton_path

    targets = uniform_targets(sizes.instances)
    seconds: dict[str, Any] = {}
    for family, pair in pairs(sizes.num_samples).items():
        goals = on_device(pair.goals(targets), device)
        launches = LAUNCHES[: sizes.launches] if pair.group else [()]
        for settings in launches:
            launch = triton_path.Launch(*settings)
            name = f"{sizes.instances} drawn, {family}, {launch}"
            seconds[name] = median_seconds(
                triton_path.choose_drawn,
                pair,
                goals,
                first_instance=0,
                launch=launch,
                repeats=sizes.repeats,
            )
    for family, draw in FAMILIES.items():
        samples, row_targets = draw(sizes.instances, sizes.num_samples)
        grid = RowGrid.of(samples)
        goals = on_device(quarter_targets(grid, row_targets), device)
        rows = on_device(4 * grid.numerators, device)
        for path in (triton_path, torch_path):
            name = f"{sizes.instances} from memory, {family}, {path.__name__.split('.')[-1]}"
            seconds[name] = median_seconds(path.choose_subsets, rows, goals, repeats=sizes.repeats)
        if device != "cpu":
            name = f"{sizes.instances} {family}, search_batch, transfers and all"
            began = time.perf_counter()
            search_batch(samples, row_targets, device=device)
            seconds[name] = time.perf_counter() - began
    for family, pair in pairs(sizes.num_samples).items():
        used = many_seconds(pair, sizes, device)
        seconds[f"{sizes.many} drawn, {family}"] = used
        seconds[f"{BILLION} drawn, {family}, extrapolated"] = used * BILLION / sizes.many
    return seconds


def many_seconds(pair: SourcePair, sizes: Sizes, device: str) -> float:
    """Return the seconds for `sizes.many` instances in chunks, the answers brought to the CPU."""
    from strongltn.subset_sum.gpu import triton_path

    goals = on_device(pair.goals(uniform_targets(sizes.chunk)), device)
    triton_path.choose_drawn(pair, goals[:1], first_instance=0)
    began = time.perf_counter()
    for first in range(0, sizes.many, sizes.chunk):
        count = min(sizes.chunk, sizes.many - first)
        triton_path.choose_drawn(pair, goals[:count], first_instance=first).cpu()
    return time.perf_counter() - began


def median_seconds(run: Callable[..., Any], *arguments: Any, repeats: int, **options: Any) -> float:
    """Return the median of the seconds of a call, after one call that compiles."""
    import torch

    used = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        run(*arguments, **options)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        used.append(time.perf_counter() - began)
    return statistics.median(used[1:])


def pairs(num_samples: int) -> dict[str, SourcePair]:
    """Return a pair with ReLUs, of about the width that a plan gives it, and a linear one."""
    key = stream_key(1, name="source")
    with_signs = SourcePair(
        WeightLaw.UNIFORM, key, 0, 784, 5 * num_samples, num_samples, group=1, shares_hidden=True
    )
    return {
        "one sign": with_signs,
        "both signs": replace(with_signs, block_width=num_samples, group=0),
    }


def uniform_targets(num_targets: int) -> FloatArray:
    """Return targets in the window of the theorems, off the grid of the samples."""
    return np.random.default_rng(2).uniform(-0.5, 0.5, num_targets)


def uniform_rows(num_rows: int, num_samples: int) -> tuple[FloatArray, FloatArray]:
    """Return samples of the uniform law: 32-bit keys."""
    rng = np.random.default_rng([3, num_samples])
    numerators = 2 * rng.integers(-(2**23), 2**23, (num_rows, num_samples)) + 1
    samples: FloatArray = np.ldexp(numerators.astype(np.float64), GRID_EXPONENT)
    return samples, uniform_targets(num_rows)


def product_rows(num_rows: int, num_samples: int) -> tuple[FloatArray, FloatArray]:
    """Return products of two samples of the uniform law: 64-bit keys."""
    factors, targets = uniform_rows(num_rows, 2 * num_samples)
    return factors[:, :num_samples] * factors[:, num_samples:], targets


def tied_rows(num_rows: int, num_samples: int) -> tuple[FloatArray, FloatArray]:
    """Return samples of few values: sums tie all over."""
    rng = np.random.default_rng([4, num_samples])
    samples = rng.integers(-3, 4, (num_rows, num_samples)) / 4
    return samples, rng.integers(-40, 41, num_rows) / 8


FAMILIES = {"uniform": uniform_rows, "products": product_rows, "ties": tied_rows}


def drawn_samples(pair: SourcePair, instances: np.ndarray[Any, Any]) -> FloatArray:
    """Return the samples of instances of `pair`, drawn on the CPU."""
    outputs, columns = np.divmod(instances, pair.num_columns)
    blocks = columns if pair.shares_hidden else instances
    hidden = blocks[:, None] * pair.block_width + np.arange(pair.block_width)

    def entries(law: WeightLaw, layer: int, rows: Any, columns: Any) -> np.ndarray[Any, Any]:
        addresses = [np.broadcast_to(x, hidden.shape).ravel() for x in (rows, columns)]
        drawn = draw_entries(law, *addresses, key=pair.key, layer=layer)
        return drawn.reshape(hidden.shape).astype(np.int64)

    first = entries(pair.law.first, 2 * pair.pair, hidden, columns[:, None])
    second = entries(pair.law.second, 2 * pair.pair + 1, outputs[:, None], hidden)
    if pair.group == 0:
        products = first * second
    else:
        is_member = (first > 0) == (pair.group > 0)
        order = np.argsort(~is_member, axis=1, kind="stable")
        products = np.where(is_member, np.abs(first) * second, 0)
        products = np.take_along_axis(products, order, axis=1)
    samples: FloatArray = np.ldexp(
        products[:, : pair.num_samples].astype(np.float64), 2 * GRID_EXPONENT
    )
    return samples


def num_different(mask: BoolArray, expected: BoolArray) -> int:
    """Return on how many rows two masks differ."""
    return int((mask != expected).any(axis=1).sum())


def on_device(array: np.ndarray[Any, Any], device: str) -> torch.Tensor:
    """Return a NumPy array as a tensor on a device."""
    import torch

    return torch.from_numpy(array).to(device)


if __name__ == "__main__":
    main()
