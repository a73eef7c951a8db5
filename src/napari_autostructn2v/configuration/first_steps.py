"""What a person sees before there is an image: how to get one, and what comes then."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari._app_model import get_app_model
from npe2 import PluginManager
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_autostructn2v.lifetime import unwrapped, viewer_of
from napari_autostructn2v.session.docks import PLUGIN
from napari_autostructn2v.widgets.sections import heading, sentence

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QAction

_OPEN_FILES = "napari.window.file.open_files_dialog"  # a command of napari
_WHAT = (
    "One noisy image or a stack is enough; no clean images are needed. Files can be dragged onto "
    "the window as well."
)
_LEAST_WIDTH = 56  # characters
_THEN = (
    "1.  Configuration measures the noise and recommends a method.",
    "2.  Training learns from the noisy image and denoises it.",
    "3.  Mask editor shows which pixels share noise, for you to check.",
    "4.  Inference applies the model to other images.",
)


class FirstSteps(QWidget):
    """Buttons that open an image or a sample, and what happens after that.

    Parameters
    ----------
    viewer : napari.Viewer
        Where it is opened; held weakly.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        # a dock gets a proxy, which nobody else holds
        self._viewer = weakref.ref(unwrapped(viewer))
        self.open_button = QPushButton("Open files…")
        self.open_button.setToolTip("Choose image files, as with File > Open File(s).")
        self.sample_button = QPushButton("Open a sample")
        self.sample_button.setToolTip("Generated noisy images, to try what the program does.")
        self.samples = QMenu(self.sample_button)
        self.sample_button.setMenu(self.samples)
        for key, title in _samples():
            action = self.samples.addAction(title)
            if action is not None:
                action.setData(key)
        row = QHBoxLayout()
        row.addWidget(self.open_button, 1)
        row.addWidget(self.sample_button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(heading("Open a noisy image to begin"))
        column.addWidget(sentence(_WHAT))
        column.addLayout(row)
        column.addWidget(heading("What comes then"))
        for text in _THEN:
            column.addWidget(sentence(text))
        column.addStretch(1)
        # as wide as the form that takes its place
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * _LEAST_WIDTH)
        self.open_button.clicked.connect(self._open_files)
        self.samples.triggered.connect(self._open_sample)

    def _open_files(self) -> None:
        get_app_model().commands.execute_command(_OPEN_FILES)

    def _open_sample(self, action: QAction) -> None:
        viewer_of(self._viewer).open_sample(PLUGIN, action.data())


def _samples() -> list[tuple[str, str]]:
    """Return key and title of the samples of this plugin, as in its manifest."""
    manifest = PluginManager.instance().get_manifest(PLUGIN)
    return [
        (sample.key, sample.display_name) for sample in manifest.contributions.sample_data or []
    ]
