"""Random subset sum: problems, solvers as values, and results that say only what was proved."""

from strongltn.subset_sum.problem import SubsetSumProblem
from strongltn.subset_sum.result import BatchResult, Stop, SubsetSumResult, Verdict
from strongltn.subset_sum.solve import solve, solve_batch, solve_targets

__all__ = [
    "BatchResult",
    "Stop",
    "SubsetSumProblem",
    "SubsetSumResult",
    "Verdict",
    "solve",
    "solve_batch",
    "solve_targets",
]
