"""The difference network under quadratic constraints: relaxation, search for multipliers, proof."""

from strongltn.certify.quadratic.bound import InteriorPoint, QuadraticWitness, quadratic_bound

__all__ = ["InteriorPoint", "QuadraticWitness", "quadratic_bound"]
