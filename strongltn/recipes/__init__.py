"""Recipes: a question of the literature, what answers it again, and how it is found and run."""
