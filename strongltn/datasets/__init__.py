"""Images and labels by name, with checksums."""
