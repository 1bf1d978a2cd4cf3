"""The compiled loops, explained in README.md. Importing one of them imports numba."""
