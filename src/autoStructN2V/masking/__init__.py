"""Kernels: where pixels share noise, how they are hidden, and how that is found out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
