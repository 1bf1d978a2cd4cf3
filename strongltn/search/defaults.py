"""Settings for a method, a data set and a network, where the user names none.

Importing this module imports torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strongltn.models.initialization import Init
from strongltn.search.catalogue import type_named
from strongltn.search.config import SearchConfig
from strongltn.search.edge_popup import EdgePopup, InitialScores, IteRand

#: The network of a data set.
MODEL_OF = {"digits": "digits-fc", "mnist": "lenet-300-100", "cifar10": "conv2"}

#: What a method wants otherwise than `SearchConfig`, whose settings are those of edge-popup.
_SETTINGS: dict[str, dict[str, Any]] = {
    "dense": {"density": 1.0, "init": Init.KAIMING_NORMAL},
    "biprop": {"init": Init.KAIMING_NORMAL},
    "iterand": {"init": Init.KAIMING_NORMAL},
    "learned-supermask": {"learning_rate": 100.0, "weight_decay": 0.0},
}


def settings_of(
    method: str,
    *,
    data: str = "digits",
    model: str | None = None,
    epochs: int = 20,
    seed: int = 0,
    **settings: Any,
) -> SearchConfig:
    """Return a configuration in which what is not given has a value that fits the method.

    Parameters
    ----------
    method
        The name of a method, or "dense": a key of `METHOD_TYPES`.
    data, epochs, seed
        As in `SearchConfig`.
    model
        The network by its name; by default a small one for the data.
    **settings
        Any other setting of `SearchConfig` by its name; None stands for the default.

    Raises
    ------
    InvalidInputError
        A name is unknown or a setting out of range.

    Notes
    -----
    Density 1/2, SGD and cosine as edge-popup was published (`ramanujan2020`); the learning rate of
    the learned supermask as in `zhou2019` (recalled). Networks of `pensia2020` take weight decay
    5e-4, batches of 64, learning rate 0.1 or, for LeNet-5, 0.01.

    Examples
    --------
    >>> config = settings_of("edge-popup", epochs=3)
    >>> config.model, config.density
    ('digits-fc', 0.5)
    """
    value = type_named(method)()
    given = {name: setting for name, setting in settings.items() if setting is not None}
    chosen = {"density": 0.5, **_SETTINGS.get(method, {})}
    model = MODEL_OF.get(data, "digits-fc") if model is None else model
    if model.endswith(("-diamond", "-wide")):
        chosen |= {"init": Init.KAIMING_NORMAL, "weight_decay": 5e-4, "batch_size": 64}
        if model.startswith("lenet-5"):
            chosen |= {"learning_rate": 0.01}
        if model.endswith("-diamond") and isinstance(value, EdgePopup):
            value = replace(value, initial=InitialScores.WEIGHT_SCALE)
    chosen |= given
    if isinstance(value, IteRand):
        value = replace(value, init=chosen["init"])
    return SearchConfig(method=value, model=model, data=data, epochs=epochs, seed=seed, **chosen)
