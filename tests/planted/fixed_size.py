"""Plants in what is reported of subsets of one size."""

from __future__ import annotations

from planted.error import PlantedError, edited


def _plant(name: str, old: str, new: str, what: str, *, is_small: bool = False) -> PlantedError:
    return PlantedError("C19", what, "fixed_size", name, edited(old, new), is_small=is_small)


PLANTS = (
    _plant(
        "covering_radii",
        "[np.abs(middles) <= end] / 2",
        "[np.abs(middles) <= end]",
        "the whole gap between two sums is taken instead of half of it",
    ),
    _plant(
        "covering_radii",
        "max([*edges, halves.max(initial=0.0)])",
        "max(edges)",
        "only the ends of the range of targets are looked at",
    ),
    _plant(
        "covering_radii",
        "[*edges, halves.max(initial=0.0)]",
        "[halves.max(initial=0.0)]",
        "the ends of the range of targets are not looked at",
    ),
    _plant(
        "covering_radii",
        "sizes == size",
        "sizes == size - 1",
        "the subsets have one element less",
        is_small=True,
    ),
    _plant(
        "covering_radii",
        "np.sqrt(size)",
        "0.95 * np.sqrt(size)",
        "the targets end at 0.95 sqrt k",
        is_small=True,
    ),
    _plant(
        "least_tolerance",
        "np.arange(1, len(radii) + 1)",
        "np.arange(len(radii))",
        "one radius more must be small",
        is_small=True,
    ),
    _plant(
        "amplification",
        "- (1 - fraction) * log2(1 - fraction)",
        "",
        "the entropy is half of the binary entropy",
    ),
    _plant(
        "amplification",
        "size / tolerance",
        "size / (1.1 * tolerance)",
        "the tolerance is 1.1 times as large",
        is_small=True,
    ),
)
