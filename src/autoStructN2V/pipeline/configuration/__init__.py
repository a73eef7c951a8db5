"""The configuration of a run: models, presets, files, errors."""
