"""Everything low-level: compiled loops that a reader can skip. Importing a module here compiles."""
