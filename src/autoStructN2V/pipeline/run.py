"""The pipeline: stage 1, kernel, decision, stage 2, as one generator of events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

from autoStructN2V.datasets.images.checks import as_source, check_each, check_layout
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.sources import ImageSource
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import DeviceError, InputError, UserError
from autoStructN2V.masking.fading import evened, fading_sentences
from autoStructN2V.masking.frames.prediction import movement_sentence, predicted_share
from autoStructN2V.masking.invalid.finding import only_signal
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.models.device import choose_device, is_out_of_memory
from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.pipeline.events import ImagesRead
from autoStructN2V.pipeline.forecast.enough_memory import require_memory
from autoStructN2V.pipeline.forecast.estimate import estimate_run
from autoStructN2V.pipeline.going_on.start import Start
from autoStructN2V.pipeline.job import Job
from autoStructN2V.pipeline.results import ArraySink, PipelineResult, ResultSink
from autoStructN2V.pipeline.steps.grid import grid_of_training
from autoStructN2V.pipeline.steps.kernel_review import decide_kernel
from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
from autoStructN2V.pipeline.steps.preparing import PreparedImages, prepared_images
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    import torch
    from numpy.typing import ArrayLike

    from autoStructN2V.masking.invalid.source import SignalSource
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints

ResultT = TypeVar("ResultT")


def pipeline_events(
    images: ArrayLike | ImageSource | Sequence[ArrayLike | ImageSource],
    config: Mapping[str, Any] | PipelineConfig,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    review: bool = False,
    preview_slice: Callable[[], int] | None = None,
    sink: ResultSink | None = None,
    unusable: list[InputError] | None = None,
    checkpoints: RunCheckpoints | None = None,
) -> Generator[Event, Decision | None, PipelineResult]:
    """Train on noisy images and denoise them, reporting every step.

    Parameters
    ----------
    images : array-like (y, x) or (z, y, x), source, or sequence of these
        Noisy images, integers or floating-point numbers, in any intensity unit; never modified.
    config : mapping or PipelineConfig
        Nested dictionary with any of the documented fields.
    should_stop : callable
        Asked after every batch and tile; True ends the run within a second. What is finished is
        kept and the result is marked as stopped.
    review : bool
        Whether to wait for a decision about the kernel. Send an :class:`Approve`,
        :class:`Regenerate` or :class:`Skip` in answer to :class:`KernelProposed`. Without review
        the proposal is approved unless a decision is sent.
    preview_slice : callable, optional
        Returns the index of the slice, counted through all stacks, that live previews should
        show; without it there are none.
    sink : ResultSink, optional
        Where denoised slices go; default: arrays in memory.
    unusable : list, optional
        Takes the errors of images that cannot be read, and the others are trained on and denoised;
        without it, one such image is an error of the whole.
    checkpoints : RunCheckpoints, optional
        What an interrupted run left, to go on from, and where more is kept.

    Yields
    ------
    Event
        See :mod:`autoStructN2V.pipeline.events`.

    Returns
    -------
    PipelineResult
        As the value of the generator; :func:`finish` returns it.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`, before any training where possible.

    References
    ----------
    Krull, Buchholz, Jug: Noise2Void. CVPR (2019). doi:10.1109/CVPR.2019.00223
    Broaddus et al.: Removing structured noise with self-supervised blind-spot networks. ISBI
    (2020). doi:10.1109/ISBI45749.2020.9098336
    """
    try:
        sources, complete = _sources(images), validate_config(config)
        with using_threads(complete.threads):
            return (
                yield from _run(
                    sources,
                    complete,
                    should_stop=should_stop,
                    review=review,
                    preview_slice=preview_slice,
                    sink=sink or ArraySink(),
                    unusable=unusable,
                    checkpoints=checkpoints,
                )
            )
    except (RuntimeError, MemoryError) as error:
        is_user_error = isinstance(error, UserError)
        if is_user_error or (isinstance(error, RuntimeError) and not is_out_of_memory(error)):
            raise
        raise DeviceError(
            "Memory ran out; lower batch_size, patch_size or features, close other programs, or "
            "choose another device."
        ) from error


def _run(
    sources: list[ImageSource],
    complete: PipelineConfig,
    *,
    should_stop: Callable[[], bool],
    review: bool,
    preview_slice: Callable[[], int] | None,
    sink: ResultSink,
    unusable: list[InputError] | None,
    checkpoints: RunCheckpoints | None,
) -> Generator[Event, Decision | None, PipelineResult]:
    device = choose_device(complete.device)
    kept = None if checkpoints is None else checkpoints.pixel_memory
    if kept is not None:  # whatever is free now
        complete = complete.model_copy(update={"pixel_memory": kept})
    _require_memory(sources, complete, device, sink)
    start = Start.of(complete)
    given = _given_kernel(complete, start)
    images = _prepared(sources, complete, should_stop, unusable)
    yield from map(Warned, images.sentences)
    if start is not None:
        start.require_same_images(images.sources)
        yield Warned(start.sentence)
    removal = find_patterns(images.sources, **complete.pattern_search, should_stop=should_stop)
    sources = [removal.applied_to(source) for source in images.sources]
    if removal.sentence:
        yield Warned(removal.sentence)
    noise = NoiseMeasurement(sources, removal, complete.mode, complete.stage2.extractor)
    noise.grid = grid_of_training(sources, noise, complete, given)
    if noise.grid.is_coarse:
        yield Warned(noise.grid.sentence)
    yield from _told_of_movement(noise, complete)
    even = evened(sources, is_wanted=complete.match_intensities, should_stop=should_stop)
    yield from map(Warned, fading_sentences(even))
    job = Job(
        originals=sources,
        evened=even,
        noise=noise,
        config=complete,
        should_stop=should_stop,
        sink=sink,
        preview_slice=preview_slice,
        normalization=estimate_normalization(noise.grid.of(even)),
        device=device,
        removal=removal,
        checkpoints=checkpoints,
        is_matched=images.is_matched,
        is_as_stored=images.is_as_stored,
        start=start,
    )
    if should_stop():
        return job.result(None, None)
    yield ImagesRead(tuple(images.sources), removal)
    if complete.method == "n2v" or complete.run_stage1 or complete.stage1_model:
        yield from job.first_stage()
    if complete.last_stage == 1 or should_stop():
        yield from job.judge()
        return job.result(None, None)
    return (yield from _second_stage(job, given, waits=review))


def _second_stage(
    job: Job, given: Kernel | None, *, waits: bool
) -> Generator[Event, Decision | None, PipelineResult]:
    """Find the kernel unless it is given, train stage 2 with it, and return what was reached."""
    kernel, proposal = given, None
    if kernel is None:
        kernel, proposal = yield from decide_kernel(
            job.noise, job.should_stop, waits=waits, checkpoints=job.checkpoints
        )
    if kernel is not None and not job.should_stop():
        yield from job.train_stage(2, job.config.stage2, kernel)
        yield from job.compare_stages()
    yield from job.judge()
    return job.result(kernel, proposal)


def _require_memory(
    sources: Sequence[ImageSource],
    config: PipelineConfig,
    device: torch.device,
    sink: ResultSink,
) -> None:
    """Refuse a training that needs more memory than is free."""
    shapes, is_in_files = [source.shape for source in sources], not isinstance(sink, ArraySink)
    needed = estimate_run(config, shapes, device, is_in_files=is_in_files).n_bytes
    require_memory(needed, device, "This training")


def _told_of_movement(
    noise: NoiseMeasurement, config: PipelineConfig
) -> Generator[Event, Decision | None, None]:
    """Warn of a sample that moves fast, where neighboring frames are to help."""
    measured = noise.as_recorded() if config.is_along_time else None
    if measured is not None:
        sentence = movement_sentence(predicted_share(noise.sources, measured))
        yield from map(Warned, [sentence] if sentence else [])


def _prepared(
    sources: list[ImageSource],
    config: PipelineConfig,
    should_stop: Callable[[], bool],
    unusable: list[InputError] | None,
) -> PreparedImages:
    """Return the images that can be trained on as the run reads them."""
    plain = without_offset(sources)
    known = only_signal(plain, should_stop, repair_outliers=config.repair_outliers)
    usable, notes = _checked(known, config, should_stop, unusable)
    images = prepared_images(usable, config, should_stop)
    return replace(images, sentences=notes + images.sentences)


def _checked(
    sources: list[SignalSource],
    config: PipelineConfig,
    should_stop: Callable[[], bool],
    unusable: list[InputError] | None,
) -> tuple[list[SignalSource], list[str]]:
    """Return the images that can be trained on, and what is to be said about them.

    What the settings ask for is a matter of all images, which other settings could serve; what a
    file is costs itself alone, if the others can do without it.
    """
    largest = max(stage.patch_size for stage in config.used_stages)
    check_layout(sources, patch_size=largest, mode=config.mode)
    notes, refused = check_each(sources, should_stop=should_stop)
    errors = list(refused.values())
    if errors and (unusable is None or len(errors) == len(sources)):
        raise errors[0]
    if unusable is not None:
        unusable += errors
    return [source for i, source in enumerate(sources) if i not in refused], notes


def finish(
    events: Generator[Event, Decision | None, ResultT],
    report: Callable[[Event], None] = lambda event: None,
) -> ResultT:
    """Run a job to its end and return its result.

    Parameters
    ----------
    events : generator
        From :func:`pipeline_events` or another function that returns a generator of events.
    report : callable
        Called with every event.
    """
    while True:
        try:
            report(next(events))
        except StopIteration as end:
            result: ResultT = end.value
            return result


def _sources(images: Any) -> list[ImageSource]:
    """Return what was given as sources: one image, or several in a list or another iterable."""
    is_one = isinstance(images, ImageSource) or hasattr(images, "shape")
    if is_one or isinstance(images, str | bytes | PathLike) or not isinstance(images, Iterable):
        given = [images]
    else:
        given = list(images)
        if given and not (isinstance(given[0], ImageSource) or hasattr(given[0], "shape")):
            given = [given]  # nested lists of numbers are one image
    if not given:
        raise InputError("No image was given; at least one is needed.")
    return [image if isinstance(image, ImageSource) else as_source(image) for image in given]


def _given_kernel(config: PipelineConfig, start: Start | None) -> Kernel | None:
    """Return the kernel of the model that is gone on from, or from a file, if one is named."""
    path = config.stage2.mask_file_path
    if config.last_stage == 1:
        return None
    if start is not None and (kept := start.kernel(config)) is not None:
        return kept
    if config.stage2.mask_source != "file":
        return None
    assert path is not None  # the configuration checks it
    return Kernel.load(path, config.mode)
