"""Dock widget Inference."""

from napari_autostructn2v.widgets.opening import OpeningDock

__all__ = ["Inference"]


class Inference(OpeningDock):
    """Opens the dock Inference; its content is made by the module ``dock``."""

    room = __name__
    purpose = "Apply a trained model to layers, files and folders here."
