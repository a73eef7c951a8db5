"""The command ``denoise``, which applies a trained model."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

# these packages load what is named when it is named: a help text shall not load PyTorch
from autoStructN2V import datasets, inference, pipeline
from autoStructN2V.cli import options  # noqa: TC001 (read by typer)
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.cli.stopping import StoppedError, stop_requested
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.pipeline import channels as each_channel
from autoStructN2V.pipeline import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoStructN2V.inference import TrainedModel


def denoise(
    source: options.Input,
    model: options.Model,
    output: options.ResultPlace,
    stage: options.Stage = None,
    device: options.Device = None,
    threads: options.Threads = 0,
    axes: options.Axes = None,
    channel: options.Channel = None,
    timepoint: options.Timepoint = None,
    output_dtype: options.Dtype = "float32",
    resume: options.KeepFinished = False,
    overwrite: options.Overwrite = False,
    doubt: options.Doubt = False,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    verbose: options.Verbose = False,
) -> None:
    """Apply a trained model to other images."""
    if resume and overwrite:
        raise ConfigError(
            "--resume keeps results that exist and --overwrite replaces them; choose one of them."
        )
    how: dict[str, Any] = {"device": device or "auto", "threads": threads, "doubt": doubt}
    how |= {"output_dtype": output_dtype, "overwrite": overwrite, "resume": resume}
    if channel is None and inference.channel_folders(model):
        _refuse_for_channels({"--workers": workers, "--scheduler": scheduler})
        models = each_channel.models_of_channels(model, stage)
        chosen = {"axes": axes, "timepoint": timepoint}
        return _denoise_each(source, models, output, verbose=verbose, **chosen, **how)
    trained = _chosen_model(_of_channel(model, channel), stage)
    unreadable: list[InputError] = []
    sources = datasets.open_images(
        source,
        mode=trained.mode,
        axes=axes,
        channel=channel,
        timepoint=timepoint,
        triplets_along=trained.triplets_along,
        unreadable=unreadable,
    )
    outputs = pipeline.output_files(
        sources, source, output, stage=trained.stage_in_names, overwrite=overwrite, resume=resume
    )
    with (
        _cluster(workers, scheduler, outputs, doubt=doubt) as client,
        ProgressView(verbose=verbose) as view,
    ):
        events = pipeline.denoise_events(
            sources,
            trained,
            outputs,
            should_stop=stop_requested.is_set,
            unreadable=unreadable,
            client=client,
            **how,
        )
        written = pipeline.finish(events, view.show)
    _print_written(written, n_images=len(outputs) + len(unreadable), doubt=doubt)


def _refuse_for_channels(options: dict[str, Any]) -> None:
    for name in (name for name, value in options.items() if value):
        raise ConfigError(
            f"{name} is for the model of one channel, and this folder has one for each; add "
            f"--channel, or leave {name} out."
        )


@contextmanager
def _cluster(
    workers: int | None, scheduler: str | None, outputs: list[Path], *, doubt: bool
) -> Iterator[Any]:
    """Give a client of the cluster that is asked for, or None."""
    if workers is None and scheduler is None:
        yield None
        return
    cluster.require_stores(outputs, doubt=doubt)
    with cluster.open_client(scheduler, workers) as client:
        yield client


def _denoise_each(
    source: Path, models: list[TrainedModel], output: Path, *, verbose: bool, **more: Any
) -> None:
    """Apply the models of all channels."""
    with ProgressView(verbose=verbose) as view:
        events = each_channel.denoise_channels(
            source, models, output, should_stop=stop_requested.is_set, **more
        )
        made = pipeline.finish(events, view.show)
    _print_written(made.files, made.n_images, doubt=bool(more["doubt"]))


def _of_channel(model: Path, channel: int | None) -> Path:
    """Return the folder of the model of one channel, if there is one for each."""
    folders = inference.channel_folders(model)
    if channel is None or not folders:
        return model
    if channel >= len(folders):
        raise ConfigError(
            f"{model} holds models of {len(folders)} channels, from 0 to {len(folders) - 1}, and "
            f"none of channel {channel}; choose one of them."
        )
    return folders[channel]


def _chosen_model(model: Path, stage: int | None) -> TrainedModel:
    """Load the model of a stage, or of the last that there is."""
    models = pipeline.find_models(model)
    if stage is not None and stage not in models:
        raise ConfigError(f"{model} holds no model of stage {stage}; available: {sorted(models)}.")
    return inference.load_model(models[stage or max(models)])


def _print_written(written: list[Path], n_images: int, *, doubt: bool) -> None:
    """Say what was written, and that it is not everything, if so."""
    for path in written:
        maps = filter(Path.exists, [pipeline.doubt_file(path)] if doubt else [])
        for file in (path, *maps):
            Console(highlight=False, soft_wrap=True).print(escape(str(file)))
    if len(written) < n_images and stop_requested.is_set():
        raise StoppedError(
            f"{len(written)} of {n_images} images were written; the same command with --resume "
            "makes the others."
        )
    if len(written) < n_images:
        raise InputError(
            f"{n_images - len(written)} of {n_images} images could not be denoised, see the notes "
            "above; the others were written."
        )
