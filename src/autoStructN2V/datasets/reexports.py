"""Names that this package documents and other rooms define."""

from autoStructN2V.vocabulary import Mode, OutputDtype

__all__ = ["Mode", "OutputDtype"]
