"""Recipes whose parts are runs of the search engine."""
