"""Names that this package documents and other rooms define."""

from autoStructN2V.symmetry import SYMMETRIES, Symmetry

__all__ = ["SYMMETRIES", "Symmetry"]
