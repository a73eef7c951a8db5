"""The dialog that asks what only a person can say of a model that is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from autoStructN2V.errors import UserError
from autoStructN2V.pipeline import PackageDetails, package_details
from autoStructN2V.pipeline.exchange.details import COMMON_LICENSES
from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.forms import field_help
from napari_autostructn2v.widgets.sections import labeled_rows, sentence
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

_ABOUT = (
    "Writes a package of the BioImage Model Zoo (.zip), which other programs can apply: weights, "
    "normalization, images to test it with, kernel and report."
)
_LINES = 4  # of the description
_LEAST_WIDTH = 52  # characters


class ExportDialog(QDialog):
    """Asks for name, authors, license and description of a package.

    Parameters
    ----------
    name : str
        What is proposed.
    parent : QWidget
        Window above which it opens.

    Attributes
    ----------
    details : PackageDetails or None
        What was said, once it was accepted.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export a model")
        self.details: PackageDetails | None = None
        self.name = QLineEdit(name)
        self.authors = QLineEdit()
        self.authors.setPlaceholderText("Ada Lovelace; Grace Hopper")
        self.license = QComboBox()
        self.license.setEditable(True)
        self.license.addItems(list(COMMON_LICENSES))
        self.description = QTextEdit()
        self.description.setAcceptRichText(False)
        self.description.setTabChangesFocus(True)
        letters = self.fontMetrics()
        self.description.setFixedHeight(letters.lineSpacing() * (_LINES + 1))
        self.setMinimumWidth(letters.averageCharWidth() * _LEAST_WIDTH)
        self.problem = Notice(Status.FAILED)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export_button = self.buttons.addButton(
            "Choose a file…", QDialogButtonBox.ButtonRole.AcceptRole
        )
        self._arrange()
        for line in (self.name, self.authors):
            line.textEdited.connect(self._forget_problem)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def accept(self) -> None:
        """Close, unless something is missing or wrong, which is shown."""
        names = [part.strip() for part in self.authors.text().split(";")]
        try:
            self.details = package_details(
                name=self.name.text(),
                authors=tuple(name for name in names if name),
                license=self.license.currentText(),
                description=self.description.toPlainText(),
            )
        except UserError as error:
            self.problem.show_text(str(error))
        else:
            super().accept()

    def _forget_problem(self, *_: object) -> None:
        self.problem.show_text("")

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(sentence(_ABOUT))
        column.addWidget(labeled_rows(*self._rows()))
        column.addWidget(self.problem)
        column.addWidget(self.buttons)

    def _rows(self) -> Sequence[tuple[str, QWidget]]:
        fields = {
            "name": self.name,
            "authors": self.authors,
            "license": self.license,
            "description": self.description,
        }
        rows = []
        for field, widget in fields.items():
            described = field_help(PackageDetails, field)
            widget.setToolTip(described.tooltip)
            widget.setAccessibleName(described.title)
            rows.append((described.title, widget))
        return rows
