"""The constants of the theory, each in one place: a wrong one must turn its claim REFUTED.

Checks read them as ``constants.NAME`` when they run, never by ``from ... import NAME``, so that a
test can plant an error. Irrational ones are functions that enclose them: they take the arb class
of python-flint's present precision.
"""

from __future__ import annotations

from fractions import Fraction

from flint import arb

#: E[q] = DRIFT p (1 - p) for uniform samples on a window of their own half width (D1).
DRIFT = Fraction(1, 2)

#: The process starts from START_IN_ETAS eta, the measure of [-eta, eta]; once at most
#: MISSING_IN_ETAS eta of the window are missing, all its points are within TOLERANCE_IN_ETAS eta
#: of a subset sum.
START_IN_ETAS = Fraction(2)
MISSING_IN_ETAS = Fraction(1)
TOLERANCE_IN_ETAS = Fraction(2)

#: E[V(p + q)] <= COVER_RATE V(p) for V(p) = (1 - p) / p: the base of the failure bound.
COVER_RATE = Fraction(3, 4)

#: Width of the range of one increment of the martingale in Lueker's form (Azuma-Hoeffding).
AZUMA_RANGE = Fraction(2)

#: The slope of the logit lemma is ln(LOGIT_BASE).
LOGIT_BASE = 2

#: C = LUEKER_NUMERATOR / ln 2.
LUEKER_NUMERATOR = Fraction(2)

#: Targets lie in [-COMPONENT_END, COMPONENT_END], where the uniform component of a mixture lies.
COMPONENT_END = Fraction(1, 2)

#: Mass of the uniform component on [-1/2, 1/2] of a product of two uniforms, over ln 2.
COMPONENT_MASS_OVER_LN2 = Fraction(1, 2)

#: The rate of a mixture with uniform mass rho is 1 - MIXTURE_LOSS rho.
MIXTURE_LOSS = Fraction(1, 4)

#: After so many uniform samples the expected fraction of [-5/8, 5/8] farther than 2^-12 from every
#: subset sum is at most MEAN_HOLE, and with so many more all targets of [-1/2, 1/2] are reached.
SECOND_MOMENT_SAMPLES = 25
MEAN_HOLE = Fraction(46, 10_000)
PROGRAM_SAMPLES = 12


def lueker_constant() -> arb:
    """Return an enclosure of C in n/2 >= C ln(1/eta)."""
    return _ball(LUEKER_NUMERATOR) / arb(2).log()


def component_mass() -> arb:
    """Return an enclosure of the mass -c ln c of the uniform component at c = 1/2."""
    return _ball(COMPONENT_MASS_OVER_LN2) * arb(2).log()


def _ball(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator
