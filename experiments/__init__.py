"""What reproduces the field: recipes, and studies of strongltn itself. Not part of the wheel."""
