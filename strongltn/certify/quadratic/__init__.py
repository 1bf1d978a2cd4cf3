"""The difference network under quadratic constraints: relaxation, search for multipliers, proof."""
