"""Figures: one style, and the pictures of tickets that are drawn in it."""
