"""The ledger: every step of every proof, done again by something that can say no.

`claim` says what a claim is, `ledger` lists them, `run` runs them and `report` prints them. The
constants that the claims test stand in `constants`. REARRANGEMENT.md is a proof written out.
"""
