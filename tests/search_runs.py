"""Searches that tests share: settings of which none is a default, and runs that are broken off."""

import pytest

from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.search.methods.edge_popup import EdgePopup
from strongltn.training.config import Precision
from strongltn.training.run import run

UNUSUAL = {
    "method": EdgePopup(by_magnitude=False),
    "data": "mnist",
    "density": 0.25,
    "seed": 1,
    "batch_size": 32,
    "learning_rate": 0.2,
    "momentum": 0.5,
    "weight_decay": 0.0,
    "init": Init.SCALED,
    "scope": Scope.GLOBAL,
    "schedule": Schedule.CUBIC,
    "precision": Precision.BFLOAT16,
}


class Stopped(Exception):
    """An interruption that a test makes."""


def stopped_after(num_epochs, config, directory, **options):
    """Run a search up to the middle of the epoch after these, and return its directory."""

    def progress(stage, done, total):
        if done == num_epochs * total // config.epochs + 1:
            raise Stopped

    with pytest.raises(Stopped):
        run(config, directory, progress=progress, **options)
    return directory
