"""Dock widget Training."""

from napari_autostructn2v.widgets.opening import OpeningDock

__all__ = ["Training"]


class Training(OpeningDock):
    """Opens the dock Training; its content is made by the module ``dock``."""

    room = __name__
    purpose = "Start a training here, and watch its losses and a preview of the result."
