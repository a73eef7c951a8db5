"""MRC files, of electron microscopes: images, tilt series, tomograms."""
