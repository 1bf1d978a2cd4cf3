"""One file per algorithm; each solver is a frozen dataclass."""

from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate, CandidateBatch
from strongltn.subset_sum.solvers.brute_force import BruteForce
from strongltn.subset_sum.solvers.growing_prefix import GrowingPrefix
from strongltn.subset_sum.solvers.ilp import IntegerProgram, Objective
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle
from strongltn.subset_sum.solvers.single_weight import SingleWeight

__all__ = [
    "AbstractSolver",
    "BruteForce",
    "Candidate",
    "CandidateBatch",
    "GrowingPrefix",
    "IntegerProgram",
    "MeetInTheMiddle",
    "Objective",
    "SingleWeight",
]
