"""Values that callers pass and hold: read, compared, written as JSON."""
