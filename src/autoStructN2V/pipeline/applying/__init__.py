"""A trained model applied to other images, in memory or into files that can be gone on with."""
