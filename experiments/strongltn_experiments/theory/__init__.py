"""Recipes that set what the theorems promise beside what is measured."""
