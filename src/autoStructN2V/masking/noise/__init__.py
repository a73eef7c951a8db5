"""The noise of images: where it is seen, how strong it is, how far it is correlated."""
