"""Search: masks found by training scores over a random network that stays as it was drawn.

Names are imported when they are first used, because some need torch.

Methods
    `EdgePopup`, `Biprop`, `IteRand`, `LearnedSupermask`, `SignedSupermask`, `GemMiner`
Driving one
    `Init`, `initialize`, `attach`, `Scope`, `SearchHandle`, `ScoreSGD`
Whole runs
    `settings_of`, `SearchConfig`, `run`, `run_many`, `SearchResult`
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Biprop": "strongltn.search.methods",
    "EdgePopup": "strongltn.search.methods",
    "GemMiner": "strongltn.search.methods",
    "Init": "strongltn.search.initialization",
    "IteRand": "strongltn.search.methods",
    "LearnedSupermask": "strongltn.search.methods",
    "Scope": "strongltn.search.choices",
    "ScoreSGD": "strongltn.search.descent",
    "SearchConfig": "strongltn.search.config",
    "SearchHandle": "strongltn.search.handle",
    "SearchResult": "strongltn.search.result",
    "SignedSupermask": "strongltn.search.methods",
    "attach": "strongltn.search.handle",
    "initialize": "strongltn.search.initialization",
    "run": "strongltn.search.experiment",
    "run_many": "strongltn.search.many",
    "settings_of": "strongltn.search.settings",
}

__all__ = [
    "Biprop",
    "EdgePopup",
    "GemMiner",
    "Init",
    "IteRand",
    "LearnedSupermask",
    "Scope",
    "ScoreSGD",
    "SearchConfig",
    "SearchHandle",
    "SearchResult",
    "SignedSupermask",
    "attach",
    "initialize",
    "run",
    "run_many",
    "settings_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
