"""What a theorem is: conditions and assumptions, a statement made of them, and a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from enum import Enum
from fractions import Fraction
from typing import Generic, TypeVar

from strongltn.errors import AssumptionViolated
from strongltn.numerics.dyadic import outward_float, round_up
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.question import CoverQuestion, NetworkQuestion

Q = TypeVar("Q", CoverQuestion, NetworkQuestion)

EXPLICIT = "explicit"
NOT_EXPLICIT = "constant not explicit in the paper"
UNKNOWN_PAGE = "not known here: of the paper only what the source says was read"

_MAX_SHOWN = 120  # characters of what was got
_LONG_BITS = 256  # powers of rates have thousands
_MAX_WRITTEN = 10**300  # larger integers are written with an exponent


class Status(Enum):
    """How much of a theorem is vouched for here."""

    PROVED = "proved here"
    STATED = "stated in the paper"
    RECALLED = "in the form of the paper (recalled)"


@dataclass(frozen=True)
class Violation:
    """An assumption that fails, and at what."""

    parameter: str
    allowed: str
    got: str

    def __str__(self) -> str:
        return f"{self.parameter} must be {self.allowed}, not {self.got}"


@dataclass(frozen=True)
class Assumption(Generic[Q]):
    """What a theorem asks of a question: that a parameter is as it is allowed to be.

    Attributes
    ----------
    holds : callable
        Question -> whether it is so.
    got : callable
        Question -> what it is instead.
    """

    parameter: str
    allowed: str
    holds: Callable[[Q], bool]
    got: Callable[[Q], object]

    def __str__(self) -> str:
        is_phrase = self.allowed.startswith(("in ", "at least ", ">= ", "within "))
        return f"{self.parameter}{' ' if is_phrase else ': '}{self.allowed}"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a theorem promises; None where it says nothing.

    Attributes
    ----------
    num_samples : int or None
        The samples for one target weight; the most of all layers. In networks, hidden neurons per
        input, of both signs.
    widths : tuple of int or None
        The widths of the source.
    num_parameters : int or None
        The number of weights of the source.
    failure_probability : Fraction or None
        An upper bound at these sizes; a long fraction is rounded upwards.
    necessary_samples, necessary_parameters : int or None
        No source with fewer keeps the promise.
    source_law : str or None
        The law of the source, if it is not that of the question.
    constants : str
        ``explicit``, or that the paper leaves one open.
    """

    num_samples: int | None = None
    widths: tuple[int, ...] | None = None
    num_parameters: int | None = None
    failure_probability: Fraction | None = None
    necessary_samples: int | None = None
    necessary_parameters: int | None = None
    source_law: str | None = None
    constants: str = EXPLICIT
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chance = self.failure_probability
        if chance is not None and chance.denominator.bit_length() > _LONG_BITS:
            object.__setattr__(self, "failure_probability", round_up(chance, bits=_LONG_BITS // 2))

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON objects.

        The probability is the least double whose decimal is not below it, and stands beside it as
        an exact fraction. Integers from 10^300 on are text with an exponent.
        """
        chance = self.failure_probability
        return {
            "num_samples": _integer(self.num_samples),
            "widths": None if self.widths is None else [_integer(width) for width in self.widths],
            "num_parameters": _integer(self.num_parameters),
            "failure_probability": None if chance is None else _decimal_above(chance),
            "failure_probability_exact": None if chance is None else str(chance),
            "necessary_samples": _integer(self.necessary_samples),
            "necessary_parameters": _integer(self.necessary_parameters),
            "source_law": self.source_law,
            "constants": self.constants,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Theorem(Generic[Q]):
    """A statement that can be asked whether it applies, and then what it promises.

    Attributes
    ----------
    key : str
        The paper and the number, e.g. ``Lueker1998.Theorem2_4``.
    source : str
        The key of references.bib, the number, and what of it was read.
    page : str
        Where it stands in the source, or why that is not known.
    conclusion : str
        A clause: what is then true, and with which probability over what.
    claims : tuple of str
        The claims of the auditor's ledger that check the steps of the proof.
    asks : type
        The kind of question.
    conditions : tuple of Condition
        What no question mentions: the class of networks, the inputs, the norm, the source.
    assumptions : tuple of Assumption
        What a question has to satisfy.
    derive : callable
        Question -> Promise, where every assumption holds.
    estimate_seconds : callable
        Question -> about how long `derive` takes, where every assumption holds; 0 for formulas.

    Examples
    --------
    >>> from strongltn.subset_sum.sample_laws import SampleLaw
    >>> from strongltn.theorems.catalogue import theorem_named
    >>> theorem = theorem_named("Lueker1998.Theorem2_4")
    >>> question = CoverQuestion(eta="2^-12", failure_probability=2, law=SampleLaw.PRODUCT)
    >>> for violation in theorem.violations(question):
    ...     print(violation)
    failure probability must be in (0, 1), not 2
    law must be uniform on [-1, 1], not product
    """

    key: str
    title: str
    source: str
    page: str = UNKNOWN_PAGE
    conclusion: str
    status: Status
    claims: tuple[str, ...] = ()
    asks: type[Q]
    conditions: tuple[Condition, ...]
    assumptions: tuple[Assumption[Q], ...]
    derive: Callable[[Q], Promise]
    estimate_seconds: Callable[[Q], float] = lambda _question: 0.0

    def __repr__(self) -> str:
        return f"Theorem({self.key}: {self.title}; {self.status.value})"

    def statement_parts(self) -> tuple[tuple[str, str], ...]:
        """Return the whole statement as pairs of a label and a text, in the order of reading.

        It is made of every condition and every assumption, so that none can be left out.
        """
        parts = [
            (about.value, "; ".join(c.text for c in self.conditions if c.about is about))
            for about in About
        ]
        parts.append(("for", "; ".join(map(str, self.assumptions))))
        parts.append(("then", self.conclusion))
        return tuple((label, text) for label, text in parts if text)

    @property
    def statement(self) -> str:
        """The whole statement as one paragraph."""
        return " ".join(f"{label.capitalize()}: {text}." for label, text in self.statement_parts())

    @property
    def class_text(self) -> str:
        """Of which targets, inputs and distance it speaks: equal texts can be compared."""
        about = (About.SAMPLES, About.TARGETS, About.INPUTS, About.DISTANCE)
        return "; ".join(c.text for c in self.conditions if c.about in about)

    @property
    def proof(self) -> str:
        """Who vouches for it, in a sentence."""
        if self.status is not Status.PROVED:
            return f"{self.status.value}; it is not proved here"
        if not self.claims:
            return f"{self.status.value}"
        return (
            f"{self.status.value}; steps of the proof are checked again by "
            f"python -m proofs_check claims --only {','.join(self.claims)}"
        )

    def violations(self, question: Q) -> tuple[Violation, ...]:
        """Return every assumption that the question violates; empty if the theorem applies."""
        return tuple(
            Violation(a.parameter, a.allowed, _text(a.got(question)))
            for a in self.assumptions
            if not a.holds(question)
        )

    def promise(self, question: Q) -> Promise:
        """Return what the theorem promises.

        Raises
        ------
        AssumptionViolated
            With all violated assumptions.
        """
        violated = self.violations(question)
        if violated:
            raise AssumptionViolated(
                f"{self.key} does not apply: " + "; ".join(map(str, violated)) + "."
            )
        return self.derive(question)

    def to_json(self) -> dict[str, object]:
        """Return what does not depend on a question, as JSON objects."""
        return {
            "key": self.key,
            "title": self.title,
            "source": self.source,
            "page": self.page,
            "statement": self.statement,
            "class": self.class_text,
            "conditions": [{"about": c.about.value, "text": c.text} for c in self.conditions],
            "assumptions": [
                {"parameter": a.parameter, "allowed": a.allowed} for a in self.assumptions
            ],
            "conclusion": self.conclusion,
            "status": self.status.value,
            "proof": self.proof,
            "claims": list(self.claims),
        }


def open_constant(constant: Fraction) -> str:
    """Return what to say of a promise that rests on a constant of the caller's."""
    return f"{NOT_EXPLICIT}; with C = {constant} as given, this is no theorem"


def _decimal_above(value: Fraction) -> float:
    """Return the least double >= 0 whose shortest decimal is not below a rational.

    JSON holds that decimal: 10^-6 itself is written as 1e-06, although the double of that name is
    a little below it.
    """
    nearest = float(value)
    is_above = Fraction(Decimal(repr(nearest))) >= value
    return nearest if is_above else outward_float(value, upwards=True)


def _integer(value: int | None) -> int | str | None:
    return f"{Decimal(value):.3e}" if value is not None and value >= _MAX_WRITTEN else value


def _text(value: object) -> str:
    """Return a short text: a long fraction as a decimal."""
    if isinstance(value, Fraction) and len(str(value)) > 20:
        return short_text(value)
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def short_text(value: Fraction) -> str:
    """Return about six digits of a rational of any size.

    Examples
    --------
    >>> short_text(Fraction(1, 3)), short_text(Fraction(10) ** 400)
    ('0.333333', '1e+400')
    """
    context = Context(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return f"{context.divide(Decimal(value.numerator), Decimal(value.denominator)).normalize():g}"
