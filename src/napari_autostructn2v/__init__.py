"""napari plugin: sample images with known truth; the dock widgets follow."""
