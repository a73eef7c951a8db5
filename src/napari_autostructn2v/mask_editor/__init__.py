"""Dock widget Mask editor."""

from napari_autostructn2v.widgets.opening import OpeningDock

__all__ = ["MaskEditor"]


class MaskEditor(OpeningDock):
    """Opens the dock Mask editor; its content is made by the module ``dock``."""

    room = __name__
    purpose = "See which pixels share noise here, and edit and approve the kernel that hides them."
