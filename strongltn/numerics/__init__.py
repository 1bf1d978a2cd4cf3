"""Exact arithmetic: dyadic arrays, rational scalars rounded outwards, norms with witnesses."""
