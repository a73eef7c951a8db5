"""From a configuration to all that was written, in one call that waits."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autoStructN2V.inference.model_files import MODEL_FILES
from autoStructN2V.pipeline.channels.images import channels_of_input
from autoStructN2V.pipeline.channels.training import channel_events
from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.pipeline.files.drivers import RunOutput, file_events
from autoStructN2V.pipeline.run import finish
from autoStructN2V.trainers.events import EpochFinished, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoStructN2V.pipeline.events import Event

_log = logging.getLogger(__name__)


def run_pipeline(
    config: Mapping[str, Any] | PipelineConfig, *, resume: bool = False
) -> dict[str, Any]:
    """Train on files and write denoised images and models.

    Parameters
    ----------
    config : mapping or PipelineConfig
        Nested dictionary of the documented fields; what is missing takes its default. The field
        ``input_dir`` is required.
    resume : bool
        As in :func:`recorded_events`.

    Returns
    -------
    dict
        ``experiment_dir`` (folder of the experiment), ``final_results_dir`` (denoised images of
        the last stage that ran), ``model_dir``, ``report`` (the page that explains the result,
        or None), ``stage1`` and ``stage2`` (None, or a dictionary with ``model``,
        ``results_dir``, ``files`` and ``report``), ``mask`` (kernel as bool array, or None),
        ``is_stopped``, ``left_out`` (sentences on files that could not be used). With
        ``channels="each"``, ``files`` are the images with all channels by stage, and ``channels``
        holds such a dictionary for each channel, None where it was finished before the training
        was interrupted.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`; its text is one plain sentence.

    Examples
    --------
    >>> result = run_pipeline({"input_dir": "noisy.tif", "preset": "fast"})  # doctest: +SKIP
    >>> result["final_results_dir"]  # doctest: +SKIP
    """
    complete = validate_config(config)
    with _shown_log(complete.verbose):
        channels = channels_of_input(complete)
        if channels:
            joined = finish(channel_events(complete, channels, resume=resume), _log_event)
            outputs = [channel.output for channel in joined.channels]
            return {
                "experiment_dir": joined.folder,
                "final_results_dir": joined.folder / f"stage{max(joined.files, default=1)}",
                "model_dir": joined.folder,
                "is_stopped": joined.is_stopped,
                "files": joined.files,
                "channels": [None if one is None else _described(one) for one in outputs],
                "left_out": list(joined.left_out),
            }
        output: RunOutput = finish(file_events(complete, resume=resume), _log_event)
    return _described(output)


def _described(output: RunOutput) -> dict[str, Any]:
    """Return what a training left behind as plain values."""
    folders, result = output.folders, output.result
    stages = {1: result.stage1, 2: result.stage2}
    described = {
        f"stage{n}": None
        if stage is None
        else {
            "model": folders.model / MODEL_FILES[n],
            "results_dir": folders.stage_results(n),
            "files": output.files.get(n, []),
            "report": None if stage.report is None else stage.report.to_dict(),
        }
        for n, stage in stages.items()
    }
    last = max((n for n, stage in stages.items() if stage is not None), default=1)
    return {
        "experiment_dir": folders.experiment,
        "final_results_dir": folders.stage_results(last),
        "model_dir": folders.model,
        "report": output.report,
        "mask": None if result.kernel is None else result.kernel.to_array(),
        "is_stopped": result.is_stopped,
        "left_out": list(output.left_out),
        **described,
    }


@contextmanager
def _shown_log(is_shown: bool) -> Iterator[None]:
    """Write the log to the error stream for as long as the block lasts."""
    if not is_shown:
        yield
        return
    handler, level = logging.StreamHandler(), _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.removeHandler(handler)
        _log.setLevel(level)


def _log_event(event: Event) -> None:
    if isinstance(event, Warned):
        _log.warning(event.message)
    elif isinstance(event, EpochFinished):
        _log.info(
            "stage %d, epoch %d of %d: training loss %.4f, validation loss %.4f",
            event.stage,
            event.epoch,
            event.n_epochs,
            event.train_loss,
            event.val_loss,
        )
