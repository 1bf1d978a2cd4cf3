"""Ranges of target and difference at every layer, proved by any multipliers; input splitting."""
