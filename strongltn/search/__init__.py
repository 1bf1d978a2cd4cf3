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

from typing import TYPE_CHECKING

from strongltn.values.lazy import lazy_names

_HOMES = {
    "Biprop": "strongltn.search.methods.edge_popup",
    "EdgePopup": "strongltn.search.methods.edge_popup",
    "GemMiner": "strongltn.search.methods.supermasks",
    "Init": "strongltn.models.initialization",
    "IteRand": "strongltn.search.methods.edge_popup",
    "LearnedSupermask": "strongltn.search.methods.supermasks",
    "Scope": "strongltn.models.density",
    "ScoreSGD": "strongltn.search.descent",
    "SearchConfig": "strongltn.search.config",
    "SearchHandle": "strongltn.search.handle",
    "SearchResult": "strongltn.training.result",
    "SignedSupermask": "strongltn.search.methods.supermasks",
    "attach": "strongltn.search.handle",
    "initialize": "strongltn.models.initialization",
    "run": "strongltn.training.run",
    "run_many": "strongltn.training.many",
    "settings_of": "strongltn.search.config",
}

if TYPE_CHECKING:
    from strongltn.models.density import Scope
    from strongltn.models.initialization import Init, initialize
    from strongltn.search.config import SearchConfig, settings_of
    from strongltn.search.descent import ScoreSGD
    from strongltn.search.handle import SearchHandle, attach
    from strongltn.search.methods.edge_popup import Biprop, EdgePopup, IteRand
    from strongltn.search.methods.supermasks import GemMiner, LearnedSupermask, SignedSupermask
    from strongltn.training.many import run_many
    from strongltn.training.result import SearchResult
    from strongltn.training.run import run
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)

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
