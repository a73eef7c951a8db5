"""A trained model applied to images, into files beside which maps of doubt may lie."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.matching import as_measured
from autoStructN2V.datasets.images.names import doubt_file
from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.datasets.images.validity import as_read
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.errors import InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.inference.doubt import doubt_of
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.applying.own_files import (
    OwnFiles,
    history_of,
    history_of_map,
    journal_of,
    without_map,
)
from autoStructN2V.pipeline.applying.preparing import (
    known_images,
    prepared_to_apply,
    usable_images,
)
from autoStructN2V.pipeline.cluster.denoising import ClusterDenoiser, require_stores
from autoStructN2V.pipeline.events import ImageFailed
from autoStructN2V.pipeline.results import StackTarget
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.pipeline.steps.denoising import Denoiser
    from autoStructN2V.vocabulary import DeviceName, OutputDtype


def denoise_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    outputs: Sequence[Path],
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    output_dtype: OutputDtype = "float32",
    should_stop: Callable[[], bool] = lambda: False,
    unreadable: Sequence[InputError] = (),
    overwrite: bool = False,
    doubt: bool = False,
    resume: bool = False,
    client: Any = None,
) -> Generator[Event, Decision | None, list[Path]]:
    """Apply a trained model to images and write the results.

    One image that cannot be denoised does not keep the others from it; it is reported at the end.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images.
    model : TrainedModel
        Model of an earlier training.
    outputs : sequence of Path
        One file for each source, whose ending chooses its format.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that computes.
    threads : int
        See :func:`autoStructN2V.models.workers.using_threads`.
    output_dtype : {"float32", "input"}
        Data type of the results.
    should_stop : callable
        Asked after every tile; True ends the run, finished files stay.
    unreadable : sequence of InputError
        What is wrong with files that could not even be opened; reported with the others.
    overwrite : bool
        Whether files that exist are replaced; else they are refused before any work.
    doubt : bool
        Whether a map of where to doubt it is written beside each result (:func:`doubt_file`).
    resume : bool
        Whether files that exist are kept if this model made them of these images; others are
        refused. What is written can be gone on with slice by slice after a crash.
    client : distributed.Client, optional
        Of a cluster of Dask whose workers denoise; results are OME-Zarr then, on a disk that all
        of them share. What was written before a crash is gone on with in any case.

    Yields
    ------
    PredictionProgress, Warned, ImageFailed
        Progress over all sources.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`; an InputError only if no image at all
        can be denoised.
    """
    if client is not None:
        require_stores(outputs, doubt=doubt)
    histories = [history_of(model, source, output_dtype) for source in sources]
    there = OwnFiles.find(sources, outputs, histories, doubt=doubt) if resume else OwnFiles()
    if not overwrite:
        there.refuse_others(outputs, doubt=doubt)
    known = known_images(sources, model, should_stop)
    usable, notes, refused = usable_images(known, should_stop)
    failed = [*unreadable, *refused.values()]
    written: list[Path] = []
    with using_threads(threads):
        prepared = [known[i] for i in usable]
        images, denoiser = yield from prepared_to_apply(
            prepared, model, device, should_stop, notes, client
        )
        places = [outputs[i] for i in usable]
        made_by = [histories[i] for i in usable]
        yield from map(Warned, header_notes(images, output_dtype, places))
        noise = (yield from _noise_to_compare(images)) if doubt else None
        how = _How(model, output_dtype, noise, doubt=doubt, is_kept=resume or client is not None)
        for source, path, history in zip(images, places, made_by, strict=True):
            if path in there.finished:
                denoiser.leave_out(source)
                Unfinished.beside(path, "").remove()  # killed when only this was left to do
                written.append(path)
                continue
            try:
                is_whole = yield from _write(denoiser, source, path, history, how, should_stop)
            except InputError as error:
                failed.append(error)
                continue
            if not is_whole:
                break
            written.append(path)
    if failed and not written and not should_stop():
        raise failed[0]
    yield from (ImageFailed(f"Left out: {error}") for error in failed)
    return written


def _noise_to_compare(
    images: Sequence[ImageSource],
) -> Generator[Event, Decision | None, Autocorrelation | None]:
    """Measure the noise that what is removed is compared with; say so if it is not known."""
    try:
        stacks = list(map(as_measured, images))
        evidence = measure_evidence(stacks, ExtractorConfig(), "2D", removal=PatternRemoval())
    except InputError as error:
        yield Warned(f"There is no map of doubt. {error}")
        return None
    if evidence.autocorrelation.is_strength_known:
        return evidence.autocorrelation
    yield Warned("There is no map of doubt: noise and structure could not be told apart.")
    return None


class _Result:
    """The files of one denoised stack."""

    def __init__(self, source: ImageSource, stack: StackWriter) -> None:
        self._source = as_measured(source)
        self._writers = [stack]
        self._noise: Autocorrelation | None = None

    def add_doubt(self, files: ExitStack, noise: Autocorrelation) -> None:
        """Write a map of doubt beside the result."""
        self._noise = noise
        path = doubt_file(self._writers[0].path)
        writer = StackWriter(path, self._source, history=history_of_map(self._writers[0].history))
        self._writers.append(files.enter_context(writer))

    def write(self, z: int, image: NDArray[np.float32]) -> None:
        """Write slice ``z``, (y, x)."""
        self._writers[0].write(z, image)
        if self._noise is not None:
            result = as_read(self._source, z, image)
            doubt = doubt_of(self._source.read_slice(z), result, self._noise)
            # the writer adds what was taken off the intensities, and these are none
            offset = self._source.metadata.offset
            self._writers[1].write(z, doubt.map.astype(np.float64) - offset)

    def discard(self) -> None:
        """Leave no file behind."""
        for writer in self._writers:
            writer.discard()


@dataclass(frozen=True)
class _How:
    """How results are written."""

    model: TrainedModel
    output_dtype: OutputDtype
    noise: Autocorrelation | None
    doubt: bool
    is_kept: bool

    def told(self, history: dict[str, object]) -> dict[str, object]:
        """Return what a result says of itself."""
        return without_map(history) if self.doubt and self.noise is None else history

    def journal(
        self, source: ImageSource, path: Path, history: dict[str, object]
    ) -> Unfinished | None:
        """Return what a result is gone on with after a crash; None if it cannot be."""
        if not self.is_kept or self.noise is not None:  # a map of doubt needs the slices themselves
            return None
        return journal_of(source, path, history, self.model.digest)


def _write(
    denoiser: Denoiser | ClusterDenoiser,
    source: ImageSource,
    path: Path,
    history: dict[str, object],
    how: _How,
    should_stop: Callable[[], bool],
) -> Generator[Event, Decision | None, bool]:
    """Denoise one image into its file, which appears at the end; False if it was stopped."""
    told = how.told(history)
    journal = how.journal(source, path, told)
    ensure_writable_folder(path.parent)
    with ExitStack() as files:
        writer = StackWriter(
            path, source, output_dtype=how.output_dtype, history=told, unfinished=journal
        )
        stack = files.enter_context(writer)
        result = _Result(source, stack)
        if how.noise is not None:
            result.add_doubt(files, how.noise)
        if isinstance(denoiser, ClusterDenoiser):
            yield from denoiser.denoise(source, stack)
        else:
            yield from denoiser.denoise(source, StackTarget(result.write, stack.finished))
        if should_stop():
            result.discard()
            return False
    (journal or Unfinished.beside(path, "")).remove()
    return True
