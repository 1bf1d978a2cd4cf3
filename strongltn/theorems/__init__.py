"""PROMISE: what is true of almost every draw, with explicit constants. Nothing here builds."""
