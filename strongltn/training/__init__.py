"""Training runs: one loop, its checkpoints, its records."""
