"""A value for every setting of a search but model and epochs, none of them a default."""

from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.search.methods.edge_popup import EdgePopup
from strongltn.training.config import Precision

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
