"""Re-verification of one ticket directory; see FORMAT.md for what is stated."""
