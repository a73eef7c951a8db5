"""Names that this package documents and other rooms define."""

from autoStructN2V.vocabulary import Mode

__all__ = ["Mode"]
