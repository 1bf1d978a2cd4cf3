"""Experiments that reproduce published figures and tables; recorded/ holds cited runs."""
