"""Otsuka et al. 2025: attention; constant not explicit, no dependence on the sequence length."""

from __future__ import annotations

from flint import arb

from strongltn.rng import WeightLaw
from strongltn.theorems.assumptions import (
    CHANCE_OF_EPSILON,
    DENSE,
    NETWORK,
    POSITIVE_CONSTANT,
    given,
    weights_follow,
)
from strongltn.theorems.certified import ball, ceiling
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.theorem import (
    NOT_EXPLICIT,
    Assumption,
    Promise,
    Status,
    Theorem,
    open_constant,
)


def _promise(question: NetworkQuestion) -> Promise:
    formula = (
        "n_K = d1 C ln(8 H a^3 d1^(3/2) / eps), n_V = d1 C ln(2 H a d1 sqrt(d2) / eps) for H heads "
        "and inputs of norm at most a"
    )
    constant, heads, norm = question.constant, question.num_heads, question.input_norm
    if constant is None or heads is None or norm is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    d1, d2 = question.widths
    scale = heads * norm / question.epsilon

    def key() -> arb:
        return ball(constant) * (ball(8 * scale * norm**2 * d1) * ball(d1).sqrt()).log()

    def value() -> arb:
        return ball(constant) * (ball(2 * scale * d1) * ball(d2).sqrt()).log()

    per_key, per_value = ceiling(key), ceiling(value)
    n_key, n_value = d1 * per_key, d1 * per_value
    return Promise(
        num_samples=max(per_key, per_value),
        widths=(d1, n_key, n_value, d2),
        num_parameters=heads * (2 * d1 * n_key + d1 * n_value + n_value * d2),
        failure_probability=question.epsilon,
        source_law="queries and keys uniform up to n_K^(1/4), values and outputs up to 1",
        constants=open_constant(constant),
        notes=(formula, "widths: inputs, keys and values of one head, outputs"),
    )


_ATTENTION = (
    Condition(
        About.TARGETS,
        "one layer of attention with H heads from d1 to d2 coordinates, softmax, without biases "
        "and without normalisation layers",
    ),
    Condition(
        About.TARGETS,
        "the projections of queries, keys, values and outputs have spectral norm at most 1",
    ),
    Condition(
        About.INPUTS,
        "all sequences, of any length, of vectors of Euclidean norm at most the input norm",
    ),
    Condition(
        About.DISTANCE,
        "sup over these sequences of the norm of f(x) - g(x) as the paper measures it, at most "
        "epsilon",
    ),
    Condition(
        About.SOURCE,
        "one layer of attention with H heads and wider keys and values, without biases, all "
        "weights independent: queries and keys uniform on [-n_K^(1/4), n_K^(1/4)], values and "
        "outputs uniform on [-1, 1]",
    ),
)

THEOREMS = (
    Theorem(
        key="Otsuka2025.Theorem3",
        title="Attention",
        source="otsuka2025 (arXiv 2511.04217), Theorem 3",
        conclusion="except with probability at most epsilon over the draw of the source, it has "
        "for every target f of the class, all at once, a mask whose layer g is within epsilon of "
        "f, if n_K >= d1 C log(8 H a^3 d1^(3/2) / epsilon) and "
        "n_V >= d1 C log(2 H a d1 sqrt(d2) / epsilon), a the input norm",
        status=Status.STATED,
        conditions=_ATTENTION,
        asks=NetworkQuestion,
        assumptions=(
            *NETWORK,
            DENSE,
            weights_follow(WeightLaw.UNIFORM),
            POSITIVE_CONSTANT,
            Assumption(
                "widths",
                "(d1, d2), one layer",
                lambda q: len(q.widths) == 2,
                lambda q: q.widths,
            ),
            CHANCE_OF_EPSILON,
            given("num heads", ">= 1", holds=lambda q: (q.num_heads or 0) >= 1),
            given(
                "input norm",
                "at least the square root of every width",
                holds=lambda q: (
                    q.input_norm is not None
                    and q.input_norm > 0
                    and q.input_norm**2 >= max(q.widths)
                ),
            ),
        ),
        derive=_promise,
    ),
)
