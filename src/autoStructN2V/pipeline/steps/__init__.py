"""The steps of a run, each of which knows nothing of the others."""
