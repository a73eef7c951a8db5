"""Measuring the noise of a layer, as evidence for a kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.errors import InputError
from autoStructN2V.masking import find_patterns
from autoStructN2V.masking.invalid.finding import invalid_sentences, only_signal
from autoStructN2V.masking.patterns.fourier.slices import spectrum_of_slices
from autoStructN2V.pipeline import measure_evidence
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.session.state import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from autoStructN2V.masking import KernelProposal, PatternRemoval
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.masking.patterns.spectrum import Spectrum
    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import Mode
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
    patterns_found = Signal(object, str, object)
    """A :class:`PatternRemoval`, the name of the layer, and the :class:`Spectrum` without them."""
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
        config: PipelineConfig,
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
        config : PipelineConfig
            Says which patterns are removed.
        """

        def show(outcome: _Outcome | None) -> None:
            if outcome is None:
                return self._tasks.end("Cancelled.")
            self.patterns_found.emit(outcome.removal, stacks.name, outcome.cleaned)
            proposal = outcome.proposal
            if proposal is None:
                return self._tasks.end(error=outcome.problem)
            self.kernel_proposed.emit(proposal, extractor)
            if self.measurement is not None:  # the layer has the same pixels still
                removal = outcome.removal.forgetful()
                self.measurement = replace(self.measurement, proposal=proposal, removal=removal)
            self._tasks.end(*proposal.advice.messages)
            self.measured.emit(self.measurement)
            return None

        if self._tasks.job is None:
            self._watch_pixels(stacks)
            # without the pixels: a layer that is removed later shall free its memory
            self.measurement = Measurement(replace(stacks, sources=()))
        events = partial(_measured, stacks, config, mode, extractor)
        self._tasks.start("measure", "Inspecting the noise", events, show)

    def _watch_pixels(self, stacks: LayerStacks) -> None:
        """Forget what is measured once the layer has other pixels."""
        if stacks.layer is not None:
            stacks.layer.events.data.connect(self._on_new_pixels)

    def _on_new_pixels(self, event: Any) -> None:
        if self.measurement is not None and self.measurement.stacks.layer is event.source:
            self.measurement = None
            self.measured.emit(None)


@dataclass(frozen=True)
class _Outcome:
    """What came of measuring a layer.

    Attributes
    ----------
    removal : PatternRemoval
        Patterns that were found.
    cleaned : Spectrum or None
        Of the images without those that are removed; None if none is.
    proposal : KernelProposal or None
        None if the noise could not be measured.
    problem : str or None
        Why it could not.
    """

    removal: PatternRemoval
    cleaned: Spectrum | None
    proposal: KernelProposal | None
    problem: str | None = None


def _measured(
    stacks: LayerStacks,
    config: PipelineConfig,
    mode: Mode,
    extractor: ExtractorConfig,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, _Outcome | None]:
    """Yield warnings, and return what was measured; None if it was stopped."""
    sources = only_signal(without_offset(snapshot(stacks.sources)), should_stop)
    notes = check_images(sources, patch_size=_SMALLEST_MEASURED, mode=mode, should_stop=should_stop)
    for message in notes + invalid_sentences(sources):
        yield Warned(message)
    removal = find_patterns(sources, **config.pattern_search, should_stop=should_stop)
    images = [removal.applied_to(source) for source in sources]
    cleaned = spectrum_of_slices(images) if removal.patterns and not should_stop() else None
    try:
        evidence = measure_evidence(images, extractor, mode, should_stop, removal=removal)
    except InputError as error:
        return _Outcome(removal, cleaned, None, str(error))
    if evidence is None:
        return None
    return _Outcome(removal, cleaned, evidence.propose(extractor))
