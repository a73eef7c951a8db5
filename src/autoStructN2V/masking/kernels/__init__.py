"""Kernels: the value, its files, symmetries and description, and how one is found."""
