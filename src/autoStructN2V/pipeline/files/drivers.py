"""The pipeline from files to files: thin drivers of the one generator."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.errors import ConfigError
from autoStructN2V.inference.model_files import PICTURE_FILE, REPORT_FILE
from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.pipeline.events import ImageFailed
from autoStructN2V.pipeline.files.opened_run import OpenedRun
from autoStructN2V.pipeline.files.recorder import FileSink, RunRecorder
from autoStructN2V.pipeline.report.writing import write_picture, write_report
from autoStructN2V.pipeline.results import ArraySink
from autoStructN2V.pipeline.run import pipeline_events
from autoStructN2V.trainers.events import EpochFinished, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.errors import InputError
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.pipeline.files.folders import RunFolders
    from autoStructN2V.pipeline.results import PipelineResult

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOutput:
    """What a training from files to files left behind.

    Attributes
    ----------
    folders : RunFolders
        Where it was written.
    result : PipelineResult
        Models, kernel and reports.
    files : dict of stage to list of Path
        Denoised images.
    left_out : tuple of str
        What is wrong with the files of a folder that could not be used, one sentence each.
    report : Path or None
        The page that explains the result; None if it could not be written.
    images : tuple of (str, Path or None)
        Names and files of the images that were used, in the order of ``files``.
    """

    folders: RunFolders
    result: PipelineResult
    files: dict[int, list[Path]]
    left_out: tuple[str, ...] = ()
    report: Path | None = None
    images: tuple[tuple[str, Path | None], ...] = ()


def file_events(
    config: Mapping[str, Any] | PipelineConfig,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    review: bool = False,
    resume: bool = False,
) -> Generator[Event, Decision | None, RunOutput]:
    """Train on the images of ``input_dir`` and write everything below the experiment's folder.

    Parameters
    ----------
    config : mapping or PipelineConfig
        Nested dictionary with at least ``input_dir``.
    should_stop, review
        As in :func:`pipeline_events`.
    resume
        As in :func:`recorded_events`.

    Yields
    ------
    Event
        See :mod:`autoStructN2V.pipeline.events`.

    Returns
    -------
    RunOutput
        As the value of the generator.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    complete = validate_config(config)
    unusable: list[InputError] = []
    sources = open_input(complete, unusable)
    return (
        yield from recorded_events(
            sources,
            complete,
            should_stop=should_stop,
            review=review,
            unusable=unusable,
            resume=resume,
        )
    )


def open_input(
    config: PipelineConfig, unusable: list[InputError] | None = None
) -> list[ImageSource]:
    """Open the images of ``input_dir``.

    Parameters
    ----------
    config : PipelineConfig
        Complete configuration.
    unusable : list, optional
        Takes the errors of files of a folder that cannot be opened, and the others are; without
        it, one such file is an error of the whole.

    Raises
    ------
    ConfigError
        If ``input_dir`` is missing.
    InputError
        If there is nothing that can be opened.
    """
    if config.input_dir is None:
        raise ConfigError("input_dir is missing; name an image file or a folder of images.")
    return open_images(
        config.input_dir,
        extension=config.searched_ending,
        mode=config.mode,
        axes=config.axes,
        channel=config.channel,
        timepoint=config.timepoint,
        triplets_along=config.triplets_along,
        unreadable=unusable,
    )


def recorded_events(
    sources: Sequence[ImageSource],
    config: Mapping[str, Any] | PipelineConfig,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    review: bool = False,
    preview_slice: Callable[[], int] | None = None,
    keep_arrays: bool = False,
    unusable: list[InputError] | None = None,
    resume: bool = False,
) -> Generator[Event, Decision | None, RunOutput]:
    """Train on images that are open already and write everything below the experiment's folder.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images.
    config : mapping or PipelineConfig
        Nested dictionary; ``input_dir`` is not read.
    should_stop, review, preview_slice
        As in :func:`pipeline_events`.
    keep_arrays : bool
        Whether results also carry the denoised stacks in memory.
    unusable : list, optional
        What is wrong with files that could not be opened; takes what is wrong with others, and is
        reported at the end. Without it, one image that cannot be used is an error of the whole.
    resume : bool
        Whether to go on with the newest interrupted training of the experiment, if there is one;
        images and settings have to be those of then.

    Yields
    ------
    Event
        See :mod:`autoStructN2V.pipeline.events`.

    Returns
    -------
    RunOutput
        As the value of the generator.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    complete = validate_config(config)
    sources = without_offset(sources)
    with closing(OpenedRun.open(complete, sources, resume=resume)) as run:
        memory = ArraySink() if keep_arrays else None
        sink = FileSink(run.folders, complete, run.checkpoints, memory)
        run.notes += header_notes(sources, complete.output_dtype)
        events = pipeline_events(
            sources,
            complete,
            should_stop=should_stop,
            review=review,
            preview_slice=preview_slice,
            sink=sink,
            unusable=unusable,
            checkpoints=run.checkpoints,
        )
        with closing(events):  # it lets go of its files before others may have the folder
            return (yield from _recorded(events, run, sink, [] if unusable is None else unusable))


def _recorded(
    events: Generator[Event, Decision | None, PipelineResult],
    run: OpenedRun,
    sink: FileSink,
    unusable: list[InputError],
) -> Generator[Event, Decision | None, RunOutput]:
    """Hand on events, and write what they bring; return what the run left behind."""
    recorder: RunRecorder | None = None
    answer: Decision | None = None
    began = time.monotonic() - run.checkpoints.seconds
    while True:
        try:
            event = events.send(answer)
        except StopIteration as end:
            result: PipelineResult = end.value
            break
        except BaseException:
            if recorder is None:
                run.folders.remove_unused()
            raise
        # the first event comes after all checks: what is refused leaves no files
        if recorder is None:
            run.begin()
            recorder = RunRecorder(run.folders, run.config)
        recorder.record(event)
        if isinstance(event, EpochFinished):
            run.checkpoints.keep_seconds(time.monotonic() - began)
        while run.notes:
            yield Warned(run.notes.pop(0))
        answer = yield event
    left_out = tuple(str(error) for error in unusable)
    yield from (ImageFailed(f"Left out: {reason}") for reason in left_out)
    recorder = recorder or RunRecorder(run.folders, run.config)
    recorder.finish(result, left_out)
    report = yield from _reported(recorder, result, sink, time.monotonic() - began)
    run.finish(is_stopped=result.is_stopped)
    return RunOutput(run.folders, result, sink.files, left_out, report, recorder.images)


def _reported(
    recorder: RunRecorder, result: PipelineResult, sink: FileSink, seconds: float
) -> Generator[Event, Decision | None, Path | None]:
    """Write the report; a run whose report cannot be written is as good as any other."""
    path = recorder.folders.model / REPORT_FILE
    try:
        record = recorder.run_record(result, sink, seconds)
        if record is None:
            return None
        write_report(record, path)
        write_picture(record, path.with_name(PICTURE_FILE))
    except Exception as error:
        _log.debug("The report could not be written", exc_info=True)
        yield Warned(f"The report could not be written ({error}); all other files are complete.")
        return None
    return path
