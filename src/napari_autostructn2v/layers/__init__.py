"""Layers of napari as stacks of the core, and results as layers."""
