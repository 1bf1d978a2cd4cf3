"""The process that we run in: its state, its compiled loops, its exit status."""
