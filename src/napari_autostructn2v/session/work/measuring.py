"""Measuring the noise of a layer, as evidence for a kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.masking.invalid.finding import invalid_sentences, only_signal
from autoStructN2V.pipeline import measure_evidence
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.session.state import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from autoStructN2V.masking import KernelProposal
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import Mode, StripeRemoval
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.work.tasks import Tasks

_SMALLEST_MEASURED = 16  # px


class NoiseMeasuring:
    """Measures the noise of a layer, and keeps the outcome while the layer has the same pixels.

    Parameters
    ----------
    tasks : Tasks
        Run it.

    Attributes
    ----------
    measurement : Measurement or None
        The last one; None when there was none, or when its layer has new pixels by now.
    """

    measured = Signal(object)
    """The new :class:`Measurement`, or None when the last one is outdated."""
    kernel_proposed = Signal(object, object)
    """A :class:`KernelProposal`, and the :class:`ExtractorConfig` that it was made with."""

    def __init__(self, tasks: Tasks) -> None:
        self.measurement: Measurement | None = None
        self._tasks = tasks

    def measure(
        self,
        stacks: LayerStacks,
        mode: Mode,
        extractor: ExtractorConfig,
        remove_stripes: StripeRemoval = "auto",
    ) -> None:
        """Measure the noise of a layer and propose a kernel.

        Parameters
        ----------
        stacks : LayerStacks
            What to measure.
        mode : {"2D", "2.5D"}
            2.5D measures the correlation between neighboring slices too.
        extractor : ExtractorConfig
            Parameters of the extraction.
        remove_stripes : {"auto", "rows", "columns", "off"}
            Direction of stripes to leave out; "auto" looks for them.
        """

        def show(proposal: KernelProposal | None) -> None:
            if proposal is None:
                return self._tasks.end("Cancelled.")
            self.kernel_proposed.emit(proposal, extractor)
            if self.measurement is not None:  # the layer has the same pixels still
                self.measurement = replace(self.measurement, proposal=proposal)
            self._tasks.end(*proposal.advice.messages)
            self.measured.emit(self.measurement)
            return None

        if self._tasks.job is None:
            self._watch_pixels(stacks)
            # without the pixels: a layer that is removed later shall free its memory
            self.measurement = Measurement(replace(stacks, sources=()))
        events = partial(_measured, stacks, mode, extractor, remove_stripes)
        self._tasks.start("measure", "Measuring the noise", events, show)

    def _watch_pixels(self, stacks: LayerStacks) -> None:
        """Forget what is measured once the layer has other pixels."""
        if stacks.layer is not None:
            stacks.layer.events.data.connect(self._on_new_pixels)

    def _on_new_pixels(self, event: Any) -> None:
        if self.measurement is not None and self.measurement.stacks.layer is event.source:
            self.measurement = None
            self.measured.emit(None)


def _measured(
    stacks: LayerStacks,
    mode: Mode,
    extractor: ExtractorConfig,
    remove_stripes: StripeRemoval,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, KernelProposal | None]:
    """Yield warnings, and return what was measured; None if it was stopped."""
    sources = only_signal(without_offset(snapshot(stacks.sources)), should_stop)
    notes = check_images(sources, patch_size=_SMALLEST_MEASURED, mode=mode, should_stop=should_stop)
    for message in notes + invalid_sentences(sources):
        yield Warned(message)
    evidence = measure_evidence(
        sources, extractor, mode, should_stop, remove_stripes=remove_stripes
    )
    return evidence.propose(extractor) if evidence is not None else None
