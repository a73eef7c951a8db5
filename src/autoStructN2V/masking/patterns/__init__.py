"""Patterns that no kernel can hide: found, named and removed."""
