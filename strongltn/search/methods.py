"""All methods, by the names that the command line takes."""

from __future__ import annotations

from strongltn.errors import unknown_word
from strongltn.search.edge_popup import Biprop, EdgePopup, InitialScores, IteRand
from strongltn.search.method import AbstractMethod
from strongltn.search.supermasks import GemMiner, LearnedSupermask, SignedSupermask

__all__ = [
    "METHODS",
    "AbstractMethod",
    "Biprop",
    "EdgePopup",
    "GemMiner",
    "InitialScores",
    "IteRand",
    "LearnedSupermask",
    "SignedSupermask",
    "method_named",
]

#: The methods by the names that the command line takes.
METHODS: dict[str, type[AbstractMethod]] = {
    "edge-popup": EdgePopup,
    "biprop": Biprop,
    "iterand": IteRand,
    "learned-supermask": LearnedSupermask,
    "signed-supermask": SignedSupermask,
    "gem-miner": GemMiner,
}


def method_named(name: str) -> AbstractMethod:
    """Return a method with its default settings.

    Raises
    ------
    InvalidInputError
        No such method.
    """
    if name not in METHODS:
        raise unknown_word("method", got=name, known=METHODS)
    return METHODS[name]()
