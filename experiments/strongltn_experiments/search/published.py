"""Published accuracies that the recipes of the searches draw beside their own."""

from __future__ import annotations

from strongltn.recipes.recipe import Row

PENSIA_SOURCE = "pensia2020, experiment 2: figures of the authors' repository"
PENSIA_PRECISION = "read off a plot, +-1"

#: Fractions pruned; the authors' scripts begin with 0, which their figures do not show.
PENSIA_PRUNED = (0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.98, 0.99)

#: Accuracy on MNIST in percent, by network and form, at each fraction pruned.
PENSIA_ACCURACY: dict[str, dict[str, tuple[float, ...]]] = {
    "fc2": {
        "linear": (12, 12, 12, 37, 96, 97.5, 98, 98, 96, 89, 75, 70, 39),
        "relu": (6, 9, 9, 67, 97, 97, 97, 93, 79, 57, 29, 23, 18),
        "wide": (22, 38, 47, 83, 98, 98, 98.5, 98, 97.5, 96, 93, 92, 88),
    },
    "fc4": {
        "linear": (10, 17, 24, 65, 92, 97.5, 98, 98, 97, 94, 73, 55, 10),
        "relu": (15, 21, 32, 88, 97, 97.5, 98, 96, 82, 44, 12, 12, 10),
        "wide": (33, 71, 82, 95, 99, 99, 99, 99, 99, 99, 98, 97, 89),
    },
    "lenet-5": {
        "linear": (10, 15, 15, 92, 98, 98, 98, 97, 88, 57, 10, 10, 10),
        "relu": (13, 25, 74, 96, 97, 97, 95, 73, 25, 14, 10, 10, 10),
        "wide": (11, 31, 40, 56, 95, 97.5, 98, 97, 93, 84, 63, 52, 31),
    },
}

#: Accuracy of the trained dense network, in percent.
PENSIA_DENSE = {"fc2": 98.6, "fc4": 98.8, "lenet-5": 98.4}


#: What the authors' logs say after the last epoch, by network: (form, fraction pruned, epochs,
#: percent). Those that were read; each is one run.
PENSIA_LOGS: dict[str, tuple[tuple[str, float, int, float], ...]] = {
    "fc2": (
        ("linear", 0.1, 5, 96.77),
        ("linear", 0.5, 5, 97.21),
        ("linear", 0.9, 5, 94.42),
        ("linear", 0.9, 30, 93.70),
        ("linear", 0.95, 30, 86.73),
        ("relu", 0.1, 5, 95.82),
        ("relu", 0.5, 5, 95.99),
        ("wide", 0.025, 5, 67.73),
        ("wide", 0.1, 5, 97.15),
        ("wide", 0.1, 30, 80.70),
        ("wide", 0.9, 30, 97.17),
        ("wide", 0.95, 5, 93.67),
        ("wide", 0.99, 5, 87.55),
    ),
    "fc4": (
        ("linear", 0.1, 5, 94.91),
        ("wide", 0.1, 5, 98.11),
        ("wide", 0.1, 30, 94.33),
    ),
    "lenet-5": (
        ("linear", 0.1, 20, 96.89),
        ("linear", 0.5, 20, 96.98),
        ("linear", 0.95, 20, 16.25),
        ("linear", 0.95, 150, 51.14),
        ("relu", 0.025, 20, 73.75),
        ("relu", 0.025, 30, 32.30),
        ("relu", 0.025, 50, 14.13),
        ("wide", 0.025, 20, 40.07),
        ("wide", 0.05, 20, 55.54),
        ("wide", 0.5, 20, 94.90),
        ("wide", 0.5, 150, 97.61),
        ("wide", 0.75, 20, 93.37),
        ("wide", 0.9, 20, 88.03),
    ),
}


def pensia_published(network: str) -> tuple[Row, ...]:
    """Return the published curves of one network."""
    what = {"data": "mnist", "source": PENSIA_SOURCE, "precision": PENSIA_PRECISION}
    curves = [
        {
            "form": form,
            "fraction_pruned": list(PENSIA_PRUNED),
            "accuracy_percent": list(accuracy),
            **what,
        }
        for form, accuracy in PENSIA_ACCURACY[network].items()
    ]
    return *curves, {"form": "dense", "accuracy_percent": PENSIA_DENSE[network], **what}


#: Of LeNet-300-100 on MNIST; Zhou et al. give no density for theirs.
MNIST_SUPERMASKS: tuple[Row, ...] = (
    {
        "method": "signed-supermask",
        "data": "mnist",
        "density": 0.0377,
        "accuracy_percent": 97.48,
        "source": "koster2022 (recalled)",
    },
)
