"""Editors of single values: each has ``value()``, ``setValue()`` and ``valueChanged``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGraphicsOpacityEffect,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)
from superqt.utils import signals_blocked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PathKind = Literal["folder", "file"]

_LARGEST_INT = 2**31 - 1
_FADED = 0.4
_FIRST = 1.0  # number beside a word
_DECIMALS = 12  # learning rates of 1e-5 and less have to survive


class _CalmWheel(QObject):
    """Leaves the wheel to the scroll area unless the editor was clicked before."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Ignore the wheel over an editor without focus."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()
        return True


class IntBox(QSpinBox):
    """Whole number; ``None`` is the value below the smallest, where that is allowed."""

    def __init__(
        self, low: int = -_LARGEST_INT, high: int = _LARGEST_INT, *, is_optional: bool = False
    ) -> None:
        super().__init__()
        self._none = low - 1 if is_optional else None
        self.setRange(low - 1 if is_optional else low, high)
        if is_optional:
            self.setSpecialValueText("Not set")
        _make_compact(self)

    def value(self) -> int | None:  # type: ignore[override]
        """Return the number."""
        number = super().value()
        return None if number == self._none else number

    def setValue(self, value: int | None) -> None:  # noqa: N802 - name given by Qt
        """Show a number."""
        super().setValue(self.minimum() if value is None else value)


class FloatBox(QDoubleSpinBox):
    """Number in its shortest form, so that 0.5 and 1e-05 are both readable.

    Parameters
    ----------
    low, high : float
        Range.
    lowest : str
        What is shown instead of ``low``; empty for the number. Steps lead from it to 1, and back
        from 1 or less.
    """

    def __init__(self, low: float, high: float, *, lowest: str = "") -> None:
        super().__init__()
        self.setSpecialValueText(lowest)
        self.setDecimals(_DECIMALS)
        self.setRange(low, high)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        _make_compact(self)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - name given by Qt
        """Return the shortest text that gives the value back."""
        return f"{value:.10g}"

    def valueFromText(self, text: str | None) -> float:  # noqa: N802 - name given by Qt
        """Return the number that a text means."""
        if text and text.casefold() == self.specialValueText().casefold():
            return self.minimum()
        try:
            return float((text or "").replace(",", "."))
        except ValueError:
            return super().value()

    def stepBy(self, steps: int) -> None:  # noqa: N802 - name given by Qt
        """Step by a share of the number; from a word, there is none."""
        is_word = self.value() == self.minimum()
        if not self.specialValueText() or self.value() > _FIRST or (steps > 0 and not is_word):
            super().stepBy(steps)
        else:
            self.setValue(_FIRST if steps > 0 else self.minimum())

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept all notations of a number."""
        text = text or ""
        word = self.specialValueText().casefold()
        if text and word.startswith(text.casefold()):
            is_whole = text.casefold() == word
            state = QValidator.State.Acceptable if is_whole else QValidator.State.Intermediate
            return state, text, position
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            is_beginning = set(text.casefold()) <= set("0123456789.,+-e")
            state = QValidator.State.Intermediate if is_beginning else QValidator.State.Invalid
            return state, text, position
        is_inside = self.minimum() <= number <= self.maximum()
        state = QValidator.State.Acceptable if is_inside else QValidator.State.Intermediate
        return state, text, position


class CheckBox(QCheckBox):
    """Yes or no."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self) -> None:
        super().__init__()
        self.toggled.connect(self._announce)

    def value(self) -> bool:
        """Return whether it is checked."""
        return self.isChecked()

    def setValue(self, value: bool) -> None:  # noqa: N802 - name given by Qt
        """Check or uncheck."""
        self.setChecked(value)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Fade while disabled, which the style of napari does not show."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.EnabledChange:
            faded = QGraphicsOpacityEffect(self)
            faded.setOpacity(_FADED)
            self.setGraphicsEffect(None if self.isEnabled() else faded)

    def _announce(self, is_checked: bool) -> None:
        self.valueChanged.emit()


