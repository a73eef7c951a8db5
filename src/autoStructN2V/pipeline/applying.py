"""A trained model applied to other images."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.checks import check_each
from autoStructN2V.datasets.images.formats.history import is_result_of
from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.names import doubt_file, refuse_existing
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.datasets.images.validity import as_read
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.datasets.mixed import matched
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.inference.doubt import doubt_of
from autoStructN2V.masking.invalid.finding import invalid_sentences, only_signal
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.masking.scanning.source import aligned, shift_sentences
from autoStructN2V.models.device import choose_device
from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.cluster.denoising import ClusterDenoiser, require_stores
from autoStructN2V.pipeline.events import ImageFailed
from autoStructN2V.pipeline.forecast.enough_memory import require_memory
from autoStructN2V.pipeline.forecast.estimate import denoising_bytes
from autoStructN2V.pipeline.results import ArraySink, ResultSink, StackTarget
from autoStructN2V.pipeline.steps.denoising import Denoiser
from autoStructN2V.pipeline.suitability import differences
from autoStructN2V.sampling import evenly
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.invalid.source import SignalSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype


_SLICES_TO_KNOW_BY = 4


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
    finished = _finished(sources, outputs, histories, doubt=doubt) if resume else set()
    if not overwrite:
        maps = list(map(doubt_file, outputs)) if doubt else []
        refuse_existing([path for path in [*outputs, *maps] if path not in finished])
    known = _known(sources, model, should_stop)
    usable, notes, refused = _usable(known, should_stop)
    failed = [*unreadable, *refused.values()]
    written: list[Path] = []
    with using_threads(threads):
        prepared = [known[i] for i in usable]
        images, denoiser = yield from _prepared(prepared, model, device, should_stop, notes, client)
        places = [outputs[i] for i in usable]
        made_by = [histories[i] for i in usable]
        yield from map(Warned, header_notes(images, output_dtype, places))
        noise = (yield from _noise_to_compare(images)) if doubt else None
        for source, path, history in zip(images, places, made_by, strict=True):
            if path in finished:
                denoiser.leave_out(source)
                written.append(path)
                continue
            # a map of doubt needs the slices themselves
            is_kept = (resume and not doubt) or client is not None
            try:
                journal = _journal(source, path, history, model) if is_kept else None
                writer = StackWriter(
                    path, source, output_dtype=output_dtype, history=history, unfinished=journal
                )
                yield from _write(denoiser, source, writer, noise, should_stop)
            except InputError as error:
                failed.append(error)
                continue
            if should_stop():
                break
            written.append(path)
            if journal is not None:
                journal.path.unlink(missing_ok=True)
    if failed and not written and not should_stop():
        raise failed[0]
    yield from (ImageFailed(f"Left out: {error}") for error in failed)
    return written


def _noise_to_compare(
    images: Sequence[ImageSource],
) -> Generator[Event, Decision | None, Autocorrelation | None]:
    """Measure the noise that what is removed is compared with; say so if it is not known."""
    try:
        evidence = measure_evidence(images, ExtractorConfig(), "2D", removal=PatternRemoval())
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
        self._source = source
        self._writers = [stack]
        self._noise: Autocorrelation | None = None

    def add_doubt(self, files: ExitStack, noise: Autocorrelation) -> None:
        """Write a map of doubt beside the result."""
        self._noise = noise
        path = doubt_file(self._writers[0].path)
        writer = StackWriter(path, self._source, history=_of_doubt(self._writers[0].history))
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


def _write(
    denoiser: Denoiser | ClusterDenoiser,
    source: ImageSource,
    writer: StackWriter,
    noise: Autocorrelation | None,
    should_stop: Callable[[], bool],
) -> Generator[Event, Decision | None, None]:
    """Denoise one image into its file, which appears at the end unless it was stopped."""
    ensure_writable_folder(writer.path.parent)
    with ExitStack() as files:
        stack = files.enter_context(writer)
        result = _Result(source, stack)
        if noise is not None:
            result.add_doubt(files, noise)
        if isinstance(denoiser, ClusterDenoiser):
            yield from denoiser.denoise(source, stack)
        else:
            yield from denoiser.denoise(source, StackTarget(result.write, stack.finished))
        if should_stop():
            result.discard()


def history_of(model: TrainedModel, source: ImageSource, dtype: OutputDtype) -> dict[str, object]:
    """Return what a result says of itself: its model, its type, and the state of its image."""
    file = source.metadata.path
    state = file.stat() if file is not None and file.exists() else None
    image = None if state is None else {"bytes": state.st_size, "modified_ns": state.st_mtime_ns}
    return {"model": model.provenance, "stage": model.stage, "type": dtype, "image": image}


def _journal(
    source: ImageSource, path: Path, history: dict[str, object], model: TrainedModel
) -> Unfinished:
    """Return the journal of a result; it is of no use for other pixels or another model."""
    pixels = None
    file = source.metadata.path
    if file is None or not file.is_file():  # of a store, dates and sizes say nothing
        few = evenly(source.shape[0], _SLICES_TO_KNOW_BY)
        pixels = [zlib.crc32(source.read_slice(z).data) for z in few]
    return Unfinished.beside(path, repr((source.name, source.shape, history, model.digest, pixels)))


def _finished(
    sources: Sequence[ImageSource],
    outputs: Sequence[Path],
    histories: Sequence[dict[str, object]],
    *,
    doubt: bool,
) -> set[Path]:
    """Return the files that are results of this model and these images, with their maps."""
    finished: set[Path] = set()
    for source, path, history in zip(sources, outputs, histories, strict=True):
        is_finished = is_result_of(path, source, history)
        if doubt:
            chart = doubt_file(path)
            has_map = is_result_of(chart, source, _of_doubt(history))
            finished |= {chart} if has_map else set()
            is_finished = is_finished and has_map
        finished |= {path} if is_finished else set()
    return finished


def _of_doubt(history: Mapping[str, object]) -> dict[str, object]:
    """Return how a map of doubt was made, from how its result was."""
    return {**history, "result": "map of doubt"}


def _known(
    sources: Sequence[ImageSource], model: TrainedModel, should_stop: Callable[[], bool]
) -> list[SignalSource]:
    """Return stacks that know which of their pixels are no signal; none is read."""
    repairs = bool(model.provenance.get("repair_outliers", True))
    return only_signal(without_offset(sources), should_stop, repair_outliers=repairs)


def _usable(
    sources: Sequence[SignalSource], should_stop: Callable[[], bool]
) -> tuple[list[int], list[str], dict[int, InputError]]:
    """Return which images can be denoised, notes, and what is wrong with the others."""
    if not sources:
        raise InputError("There are no images; choose a file or folder that holds some.")
    notes, refused = check_each(sources, should_stop=should_stop)
    usable = [i for i in range(len(sources)) if i not in refused]
    if not usable:
        raise next(iter(refused.values()))
    return usable, notes + invalid_sentences([sources[i] for i in usable]), refused


def denoise_array_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    sink: ResultSink | None = None,
) -> Generator[Event, Decision | None, list[NDArray[np.float32]] | None]:
    """Apply a trained model to images and keep the results in memory.

    Parameters
    ----------
    sources, model, device, threads, should_stop
        As in :func:`denoise_events`.
    sink : ResultSink, optional
        Where denoised slices go; default: arrays in memory.

    Yields
    ------
    PredictionProgress, Warned
        Progress over all sources.

    Returns
    -------
    list of (z, y, x) float32 arrays, or None
        Input intensities, one for each source; None when stopped, or when the sink holds none.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    known = _known(sources, model, should_stop)
    _, notes, refused = _usable(known, should_stop)
    if refused:
        raise next(iter(refused.values()))
    sink = sink or ArraySink()
    with using_threads(threads):
        images, denoiser = yield from _prepared(known, model, device, should_stop, notes)
        assert isinstance(denoiser, Denoiser)
        for source in images:
            with sink.writer(model, source) as target:
                yield from denoiser.denoise(source, target)
            if should_stop():
                return None
    return sink.arrays(model.stage)


