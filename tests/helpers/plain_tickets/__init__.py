"""A slow writer of tiny ticket directories, in plain fractions: the oracle of the auditor's tests.

It shares nothing with proofs_check but FORMAT.md: scalar Philox, one dictionary of source entries,
forward passes through the masked source network itself instead of effective weights.
"""
