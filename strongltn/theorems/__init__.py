"""PROMISE: what is true of almost every draw, with explicit constants. Nothing here builds.

Names are imported when they are first used.

Asking
    `CoverQuestion` (all targets of an interval), `NetworkQuestion` (whole networks)
Theorems
    `theorem_named`, `cover_theorems`, `network_theorems`
What they are and answer
    `Theorem`, `Assumption`, `Promise`, `Status`

Examples
--------
>>> from strongltn.theorems import CoverQuestion, theorem_named
>>> theorem = theorem_named("Lueker1998.Theorem2_4")
>>> theorem.key
'Lueker1998.Theorem2_4'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongltn.values.lazy import lazy_names

_HOMES = {
    "Assumption": "strongltn.theorems.theorem",
    "CoverQuestion": "strongltn.theorems.question",
    "NetworkQuestion": "strongltn.theorems.question",
    "Promise": "strongltn.theorems.theorem",
    "Status": "strongltn.theorems.theorem",
    "Theorem": "strongltn.theorems.theorem",
    "cover_theorems": "strongltn.theorems.catalogue",
    "network_theorems": "strongltn.theorems.catalogue",
    "theorem_named": "strongltn.theorems.catalogue",
}

if TYPE_CHECKING:
    from strongltn.theorems.catalogue import cover_theorems, network_theorems, theorem_named
    from strongltn.theorems.question import CoverQuestion, NetworkQuestion
    from strongltn.theorems.theorem import Assumption, Promise, Status, Theorem
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)

__all__ = [
    "Assumption",
    "CoverQuestion",
    "NetworkQuestion",
    "Promise",
    "Status",
    "Theorem",
    "cover_theorems",
    "network_theorems",
    "theorem_named",
]
