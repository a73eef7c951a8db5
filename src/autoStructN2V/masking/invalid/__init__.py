"""Pixels that are no signal: outliers of the detector, and pixels that are missing."""
