"""Recipes that answer questions of the literature again; ``recorded/`` holds runs of theirs.

``strongltn reproduce`` finds every recipe in these modules by itself.
"""
