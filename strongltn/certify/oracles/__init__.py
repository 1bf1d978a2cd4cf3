"""Relaxations as modelling code in cvxpy: what the searches of `certify` are measured against.

No certificate comes from here. On small networks a general solver finds the optimum of the same
relaxation, so that a test sees how far a search has stayed behind it; and whoever knows more of the
inputs than a domain says can state it, and have the result proved.
"""
