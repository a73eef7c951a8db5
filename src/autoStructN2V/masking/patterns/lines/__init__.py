"""Offsets of whole rows and columns, and of halves of them."""
