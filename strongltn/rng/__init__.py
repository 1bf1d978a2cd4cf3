"""Named, independent, counter-based streams and dyadic draws from them.

``stream_key`` derives a key from a seed and a name; `WeightLaw` draws the integer at any address of
a stream on its own. Nothing here has state.
"""

from strongltn.rng.laws import GRID_EXPONENT, LawWord, WeightLaw, draw_entries
from strongltn.rng.streams import checked_seed, named_generator, stream_key

__all__ = [
    "GRID_EXPONENT",
    "LawWord",
    "WeightLaw",
    "checked_seed",
    "draw_entries",
    "named_generator",
    "stream_key",
]
