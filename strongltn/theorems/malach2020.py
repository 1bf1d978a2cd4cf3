"""Malach, Yehudai, Shalev-Shwartz and Shamir 2020: one weight from the nearest single product.

The paper's sample size is of order 1/epsilon^2 with a constant that is not explicit; here is the
exact probability that its construction succeeds at one weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strongltn.rng import WeightLaw
from strongltn.subset_sum.laws import product_cdf


def failure_probability(
    targets: NDArray[np.float64], tolerance: float, *, num_samples: int, law: WeightLaw
) -> NDArray[np.float64]:
    r"""Return the probability that no single product is within tolerance of each target.

    .. math:: (1 - [F(w + \tau) - F(w - \tau)])^n, \quad F(t) = P(ab \le t).

    Parameters
    ----------
    targets : float64, any shape
        Target weights w.
    tolerance : float > 0
    num_samples : int >= 1
        Independent products n.
    law : WeightLaw
        Of the source.

    Returns
    -------
    float64, the shape of `targets`, in [0, 1]

    Notes
    -----
    Rigor: exact formula for the continuous law, in float64. Cost: O(1) a target. Randomness: none.

    Source
    ------
    The construction: Malach et al. 2020 (arXiv 2002.00585). The formula is elementary.

    Examples
    --------
    >>> p = failure_probability(np.array([0.25]), 0.01, num_samples=100,
    ...                         law=WeightLaw.SIGNED_CONSTANT)
    >>> bool(np.isclose(p[0], 0.99**100))
    True
    """
    success = product_cdf(law, targets + tolerance) - product_cdf(law, targets - tolerance)
    return np.asarray((1.0 - success) ** num_samples)
