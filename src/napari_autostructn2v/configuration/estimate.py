"""Time and memory of the training to come, worked out beside the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer

from autoStructN2V.models import choose_device
from autoStructN2V.pipeline import estimate_run, measure_speed
from autoStructN2V.pipeline.configuration.of_preset import is_modified
from napari_autostructn2v.lifetime import at_end
from napari_autostructn2v.session.work.jobs import Job, error_text
from napari_autostructn2v.widgets.forms import choice_label
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from autoStructN2V.pipeline import Estimate, PipelineConfig

    _Wanted = tuple[PipelineConfig, tuple[tuple[int, int, int], ...], int]

_HOUR = 3600.0
_QUIET_MILLISECONDS = 150
_SECONDS_TO_END = 2.0


class EstimateLine(QWidget):
    """One line with the estimate; offers the fast preset when a training takes too long."""

    fast_requested = Signal()
    """The fast preset is to be used."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: _Wanted | None = None
        self._shown_for: object = None
        self._jobs: list[Job] = []  # the one that runs, if any
        self._may_measure = True
        self._label = sentence()
        self.fast_button = QPushButton(f"Use {choice_label('preset', 'fast')}")
        self.fast_button.setToolTip("Set all parameters to the preset that takes minutes.")
        self.fast_button.hide()
        self._changes = QSignalDebouncer(parent=self)
        self._changes.setTimeout(_QUIET_MILLISECONDS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._label)
        column.addWidget(self.fast_button)
        self._changes.triggered.connect(self._start)
        self.fast_button.clicked.connect(self.fast_requested)
        _end_with(self, self._jobs)

    def text(self) -> str:
        """Return what is said about time and memory."""
        return self._label.text()

    def offers_fast(self) -> bool:
        """Tell whether the fast preset is offered."""
        return not self.fast_button.isHidden()

    def update_for(
        self,
        config: PipelineConfig,
        shapes: Sequence[tuple[int, int, int]],
        *,
        n_models: int = 1,
        may_measure: bool = True,
    ) -> None:
        """Work out the estimate for a configuration and stacks, unless it is shown already.

        There are as many trainings as models, each on an equal part of the stacks. Without
        ``may_measure`` the speed of the device is taken to be the usual one.
        """
        self._may_measure = may_measure
        of_one = tuple(shapes[: len(shapes) // n_models])
        self._wanted = (config, of_one, n_models) if shapes else None
        if self._wanted is None:
            self._shown_for = None
            show_sentence(self._label, "")
            self.fast_button.hide()
        elif self._wanted != self._shown_for:
            if not self._label.text():
                show_sentence(self._label, "Estimating time and memory…")
            self._changes.throttle()

    def _start(self) -> None:
        if self._wanted is None or self._jobs:
            return
        config, shapes, n_models = asked = self._wanted
        may_measure = self._may_measure

        def events(should_stop: Callable[[], bool]) -> Generator[Any, Any, Estimate]:
            device = choose_device(config.device)
            yield None
            speed = measure_speed(device, config.threads) if may_measure else None
            return estimate_run(config, shapes, device, speed).of_models(n_models)

        self._shown_for = asked
        self._jobs.append(Job(events, self._on_event, self._on_estimate, self._on_error))
        self._jobs[-1].start()

    def _on_event(self, event: object) -> None:
        """Nothing to show before the end."""

    def _on_estimate(self, estimate: Estimate) -> None:
        self._jobs.clear()
        if self._is_outdated():
            return
        assert self._wanted is not None
        is_long = estimate.seconds > _HOUR
        config = self._wanted[0]
        is_fast = config.preset == "fast" and not is_modified(config)
        text = estimate.sentence(choice_label("device", estimate.device))
        if is_long and is_fast:
            text += " That is more than an hour; lower the epochs or the patches per image."
        elif is_long:
            text += " That is more than an hour; the preset Fast takes minutes."
        show_sentence(self._label, text)
        self.fast_button.setVisible(is_long and not is_fast)

    def _on_error(self, error: Exception) -> None:
        self._jobs.clear()
        if not self._is_outdated():
            show_sentence(self._label, error_text(error))
            self.fast_button.hide()

    def _is_outdated(self) -> bool:
        """Tell whether something else is wanted by now; it is started then."""
        if self._wanted is not None and self._wanted == self._shown_for:
            return False
        self._start()
        return True


def _end_with(widget: QWidget, jobs: list[Job]) -> None:
    """End jobs with the widget that shows them; threads must not outlive the program."""

    def end() -> None:
        for job in jobs:
            job.abandon()
            job.wait(_SECONDS_TO_END)

    at_end(widget, end)
