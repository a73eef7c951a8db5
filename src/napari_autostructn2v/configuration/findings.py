"""What was found in the noise of a layer: in words, in two small pictures, and to be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout

from autoStructN2V.inference.noise_report import InputNoise
from napari_autostructn2v.widgets.forms import choice_label
from napari_autostructn2v.widgets.sections import sentence, show_sentence
from napari_autostructn2v.widgets.thumbnails import KernelThumbnail, SpectrumThumbnail

if TYPE_CHECKING:
    from autoStructN2V.masking import KernelProposal, PatternRemoval
    from autoStructN2V.pipeline import PipelineConfig
    from napari_autostructn2v.session.state import Measurement

_NOTHING_FIRST = "Nothing has to be removed first."
_IN_USE = "These settings are in use."


class Findings(QFrame):
    """The recommended method, what is removed first, kernel and spectrum, and a button."""

    settings_chosen = Signal(object)
    """Fields of the configuration, nested, that follow from what was found."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._settings: dict[str, Any] = {}
        self._method = sentence()
        font = self._method.font()
        font.setBold(True)
        self._method.setFont(font)
        self._text = sentence()
        self.kernel = KernelThumbnail()
        self.spectrum = SpectrumThumbnail()
        self.use_button = QPushButton("Use these settings")
        self._titles = QLabel("Kernel"), QLabel("Spectrum")
        grid = QGridLayout()
        for column, (title, picture) in enumerate(
            zip(self._titles, (self.kernel, self.spectrum), strict=True)
        ):
            grid.addWidget(title, 0, column)
            grid.addWidget(picture, 1, column)
        grid.setColumnStretch(2, 1)
        rows = QVBoxLayout(self)
        rows.addWidget(self._method)
        rows.addWidget(self._text)
        rows.addLayout(grid)
        rows.addWidget(self.use_button)
        self.use_button.clicked.connect(self._choose)
        self.hide()

    def text(self) -> str:
        """Return what is said; empty before anything was found."""
        return f"{self._method.text()}\n{self._text.text()}".strip()

    def show_measurement(
        self, measurement: Measurement | None, config: PipelineConfig, of: str = ""
    ) -> None:
        """Show what was found; nothing before there is a measurement.

        Parameters
        ----------
        measurement : Measurement or None
            Of the layer that is chosen.
        config : PipelineConfig
            What is in use.
        of : str
            What of the layer it is of, before all else; empty if of all.
        """
        proposal = measurement.proposal if measurement is not None else None
        self.setVisible(proposal is not None)
        if proposal is None or measurement is None:
            show_sentence(self._method, "")
            show_sentence(self._text, "")
            return
        removal = measurement.removal
        method = choice_label("method", proposal.advice.recommended_method)
        show_sentence(self._method, f"Recommended method: {method}")
        show_sentence(self._text, f"{of}{_in_words(proposal, removal)}")
        self.kernel.show_kernel(proposal.kernel, proposal.autocorrelation.values)
        self.spectrum.show_removal(removal)
        has_spectrum = removal is not None and removal.spectrum is not None
        for widget in (self._titles[1], self.spectrum):
            widget.setVisible(has_spectrum)
        self._settings = proposal.advice.settings
        is_used = all(config[name] == value for name, value in self._settings.items())
        self.use_button.setEnabled(not is_used)
        self.use_button.setToolTip(_IN_USE if is_used else _what_changes(self._settings))

    def _choose(self) -> None:
        self.settings_chosen.emit(self._settings)


def _in_words(proposal: KernelProposal, removal: PatternRemoval | None) -> str:
    """Say how strong the noise is, what it shares, and what is removed first."""
    noise = InputNoise.measured(proposal.autocorrelation)
    first = removal.sentence if removal is not None else ""
    lines = [
        f"Noise: standard deviation {noise.std_text}.",
        *proposal.advice.about_noise,
        first or _NOTHING_FIRST,
    ]
    return "\n".join(lines)


def _what_changes(settings: dict[str, Any]) -> str:
    """Say what the button does."""
    method = choice_label("method", settings["method"])
    return f"Set Configuration to {method}; all other settings stay as they are."
