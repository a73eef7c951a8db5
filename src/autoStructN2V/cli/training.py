"""The commands that train: ``train`` and ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

# these packages load what is named when it is named: a help text shall not load PyTorch
from autoStructN2V import datasets, pipeline
from autoStructN2V.cli import options  # noqa: TC001 (read by typer)
from autoStructN2V.cli.demonstration import run_demo
from autoStructN2V.cli.forecast import forecast
from autoStructN2V.cli.notes import note
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.cli.stopping import StoppedError, stop_requested
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.pipeline import channels as each_channel
from autoStructN2V.pipeline import configuration, files

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PipelineConfig, RunOutput
    from autoStructN2V.pipeline.channels import ChannelImages, ChannelsOutput
    from autoStructN2V.vocabulary import GoingOn, PresetName


def train(
    source: options.Input,
    output: options.ResultFolder,
    method: options.MethodOption = None,
    mode: options.ModeOption = None,
    triplets_along: options.TripletsAlongOption = None,
    preset: options.Preset = None,
    config: options.ConfigFile = None,
    mask: options.Mask = None,
    skip_stage1: options.SkipStage1 = False,
    skip_stage2: options.SkipStage2 = False,
    stage1_model: options.Stage1Model = None,
    continued: options.Continue = None,
    fine_tuned: options.FineTune = None,
    new_kernel: options.NewKernel = False,
    device: options.Device = None,
    seed: options.Seed = None,
    axes: options.Axes = None,
    channel: options.Channel = None,
    channels: options.ChannelsOption = None,
    timepoint: options.Timepoint = None,
    output_dtype: options.DtypeIfOther = None,
    resume: options.Resume = False,
    setting: options.Settings = None,
    verbose: options.Verbose = False,
) -> None:
    """Train on noisy images and denoise them."""
    datasets.refuse_file(output)
    given: dict[str, Any] = {
        "input_dir": source,
        "output_dir": output.resolve().parent,
        "experiment_name": output.resolve().name,
        "method": method,
        "mode": mode,
        "triplets_along": triplets_along,
        "preset": preset,
        "stage1_model": stage1_model,
        "device": device,
        "random_seed": seed,
        "axes": axes,
        "channel": channel,
        "channels": channels,
        "timepoint": timepoint,
        "output_dtype": output_dtype,
        "keep_kernel": False if mask else None,
        "run_stage1": False if skip_stage1 else None,
        "run_stage2": False if skip_stage2 else None,
        "stage2": _kernel_source(mask, skip_stage1),
    }
    begun = _begun_with(continued, fine_tuned, preset, new_kernel=new_kernel)
    nested = configuration.merged(begun, _nested(config, given, setting or []))
    complete = configuration.validate_config(nested)
    stages = {"--mask": mask, "--skip-stage1": skip_stage1, "--stage1-model": stage1_model}
    _refuse_unused(complete, stages)
    if not resume:
        _tell_of_interrupted(output.resolve())
    _train(nested, complete, verbose=verbose, resume=resume)


def _nested(config: Path | None, given: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """Join a configuration file, the options that were given, and single fields, the last wins."""
    nested = configuration.merged(
        configuration.read_config(config) if config else {},
        {field: value for field, value in given.items() if value is not None},
    )
    return configuration.merged(nested, configuration.read_settings(settings))


def _begun_with(
    continued: Path | None,
    fine_tuned: Path | None,
    preset: PresetName | None,
    *,
    new_kernel: bool,
) -> dict[str, Any]:
    """Return the settings of the model that the training goes on from, if from one."""
    model = continued or fine_tuned
    if continued is not None and fine_tuned is not None:
        raise ConfigError(
            "--continue trains a model on and --fine-tune adapts it to other images; choose one."
        )
    if model is None and new_kernel:
        raise ConfigError("--new-kernel goes with --continue or --fine-tune; drop it.")
    if model is None:
        return {}
    how: GoingOn = "fine_tune" if continued is None else "continue"
    return pipeline.go_on(model, how, preset) | {"keep_kernel": not new_kernel}


def _tell_of_interrupted(output: Path) -> None:
    """Say of the last interrupted training of a folder how it would go on."""
    for training in files.find_interrupted(output)[:1]:
        note(
            f"The interrupted training of {training.began} is left as it is; --resume goes on with "
            f"it, and deleting the folder {training.checkpoints.folder} discards it."
        )
    for folder in each_channel.find_interrupted_channels(output)[:1]:
        note(
            f"The interrupted training of {folder.began} ({folder.how_far()}) is left as it is; "
            f"with --resume it goes on, and without the folder {folder.path} it is forgotten."
        )


def _train(
    nested: dict[str, Any], complete: PipelineConfig, *, verbose: bool, resume: bool
) -> None:
    """Train, show how far it is, and say what was written."""
    channels = each_channel.channels_of_input(complete)
    if channels:
        _train_each(complete, channels, verbose=verbose, resume=resume)
        return
    unusable: list[InputError] = []
    sources = files.open_input(complete, unusable)
    n_unreadable = len(unusable)
    with ProgressView(verbose=verbose) as view:
        view.introduce(lambda: forecast(nested, [image.shape for image in sources]))
        events = files.recorded_events(
            sources,
            complete,
            should_stop=stop_requested.is_set,
            unusable=unusable,
            resume=resume,
        )
        finished: RunOutput = pipeline.finish(events, view.show)
    if finished.result.is_stopped:
        raise StoppedError(
            f"what was finished is in {finished.folders.experiment}; the same command with "
            "--resume goes on."
        )
    _print_training(finished)
    _refuse_left_out(len(finished.left_out), len(sources) + n_unreadable)


def _train_each(
    complete: PipelineConfig, channels: list[ChannelImages], *, verbose: bool, resume: bool
) -> None:
    """Train a model for each channel."""
    n_images = len({str(e) for c in channels for e in c.unusable or ()}) + len(channels[0].sources)
    with ProgressView(verbose=verbose) as view:
        events = each_channel.channel_events(
            complete, channels, should_stop=stop_requested.is_set, resume=resume
        )
        finished: ChannelsOutput = pipeline.finish(events, view.show)
    if finished.is_stopped:
        raise StoppedError(
            f"what was finished is in {finished.folder}; the same command with --resume goes on."
        )
    _print_model(finished.files, finished.folder)
    _refuse_left_out(len(finished.left_out), n_images)


def _refuse_left_out(n_left_out: int, n_images: int) -> None:
    """End with an error if images could not be used."""
    if n_left_out:
        raise InputError(
            f"{n_left_out} of {n_images} images could not be used, see the notes above; the model "
            "was trained on the others, and their results were written."
        )


def _refuse_unused(config: PipelineConfig, options: dict[str, Any]) -> None:
    """Refuse options of stages that this training does not have."""
    given = [name for name, value in options.items() if value]
    if config.method == "n2v" and given:
        raise ConfigError(
            f"{' and '.join(given)} can be used with method autostructn2v only, and the method is "
            "n2v, which trains one network; drop the option, or choose --method autostructn2v."
        )
    if "--mask" in given and not config.run_stage2:
        raise ConfigError(
            "--mask is for stage 2, which this training leaves out; drop --mask, or train stage 2 "
            "(without --skip-stage2 and with run_stage2 true)."
        )


def _kernel_source(mask: Path | None, skip_stage1: bool) -> dict[str, Any] | None:
    if mask is not None:
        return {"mask_source": "file", "mask_file_path": mask}
    return {"mask_source": "extractor"} if skip_stage1 else None


def _print_training(output: RunOutput) -> None:
    _print_model(output.files, output.folders.model, output.report)


def _print_model(results: dict[int, list[Path]], folder: Path, report: Path | None = None) -> None:
    out = Console(highlight=False, soft_wrap=True)
    for stage, written in sorted(results.items()):
        for file in written:
            out.print(f"stage {stage}: {escape(str(file))}")
    model = escape(str(folder))
    out.print(f"model:   {model}")
    if report is not None:
        out.print(f"report:  {escape(str(report))}")
    out.print("To denoise more images with this model:")
    out.print(f'  autostructn2v denoise IMAGES --model "{model}" --output FOLDER')


def demo(
    output: options.DemoFolder = Path("demo_results"),
    open_viewer: options.OpenViewer = True,
    verbose: options.Verbose = False,
) -> None:
    """Make noisy images, denoise them and compare with the truth; takes minutes."""
    with ProgressView(verbose=verbose) as view:
        finished = run_demo(output, view.show, stop_requested.is_set, open_viewer=open_viewer)
    if finished is None:
        raise StoppedError(f"what was finished is in {output}.")
    out = Console(highlight=False, soft_wrap=True)
    out.print(finished.summary)
    out.print(f"before / after: {escape(str(finished.picture))}")
    _print_training(finished.output)