class ChoiceBox(QComboBox):
    """One of several values, shown under readable names."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self, choices: Sequence[tuple[str, Any]]) -> None:
        super().__init__()
        self.setChoices(choices)
        _leave_the_wheel(self)
        self.setMinimumContentsLength(3)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.currentIndexChanged.connect(self._announce)

    def setChoices(self, choices: Sequence[tuple[str, Any]]) -> None:  # noqa: N802 - as setValue
        """Offer other values, of which the first is chosen."""
        self._values = [value for _, value in choices]
        self.clear()
        self.addItems([label for label, _ in choices])

    def value(self) -> Any:
        """Return the chosen value."""
        return self._values[self.currentIndex()]

    def setValue(self, value: Any) -> None:  # noqa: N802 - name given by Qt
        """Choose a value."""
        self.setCurrentIndex(self._values.index(value))

    def _announce(self, row: int) -> None:
        self.valueChanged.emit()


class SegmentedChoice(QWidget):
    """One of a few values, as buttons side by side of which one is pressed."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self, choices: Sequence[tuple[str, Any]]) -> None:
        super().__init__()
        self._buttons: dict[Any, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._refused: tuple[Any, ...] = ()
        self._reason = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for label, value in choices:
            button = QPushButton(label)
            button.setCheckable(True)
            self._buttons[value] = button
            self._group.addButton(button)
            row.addWidget(button, 1)
        next(iter(self._buttons.values())).setChecked(True)
        self._group.buttonClicked.connect(self._announce)

    def value(self) -> Any:
        """Return the chosen value."""
        return next(v for v, button in self._buttons.items() if button.isChecked())

    def setValue(self, value: Any) -> None:  # noqa: N802 - name given by Qt
        """Choose a value, without announcing it."""
        self._buttons[value].setChecked(True)
        self._gray_out()

    @property
    def values(self) -> tuple[Any, ...]:
        """All values that there are."""
        return tuple(self._buttons)

    def refuse(self, values: Collection[Any], reason: str = "") -> None:
        """Gray out values, and say why; allow all others.

        The chosen one is never gray: nobody could see that it is chosen.
        """
        self._refused, self._reason = tuple(values), reason
        self._gray_out()

    def button(self, value: Any) -> QPushButton:
        """Return the button of a value."""
        return self._buttons[value]

    def _announce(self, button: QAbstractButton) -> None:
        self._gray_out()
        self.valueChanged.emit()

    def _gray_out(self) -> None:
        for value, button in self._buttons.items():
            is_gray = value in self._refused and not button.isChecked()
            if is_gray or not button.isEnabledTo(self):  # others may have a help of their own
                button.setEnabled(not is_gray)
                button.setToolTip(self._reason if is_gray else "")


class TextEdit(QLineEdit):
    """Text; what is empty is ``None`` where that is allowed."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self, *, is_optional: bool = False) -> None:
        super().__init__()
        self._is_optional = is_optional
        self.editingFinished.connect(self.valueChanged)

    def value(self) -> str | None:
        """Return the text."""
        text = self.text().strip()
        return None if self._is_optional and not text else text

    def setValue(self, value: str | None) -> None:  # noqa: N802 - name given by Qt
        """Show a text."""
        self.setText(value or "")


class PathEdit(QWidget):
    """Path with a button to browse; what is empty is ``None`` where that is allowed."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self, kind: PathKind, *, is_optional: bool = False, pattern: str = "") -> None:
        super().__init__()
        self._kind = kind
        self._is_optional = is_optional
        self._pattern = pattern
        self._line = QLineEdit()
        self._button = QPushButton("…")
        self._button.setToolTip(f"Choose a {kind}")
        self._button.setAccessibleName(f"Choose a {kind}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line, 1)
        row.addWidget(self._button)
        self.setFocusProxy(self._line)
        self._line.editingFinished.connect(self.valueChanged)
        self._button.clicked.connect(self.browse)

    def value(self) -> Path | None:
        """Return the path."""
        text = self._line.text().strip()
        if not text:
            return None if self._is_optional else Path()
        return Path(text).expanduser()

    def setValue(self, value: Path | None) -> None:  # noqa: N802 - name given by Qt
        """Show a path."""
        self._line.setText("" if value is None else str(value))
        self._line.setToolTip(self._line.text())

    def browse(self) -> None:
        """Ask for a path in a dialog."""
        start = self._line.text()
        if self._kind == "folder":
            chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", start)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, "Choose a file", start, self._pattern)
        if chosen:
            self.setValue(Path(chosen))
            self.valueChanged.emit()


class NumbersEdit(QWidget):
    """A few numbers in a row."""

    valueChanged = Signal()  # noqa: N815 - as the other editors

    def __init__(self, n: int, low: float, high: float) -> None:
        super().__init__()
        self._boxes = [FloatBox(low, high) for _ in range(n)]
        for box in self._boxes:
            box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            # what napari takes for the least width and for buttons is too much for three in a row
            box.setStyleSheet("min-width: 0px; padding: 1px 2px;")
            box.setMinimumWidth(box.fontMetrics().horizontalAdvance("0" * 6))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for box in self._boxes:
            row.addWidget(box, 1)
            box.valueChanged.connect(self._announce)
        self.setFocusProxy(self._boxes[0])

    def value(self) -> tuple[float, ...]:
        """Return the numbers."""
        return tuple(box.value() for box in self._boxes)

    def setValue(self, value: Sequence[float]) -> None:  # noqa: N802 - name given by Qt
        """Show numbers."""
        for box, number in zip(self._boxes, value, strict=True):
            with signals_blocked(box):
                box.setValue(number)
        self.valueChanged.emit()

    def setAccessibleName(self, name: str | None) -> None:  # noqa: N802 - name given by Qt
        """Name every box for screen readers."""
        super().setAccessibleName(name)
        for number, box in enumerate(self._boxes, start=1):
            box.setAccessibleName(f"{name} {number}")

    def _announce(self, number: float) -> None:
        self.valueChanged.emit()


def _make_compact(box: QSpinBox | QDoubleSpinBox) -> None:
    """Take little width, and report what is typed when it is complete."""
    box.setKeyboardTracking(False)
    _leave_the_wheel(box)
    # room for the digits and, left and right of them, for the buttons of napari
    height = box.fontMetrics().height()
    box.setMinimumWidth(box.fontMetrics().horizontalAdvance("0" * 5) + 3 * height)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def _leave_the_wheel(editor: QWidget) -> None:
    """Change the value by the wheel only after a click, so that scrolling past is harmless."""
    editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    editor.installEventFilter(_CalmWheel(editor))
