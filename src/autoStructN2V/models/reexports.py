"""Names that this package documents and other rooms define."""

from autoStructN2V.frozen_config import FrozenConfig

__all__ = ["FrozenConfig"]