def _network(
    model: TrainedModel, sources: Sequence[ImageSource], device: torch.device
) -> FlexibleUNet:
    """Return the network of a model, if there is enough memory to apply it here."""
    shapes = [source.shape for source in sources]
    needed = denoising_bytes(model.network_config, model.mode, shapes, device)
    require_memory(needed, device, "Denoising these images")
    return model.build(device)


def _prepared(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    device: DeviceName,
    should_stop: Callable[[], bool],
    notes: Sequence[str],
    client: Any = None,
) -> Generator[Event, Decision | None, tuple[list[ImageSource], Denoiser | ClusterDenoiser]]:
    """Prepare a model and images that can be denoised; yield what is to be said about these."""
    network = None if client is not None else _network(model, sources, choose_device(device))
    found = list(notes)
    is_wanted = bool(model.provenance.get("align_rows"))
    sources = aligned(sources, is_wanted=is_wanted, should_stop=should_stop)
    found += shift_sentences(sources)
    is_matched = bool(model.provenance.get("is_matched"))
    if is_matched:  # each image for itself, as in the training
        scales = [estimate_normalization([source]) for source in sources]
        sources = matched(sources, scales, model.normalization)
    removal = find_patterns(
        sources,
        remove_periodic=bool(model.provenance.get("remove_periodic")),
        remove_stripes=model.provenance.get("remove_stripes", "off"),
        edits=model.pattern_edits,
        should_stop=should_stop,
    )
    images = [removal.applied_to(source) for source in sources]
    if removal.sentence:
        found.append(removal.sentence)
    found += differences(images, model, should_stop, removal=removal)
    for message in found:
        yield Warned(message)
    offset = model.normalization.offset if is_matched else sources[0].metadata.offset
    fitted = replace(model, normalization=model.normalization.relative_to(offset))
    if network is None:
        return images, ClusterDenoiser(client, fitted, images, should_stop, device)
    return images, Denoiser(fitted, network, images, should_stop)
