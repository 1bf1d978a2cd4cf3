r"""The matrix inequality of a relaxation in floats: values, inverses, Newton look-ups.

With the outputs o as further variables (w' Lambda w is the minimum over o of the larger form)
Lambda(theta, tau) is affine in the multipliers and an arrow: the inputs meet one another only on
the diagonal. With Lambda = [[G, V'], [V, H]], Z = Lambda^{-1} follows from the Cholesky factor of
the Schur complement S = H - V G^{-1} V', which is smaller. Each constraint is a sum of products of
two forms, so the Gram matrix of variables and forms under Z holds all that Newton's method needs:
for Q_k = sym(p r') and Q_l = sym(a b'), and with the moment matrix X of the dual,

    tr(Q_k Z) = Z[p,r],
    tr(Q_k X Q_l Z) = (X[r,a] Z[p,b] + X[r,b] Z[p,a] + X[p,a] Z[r,b] + X[p,b] Z[r,a]) / 4.

Nothing here is trusted: `proof.prove` proves the result in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.quadratic.constraints import Family, float_estimates
from strongltn.certify.quadratic.relaxation import Relaxation

Floats = NDArray[np.float64]
_BLOCK = 128  # rows that are looked up together, few enough for the cache


@dataclass(frozen=True, eq=False)
class Arrow:
    """A symmetric matrix [[diag(diagonal), crossed'], [crossed, inner]].

    Attributes
    ----------
    diagonal : float64 (inputs,)
    crossed : float64 (rest, inputs)
    inner : float64 (rest, rest)
    """

    diagonal: Floats
    crossed: Floats
    inner: Floats

    def moved(self, other: Arrow, share: float) -> Arrow:
        """Return the matrix plus `share` times another."""
        return Arrow(
            self.diagonal + share * other.diagonal,
            self.crossed + share * other.crossed,
            self.inner + share * other.inner,
        )

    def dense(self) -> Floats:
        """Return the whole matrix."""
        result: Floats = np.block(
            [[np.diag(self.diagonal), self.crossed.T], [self.crossed, self.inner]]
        )
        return result

    def schur_complement(self) -> Floats:
        """Return what eliminating the inputs leaves; their diagonal must be positive."""
        part = self.crossed / np.sqrt(self.diagonal)
        result: Floats = self.inner - part @ part.T
        return result

    def factor(self) -> Floats | None:
        """Return the Cholesky factor of the Schur complement, None unless positive definite."""
        if not (self.diagonal > 0).all():
            return None
        try:
            return np.asarray(np.linalg.cholesky(self.schur_complement()), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None

    def inverse(self) -> Floats | None:
        """Return the inverse, None unless positive definite."""
        from scipy.linalg.lapack import dpotri

        factor = self.factor()
        if factor is None:
            return None
        upper, _ = dpotri(factor.T, lower=0)
        corner = np.triu(upper) + np.triu(upper, 1).T
        across = self.crossed.T / self.diagonal[:, None]
        beside = across @ corner
        near = beside @ across.T
        near[np.diag_indices(len(near))] += 1 / self.diagonal
        result: Floats = np.block([[near, -beside], [-beside.T, corner]])
        return result

    def after(self, matrix: Floats) -> Floats:
        """Return the product of a dense matrix and this one."""
        m = len(self.diagonal)
        near, far = matrix[:, :m], matrix[:, m:]
        result = np.empty_like(matrix)
        np.multiply(near, self.diagonal, out=result[:, :m])
        result[:, :m] += far @ self.crossed
        result[:, m:] = near @ self.crossed.T + far @ self.inner
        return result

    def inner_product(self, matrix: Floats) -> float:
        """Return the sum of the products of all entries with those of a symmetric matrix."""
        m = len(self.diagonal)
        total = self.diagonal @ np.diagonal(matrix)[:m] + np.vdot(self.inner, matrix[m:, m:])
        return float(total + 2 * np.vdot(self.crossed, matrix[m:, :m]))

    def divided(self, matrix: Floats, *, corner: Floats) -> Floats:
        """Return the product of a dense matrix and the inverse, whose last block is `corner`."""
        m = len(self.diagonal)
        result = np.empty_like(matrix)
        far = (matrix[:, m:] - (matrix[:, :m] / self.diagonal) @ self.crossed.T) @ corner
        result[:, m:] = far
        result[:, :m] = (matrix[:, :m] - far @ self.crossed) / self.diagonal
        return result


class MatrixInequality:
    """Lambda over the parameters (theta, tau).

    Attributes
    ----------
    relaxation : Relaxation
    slices : dict from the name of a family to its part of the parameters
    penalty : float64 (parameters,)
        Cost of a negative multiplier; 0 for equalities, inequalities and tau.
    is_signed : bool (parameters,)
        Inequalities, whose multipliers stay positive.
    """

    def __init__(self, relaxation: Relaxation) -> None:
        from scipy.sparse import csr_array

        self.relaxation = relaxation
        self.num_inputs = relaxation.num_inputs
        self.forms = float_estimates(relaxation.forms)
        self.columns = np.flatnonzero(self.forms.any(axis=0))
        self.narrow = np.ascontiguousarray(self.forms[:, self.columns])
        self.output = float_estimates(relaxation.output)
        size = relaxation.num_variables
        self.size = size + len(self.output)
        num = size + len(self.forms)
        self.slices: dict[str, slice] = {}
        owners, keys, weights, penalties = [], [], [], []
        total = 0
        for family in relaxation.families:
            self.slices[family.name] = slice(total, total + family.size)
            for term in family.terms:
                low, high = np.minimum(term.left, term.right), np.maximum(term.left, term.right)
                owners.append(term.owner + total)
                keys.append(low * num + high)
                weights.append(float_estimates(term.coefficient))
            penalties.append(_penalties(family))
            total += family.size
        owners.append(np.array([total]))
        keys.append(np.array([(size - 1) * num + size - 1]))
        weights.append(-np.ones(1))
        unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        self.left, self.right = unique // num, unique % num
        entries = (np.concatenate(weights), (inverse, np.concatenate(owners)))
        self.map = csr_array(entries, shape=(len(unique), total + 1))
        penalty = np.concatenate([*penalties, [0.0]])
        self.is_signed = np.isinf(penalty)
        self.penalty = np.where(self.is_signed, 0.0, penalty)
        self.num_parameters = total + 1
        self.constant = self._constant()

    def _constant(self) -> Arrow:
        """Return the part that no parameter changes: -output beside the identity."""
        m, outputs = self.num_inputs, len(self.output)
        inner = np.eye(self.size - m)
        inner[-outputs:, :-outputs] = -self.output[:, m:]
        inner[:-outputs, -outputs:] = -self.output[:, m:].T
        crossed = np.zeros((self.size - m, m))
        crossed[-outputs:] = -self.output[:, :m]
        inner[:-outputs, :-outputs] = 0
        return Arrow(np.zeros(m), crossed, inner)

    def reach(self) -> Floats:
        """Return about the largest sum of absolute products of every parameter's constraint."""
        sizes = self.relaxation.sizes
        sizes = np.concatenate([sizes, np.abs(self.forms) @ sizes])
        result: Floats = abs(self.map).T @ (sizes[self.left] * sizes[self.right])
        return result

    def change(self, parameters: Floats) -> Arrow:
        """Return the part of Lambda that is linear in the parameters."""
        return self._products(-(self.map @ parameters))

    def matrix(self, parameters: Floats) -> Arrow:
        """Return Lambda."""
        return self.change(parameters).moved(self.constant, 1.0)

    def _products(self, weights: Floats) -> Arrow:
        """Return the symmetric matrix of sum weights * w[left] * form[right]."""
        from scipy.sparse import csr_array

        m, size, rest = self.num_inputs, self.relaxation.num_variables, self.size - self.num_inputs
        left, right = self.left, self.right
        diagonal = np.zeros(m)
        is_square = (left < m) & (left == right)
        diagonal[left[is_square]] = weights[is_square]
        is_plain = (right < size) & ~is_square
        # of an input and another variable the input is on the left, as the lesser index
        is_mixed = is_plain & (left < m)
        plain = is_plain & (left >= m)
        crossed = np.zeros((rest, m))
        crossed[right[is_mixed] - m, left[is_mixed]] = weights[is_mixed] / 2
        inner = np.zeros((rest, rest))
        inner[left[plain] - m, right[plain] - m] = weights[plain]
        has_form = right >= size
        where = (left[has_form] - m, right[has_form] - size)
        spread = csr_array((weights[has_form], where), shape=(size - m, len(self.forms)))
        crossed[: size - m] += spread @ (self.forms[:, :m] / 2)
        inner[: size - m, : size - m] += spread @ self.forms[:, m:]
        return Arrow(diagonal, crossed, (inner + inner.T) / 2)

    def gram(self, matrix: Floats) -> Floats:
        """Return the products of all variables and forms under a symmetric matrix."""
        size = self.relaxation.num_variables
        matrix = matrix[:size, :size]
        crossed = self.narrow @ matrix[self.columns]
        corner = crossed[:, self.columns] @ self.narrow.T
        result: Floats = np.block([[matrix, crossed.T], [crossed, corner]])
        return result

    def traces(self, matrix: Floats) -> Floats:
        """Return tr(Q A) for every parameter and a symmetric matrix A."""
        m, size = self.num_inputs, self.relaxation.num_variables
        has_form = self.right >= size
        with_forms = matrix[m:size, self.columns] @ self.narrow.T
        values = np.empty(len(self.left))
        plain = ~has_form
        values[plain] = matrix[self.left[plain], self.right[plain]]
        where = self.left[has_form] - m, self.right[has_form] - size
        values[has_form] = with_forms[where]
        result: Floats = self.map.T @ values
        return result

    def newton_matrix(self, moments: Floats, inverse: Floats) -> Floats:
        """Return tr(Q_k X Q_l Z) for all parameters, from the two Gram matrices."""
        left, right = self.left, self.right
        half = np.empty((len(left), self.num_parameters))
        for start in range(0, len(left), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = np.zeros((len(left[part]), len(left)))
            for one, other in ((moments, inverse), (inverse, moments)):
                near, far = one[left[part]], other[right[part]]
                block += near.take(left, axis=1) * far.take(right, axis=1)
                block += near.take(right, axis=1) * far.take(left, axis=1)
            half[part] = (self.map.T @ block.T).T
        result: Floats = self.map.T @ half
        result /= 4
        return result


def _penalties(family: Family) -> Any:
    if family.penalty is None:
        return np.full(family.size, np.inf)
    return float_estimates(family.penalty)
