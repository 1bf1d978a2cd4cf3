"""What a caller asks of a theorem: all targets of an interval at once, or a whole network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window

_MAX_EXPONENT = 3000  # larger ones only cost memory, and are too long to be written
_MAX_CHARACTERS = 1000
_MAX_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class CoverQuestion:
    """How many samples make every target of an interval a subset sum, nearly?

    Ranges are assumptions of the theorems, not of the question: ask a theorem for its
    ``violations``.

    Attributes
    ----------
    eta : Fraction
        Half the tolerance: every target is to be within 2 eta of a subset sum. In (0, 1/2).
    failure_probability : Fraction
        The probability, over the draw of the samples, with which it may fail; in (0, 1).
    window : Window
        The interval of the targets: [-1/2, 1/2] or [-1, 1].
    dimension : int
        How many coordinates samples and targets have; 1 but for theorems on vectors.
    constant : Fraction or None
        A value for a constant that the paper does not give.

    Raises
    ------
    InvalidInputError
        A number is none, or is not finite.

    Examples
    --------
    >>> CoverQuestion(eta="2^-12", failure_probability="0.01", law=SampleLaw.UNIFORM).eta
    Fraction(1, 4096)
    """

    eta: Fraction
    failure_probability: Fraction
    law: SampleLaw
    window: Window = Window.HALF
    dimension: int = 1
    constant: Fraction | None = None

    def __post_init__(self) -> None:
        _read_rationals(self, ("eta", "failure_probability", "constant"))

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON objects; rationals as exact text."""
        return _to_json(self)


@dataclass(frozen=True, kw_only=True)
class NetworkQuestion:
    """How large a random network holds, as a subnetwork, every target network of these widths?

    Of which targets, on which inputs and in which norm is for each theorem to say: see
    `Theorem.conditions`.

    Attributes
    ----------
    widths : tuple of int
        Inputs, hidden layers, outputs; channels for convolutions. At least two, each >= 1.
    epsilon : Fraction
        How far the subnetwork may be from its target; in (0, 1).
    failure_probability : Fraction
        The probability, over the draw of the source, with which there may be none; in (0, 1).
    law : WeightLaw
        The law of the weights of the source.
    max_weight : Fraction, optional
        A bound on every |weight| of the targets, in (0, 1]. Without one, that of each theorem's
        own class; where it has none, 1, which the norms imply.
    constant : Fraction or None
        A value for a constant that the paper does not give.
    kernel_size : int
        The side of the kernels of convolutions.
    num_heads : int or None
        The number of heads of attention.
    input_norm : Fraction or None
        A bound on the norm of inputs of attention.
    grid_bits : int or None
        Weights of quantised targets are multiples of 2^-grid_bits.
    density : Fraction or None
        The fraction of the source that is kept, for masks of a given size.

    Raises
    ------
    InvalidInputError
        A number is none, or is not finite.
    """

    widths: tuple[int, ...]
    epsilon: Fraction
    failure_probability: Fraction
    law: WeightLaw
    max_weight: Fraction | None = None
    constant: Fraction | None = None
    kernel_size: int = 1
    num_heads: int | None = None
    input_norm: Fraction | None = None
    grid_bits: int | None = None
    density: Fraction | None = None

    def __post_init__(self) -> None:
        rationals = ("epsilon", "failure_probability", "max_weight", "constant")
        _read_rationals(self, (*rationals, "input_norm", "density"))

    @property
    def weight_limit(self) -> Fraction:
        """The largest |weight| of the targets: `max_weight`, or 1."""
        return Fraction(1) if self.max_weight is None else self.max_weight

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON objects; rationals as exact text."""
        return _to_json(self)


_RANGES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("eta", "in (0, 1/2)", lambda x: 0 < x < Fraction(1, 2)),
    ("epsilon", "in (0, 1)", lambda x: 0 < x < 1),
    ("failure_probability", "in (0, 1)", lambda x: 0 < x < 1),
    ("widths", "at least two integers >= 1", lambda x: len(x) >= 2 and min(x) >= 1),
    ("max_weight", "in (0, 1]", lambda x: 0 < x <= 1),
    ("dimension", ">= 1", lambda x: x >= 1),
    ("constant", "> 0", lambda x: x > 0),
    ("kernel_size", ">= 1", lambda x: x >= 1),
    ("num_heads", ">= 1", lambda x: x >= 1),
    ("input_norm", "> 0", lambda x: x > 0),
    ("grid_bits", ">= 1", lambda x: x >= 1),
    ("density", "in (0, 1/2]", lambda x: 0 < x <= Fraction(1, 2)),
)


def refuse_wrong_numbers(question: CoverQuestion | NetworkQuestion) -> None:
    """Refuse a number that is out of range whatever the theorem, and name only that.

    Raises
    ------
    InvalidInputError
        With the first such number.

    Examples
    --------
    >>> refuse_wrong_numbers(CoverQuestion(eta=2, failure_probability=2, law=SampleLaw.UNIFORM))
    Traceback (most recent call last):
    strongltn.errors.InvalidInputError: The 'eta' parameter must be in (0, 1/2). Got 2.
    """
    for name, allowed, holds in _RANGES:
        value = getattr(question, name, None)
        if value is not None and not holds(value):
            raise InvalidInputError(name, got=str(value), allowed=allowed)


def rational(parameter: str, value: object) -> Fraction:
    """Return a number exactly: an int, a float, a Fraction, or text.

    Parameters
    ----------
    parameter : str
        Its name, for the message.
    value : object
        Text may be a decimal (``0.01``, ``1e-6``), a fraction (``1/100``) or a power (``2^-12``).

    Raises
    ------
    InvalidInputError
        It is none of these, or is not finite, or has an exponent beyond 3,000.

    Examples
    --------
    >>> rational("eta", "2^-12") == rational("eta", 0.000244140625) == Fraction(1, 4096)
    True
    """
    allowed = "a number such as 0.01, 1/100 or 2^-12"
    try:
        if isinstance(value, str):
            return _parsed(value)
        if isinstance(value, int | float | Fraction):
            return Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError, InvalidOperation):
        pass
    hint = f"Its size may be from 1e-{_MAX_EXPONENT} to 1e{_MAX_EXPONENT}."
    shown = value
    if isinstance(value, str) and len(value) > _MAX_SHOWN:
        shown = f"{value[:_MAX_SHOWN]}... ({len(value)} characters)"
    raise InvalidInputError(parameter, got=shown, allowed=allowed, hint=hint)


def _parsed(text: str) -> Fraction:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("too long")
    if power := re.fullmatch(r"\s*(\d+)\^([+-]?\d+)\s*", text):
        base, exponent = int(power[1]), int(power[2])
        if abs(exponent) * base.bit_length() > 4 * _MAX_EXPONENT:
            raise ValueError("out of range")
        return Fraction(base) ** exponent
    if "/" in text:
        numerator, _, denominator = text.partition("/")
        return Fraction(int(numerator), int(denominator))
    decimal = Decimal(text.strip())
    if not decimal.is_finite() or abs(decimal.adjusted()) > _MAX_EXPONENT:
        raise ValueError("out of range")
    return Fraction(decimal)


def _read_rationals(question: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(question, name)
        if value is not None:
            object.__setattr__(question, name, rational(name, value))


def _to_json(question: CoverQuestion | NetworkQuestion) -> dict[str, object]:
    report: dict[str, object] = {}
    for field in fields(question):
        value = getattr(question, field.name)
        if isinstance(value, Fraction):
            value = str(value)
        elif isinstance(value, SampleLaw | Window | WeightLaw):
            value = value.value
        report[field.name] = value
    return report
