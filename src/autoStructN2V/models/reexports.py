"""Names that this package documents and other rooms define."""

from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.vocabulary import DeviceName

__all__ = ["DeviceName", "FrozenConfig"]
