"""Solvers as values: one file an algorithm, each a frozen dataclass with its settings.

To add one, write a file here with a class derived from `AbstractSolver` or `AbstractRowSolver`:
`find.find_solvers` and the tests of the contract find it. The names below are the public ones.
"""

from strongltn.subset_sum.solvers.abstract import (
    AbstractRowSolver,
    AbstractSolver,
    Candidate,
    CandidateBatch,
)
from strongltn.subset_sum.solvers.brute_force import BruteForce
from strongltn.subset_sum.solvers.cp_sat import ConstraintProgram
from strongltn.subset_sum.solvers.fixed_size import FixedSize
from strongltn.subset_sum.solvers.greedy import GreedyGeometric
from strongltn.subset_sum.solvers.growing_prefix import GrowingPrefix
from strongltn.subset_sum.solvers.ilp import IntegerProgram
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle
from strongltn.subset_sum.solvers.program import Objective
from strongltn.subset_sum.solvers.schroeppel_shamir import SchroeppelShamir
from strongltn.subset_sum.solvers.single_weight import SingleWeight
from strongltn.subset_sum.solvers.sparsest import Sparsest
from strongltn.subset_sum.solvers.within_tolerance import WithinTolerance

__all__ = [
    "AbstractRowSolver",
    "AbstractSolver",
    "BruteForce",
    "Candidate",
    "CandidateBatch",
    "ConstraintProgram",
    "FixedSize",
    "GreedyGeometric",
    "GrowingPrefix",
    "IntegerProgram",
    "MeetInTheMiddle",
    "Objective",
    "SchroeppelShamir",
    "SingleWeight",
    "Sparsest",
    "WithinTolerance",
]
