"""Dock widget Configuration."""

from napari_autostructn2v.widgets.opening import OpeningDock

__all__ = ["Configuration"]


class Configuration(OpeningDock):
    """Opens the dock Configuration; its content is made by the module ``dock``."""

    room = __name__
    purpose = (
        "Choose a layer, a method and its parameters here, and see how long a training will take."
    )
