"""A run on disk: what is written where, and the drivers that do it."""
