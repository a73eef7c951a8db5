"""Frames of movies: how much one says of the next."""
