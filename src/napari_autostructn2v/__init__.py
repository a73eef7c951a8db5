"""napari plugin: configure, train live, review the kernel, denoise and compare."""

METADATA_KEY = "autoStructN2V"
"""Where layers of this plugin keep what is known about them, in the layer's metadata."""
