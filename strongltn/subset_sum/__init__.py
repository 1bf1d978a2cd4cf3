"""Random subset sum: problems, solvers as values, and results that say only what was proved."""

from strongltn.subset_sum.claims import AuditedClaims, audit_claims
from strongltn.subset_sum.covering import (
    CoveringRadius,
    covering_radii,
    covering_radius,
    is_covering,
)
from strongltn.subset_sum.joint import JointResult, solve_jointly
from strongltn.subset_sum.problem import SubsetSumProblem
from strongltn.subset_sum.result import BatchResult, Stop, SubsetSumResult, Verdict
from strongltn.subset_sum.sizes import (
    BatchSizesResult,
    SizesResult,
    solve_sizes,
    solve_sizes_batch,
)
from strongltn.subset_sum.solve import solve, solve_batch, solve_targets
from strongltn.subset_sum.vectors import VectorProblem, VectorResult, solve_vectors

__all__ = [
    "AuditedClaims",
    "BatchResult",
    "BatchSizesResult",
    "CoveringRadius",
    "JointResult",
    "SizesResult",
    "Stop",
    "SubsetSumProblem",
    "SubsetSumResult",
    "VectorProblem",
    "VectorResult",
    "Verdict",
    "audit_claims",
    "covering_radii",
    "covering_radius",
    "is_covering",
    "solve",
    "solve_batch",
    "solve_jointly",
    "solve_sizes",
    "solve_sizes_batch",
    "solve_targets",
    "solve_vectors",
]
