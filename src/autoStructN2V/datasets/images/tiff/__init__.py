"""TIFF files: their layout, whether they are complete, and how their planes are read."""
