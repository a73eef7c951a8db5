"""What a model is applied to, and where the result goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from autoStructN2V.datasets.images.formats.registry import file_endings
from autoStructN2V.datasets.images.names import safe_name
from autoStructN2V.pipeline import PipelineConfig
from napari_autostructn2v.widgets.editors import ChoiceBox, PathEdit, SegmentedChoice
from napari_autostructn2v.widgets.forms import FormGrid, choices_of, field_help
from napari_autostructn2v.widgets.layer_chooser import LayerChooser
from napari_autostructn2v.widgets.save_dialog import ask_where_to_save, with_ending
from napari_autostructn2v.widgets.sections import Collapsible, labeled_rows

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from autoStructN2V.vocabulary import OutputDtype

_TIFF = "TIFF images (*.tif *.tiff)"
_TIFF_ENDINGS = (".tif", ".tiff")
_IMAGES = f"Images ({' '.join(f'*{ending}' for ending in file_endings())});;All files (*)"


def ask_for_tiff(parent: QWidget, name: str, folder: Path) -> Path | None:
    """Return the TIFF file that a person wants to write; None if none.

    Parameters
    ----------
    parent : QWidget
        Window above which the dialog opens.
    name : str
        Of the layer that is to be written.
    folder : Path
        That the dialog starts with.
    """
    proposed = with_ending(folder / safe_name(name), _TIFF_ENDINGS)
    return ask_where_to_save(parent, "Save layer as TIFF", proposed, _TIFF, _TIFF_ENDINGS)


def ask_for_package(parent: QWidget, name: str, folder: Path) -> Path | None:
    """Return the package that a person wants to write; None if none; as :func:`ask_for_tiff`."""
    proposed = with_ending(folder / safe_name(name), (".zip",))
    return ask_where_to_save(parent, "Export a model", proposed, "Packages (*.zip)", (".zip",))


class SourceChoice(QWidget):
    """An open layer, or a file or folder on disk.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers can be chosen.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.kind = SegmentedChoice([("Open layer", "layer"), ("File or folder", "files")])
        self.kind.button("files").setToolTip(
            "An image in any format that is read, or a folder of images; drop it here."
        )
        self.setAcceptDrops(True)
        self.chooser = LayerChooser(viewer)
        self._files = QWidget()
        self._line = QLineEdit()
        self._line.setPlaceholderText("Image file, Zarr store or folder of images")
        self._line.setAccessibleName("File or folder to denoise")
        self._line.setAcceptDrops(False)  # it would take the address of a file as text
        self.selection = FormGrid({"": PipelineConfig}, ("axes", "channel", "timepoint"))
        self.axes_section = Collapsible("Axes, channel and timepoint")
        self.axes_section.add(self.selection)
        self._file_button = QPushButton("File…")
        self._folder_button = QPushButton("Folder…")
        self._arrange()
        self.kind.valueChanged.connect(self._on_kind_chosen)
        self.chooser.changed.connect(self.changed)
        self._line.textChanged.connect(self._on_path_edited)
        self._file_button.clicked.connect(self._choose_file)
        self._folder_button.clicked.connect(self._choose_folder)
        self._on_kind_chosen()

    @property
    def is_layer(self) -> bool:
        """Whether a layer is to be denoised, not files."""
        return bool(self.kind.value() == "layer")

    def path(self) -> Path | None:
        """Return the chosen file or folder."""
        text = self._line.text().strip()
        return Path(text).expanduser() if text else None

    def set_path(self, path: Path) -> None:
        """Choose a file or folder."""
        self.kind.setValue("files")
        self._line.setText(str(path))
        self._line.setToolTip(str(path))
        self._on_kind_chosen()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Take files and folders, one at a time."""
        if event is not None and _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Choose what was dropped."""
        path = _dropped(event) if event is not None else None
        if event is not None and path is not None:
            event.acceptProposedAction()
            self.set_path(path)

    def chosen_planes(self) -> dict[str, Any]:
        """Return axes, channel and timepoint of files, None where a person said nothing."""
        return self.selection.value()[""]

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self._file_button, 1)
        buttons.addWidget(self._folder_button, 1)
        column = QVBoxLayout(self._files)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._line)
        column.addLayout(buttons)
        column.addWidget(self.axes_section)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        for widget in (self.kind, self.chooser, self._files):
            outer.addWidget(widget)

    def _on_kind_chosen(self) -> None:
        self.chooser.setVisible(self.is_layer)
        self._files.setVisible(not self.is_layer)
        self.changed.emit()

    def _on_path_edited(self, text: str) -> None:
        self.changed.emit()

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose an image", self._line.text(), _IMAGES)
        if file:
            self.set_path(Path(file))

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Choose a folder of images", self._line.text()
        )
        if folder:
            self.set_path(Path(folder))


def _dropped(event: QDropEvent) -> Path | None:
    """Return the file or folder that is dropped; None if it is something else, or several."""
    data = event.mimeData()
    urls = data.urls() if data is not None and data.hasUrls() else []
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None


class ResultChoice(QWidget):
    """A new layer, or files in a folder."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.kind = SegmentedChoice([("New layer", "layer"), ("To disk", "disk")])
        self.kind.button("disk").setToolTip(
            "Files in the format of the input, with its axes and scale."
        )
        self._folder = PathEdit("folder", is_optional=True)
        self._folder.setToolTip("Folder that the denoised images are written to.")
        self._proposed: Path | None = None
        self._dtype = ChoiceBox(choices_of(PipelineConfig, "output_dtype"))
        described = field_help(PipelineConfig, "output_dtype")
        self._dtype.setToolTip(described.tooltip)
        self._dtype.setAccessibleName(described.title)
        self._on_disk = labeled_rows(("Folder", self._folder), (described.title, self._dtype))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.kind)
        column.addWidget(self._on_disk)
        self.kind.valueChanged.connect(self._on_kind_chosen)
        self._folder.valueChanged.connect(self.changed)
        self._on_kind_chosen()

    @property
    def is_layer(self) -> bool:
        """Whether the result is to be a layer alone."""
        return bool(self.kind.value() == "layer")

    def folder(self) -> Path | None:
        """Return the folder for files."""
        path = self._folder.value()
        return path.resolve() if path is not None else None

    def output_dtype(self) -> OutputDtype:
        """Return the data type of files."""
        value: OutputDtype = self._dtype.value()
        return value

    def set_folder(self, folder: Path, *, output_dtype: OutputDtype = "float32") -> None:
        """Choose to write files."""
        self.kind.setValue("disk")
        self._folder.setValue(folder)
        self._dtype.setValue(output_dtype)
        self._on_kind_chosen()

    def propose_folder(self, folder: Path) -> None:
        """Fill in a folder where a person has not chosen one."""
        if self._folder.value() in (None, self._proposed):
            self._folder.setValue(folder)
            self._proposed = folder

    def _on_kind_chosen(self) -> None:
        self._on_disk.setVisible(not self.is_layer)
        self.changed.emit()
