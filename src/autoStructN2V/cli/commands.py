"""The commands. Each parses, calls the core, and prints what was written."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

# these packages load what is named when it is named: a help text shall not load PyTorch
from autoStructN2V import datasets, inference, pipeline
from autoStructN2V.cli.demonstration import run_demo
from autoStructN2V.cli.forecast import forecast
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.errors import ConfigError, InputError, UserError
from autoStructN2V.pipeline import configuration, files
from autoStructN2V.vocabulary import (
    DeviceName,
    Method,
    Mode,
    OutputDtype,
    PresetName,
    StripeRemoval,
)

if TYPE_CHECKING:
    from autoStructN2V.datasets import ImageSource
    from autoStructN2V.masking import ExtractorConfig
    from autoStructN2V.pipeline import PipelineConfig, RunOutput

stop_requested = threading.Event()


class StoppedError(UserError):
    """The person stopped the run; what was finished is kept."""


Input = Annotated[Path, typer.Argument(help="A TIFF file, or a folder of TIFF files.")]
Axes = Annotated[
    str | None, typer.Option(help="Names of the file's axes when it does not say, as ZYX.")
]
Channel = Annotated[int | None, typer.Option(help="Channel of a multichannel file, from 0.")]
Timepoint = Annotated[int | None, typer.Option(help="Timepoint of a series of stacks, from 0.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any field, as stage2.batch_size=4."),
]
ExtractorSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Extractor field, as base_percentile=60."),
]
RemoveStripes = Annotated[
    StripeRemoval | None,
    typer.Option(help="Leave out stripes along rows or columns; auto looks for them."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Report more, and errors in full.")]
Device = Annotated[DeviceName | None, typer.Option(help="auto takes a GPU when there is one.")]
ModeOption = Annotated[Mode | None, typer.Option(help="2.5D also sees the slices next to it.")]


def train(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A TIFF file or a folder.")],
    output: Annotated[Path, typer.Option(help="Folder for results and models.")],
    method: Annotated[
        Method | None, typer.Option(help="n2v: random noise only; autostructn2v: both kinds.")
    ] = None,
    mode: ModeOption = None,
    preset: Annotated[
        PresetName | None,
        typer.Option(help="fast takes minutes; balanced, the default, up to hours on a CPU."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration as a .json file.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Kernel (.npy) to use in stage 2.")] = None,
    skip_stage1: Annotated[
        bool, typer.Option("--skip-stage1", help="Train stage 2 only, with --mask or directly.")
    ] = False,
    skip_stage2: Annotated[bool, typer.Option("--skip-stage2", help="Train stage 1 only.")] = False,
    stage1_model: Annotated[
        Path | None, typer.Option(help="Model of an earlier training to use as stage 1.")
    ] = None,
    device: Device = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.")] = None,
    axes: Axes = None,
    channel: Channel = None,
    timepoint: Timepoint = None,
    output_dtype: Annotated[
        OutputDtype | None, typer.Option(help="float32, or the input's type, rounded.")
    ] = None,
    setting: Settings = None,
    verbose: Verbose = False,
) -> None:
    """Train on noisy images and denoise them."""
    given: dict[str, Any] = {
        "input_dir": source,
        "output_dir": output.resolve().parent,
        "experiment_name": output.resolve().name,
        "method": method,
        "mode": mode,
        "preset": preset,
        "stage1_model": stage1_model,
        "device": device,
        "random_seed": seed,
        "axes": axes,
        "channel": channel,
        "timepoint": timepoint,
        "output_dtype": output_dtype,
        "run_stage1": False if skip_stage1 else None,
        "run_stage2": False if skip_stage2 else None,
        "stage2": _kernel_source(mask, skip_stage1),
    }
    nested = configuration.merged(
        configuration.read_config(config) if config else {},
        {k: v for k, v in given.items() if v is not None},
    )
    nested = configuration.merged(nested, configuration.read_settings(setting or []))
    complete = configuration.validate_config(nested)
    _refuse_unused(
        complete,
        {"--mask": mask, "--skip-stage1": skip_stage1, "--stage1-model": stage1_model},
    )
    sources = files.open_input(complete)
    with ProgressView(verbose=verbose) as view:
        view.introduce(lambda: forecast(nested, [image.shape for image in sources]))
        events = files.recorded_events(sources, complete, should_stop=stop_requested.is_set)
        finished: RunOutput = pipeline.finish(events, view.show)
    if finished.result.is_stopped:
        raise StoppedError(f"what was finished is in {finished.folders.experiment}.")
    _print_training(finished)


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


def _extractor(settings: list[str] | None) -> ExtractorConfig:
    short = [setting.removeprefix("stage2.extractor.") for setting in settings or []]
    given = {"stage2": {"extractor": configuration.read_settings(short)}}
    return configuration.validate_config(given).stage2.extractor


def _print_training(output: RunOutput) -> None:
    out = Console(highlight=False, soft_wrap=True)
    for stage, written in sorted(output.files.items()):
        for file in written:
            out.print(f"stage {stage}: {escape(str(file))}")
    out.print(f"model:   {escape(str(output.folders.model))}")
    out.print("To denoise more images with this model:")
    model = escape(str(output.folders.model))
    out.print(f'  autostructn2v denoise IMAGES --model "{model}" --output FOLDER')


def denoise(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A TIFF file or a folder.")],
    model: Annotated[Path, typer.Option(help="Model folder of a training, or a .pth file.")],
    output: Annotated[Path, typer.Option(help="A .tif file for a single image, else a folder.")],
    stage: Annotated[
        int | None, typer.Option(min=1, max=2, help="Stage to apply; default: the last.")
    ] = None,
    device: Device = None,
    axes: Axes = None,
    channel: Channel = None,
    timepoint: Timepoint = None,
    output_dtype: Annotated[
        OutputDtype, typer.Option(help="float32, or the input's type, rounded.")
    ] = "float32",
    overwrite: Overwrite = False,
    verbose: Verbose = False,
) -> None:
    """Apply a trained model to other images."""
    models = pipeline.find_models(model)
    if stage is not None and stage not in models:
        raise ConfigError(f"{model} holds no model of stage {stage}; available: {sorted(models)}.")
    trained = inference.load_model(models[stage or max(models)])
    unreadable: list[InputError] = []
    sources = datasets.open_images(
        source,
        mode=trained.mode,
        axes=axes,
        channel=channel,
        timepoint=timepoint,
        unreadable=unreadable,
    )
    outputs = pipeline.output_files(
        sources, source, output, stage=trained.stage_in_names, overwrite=overwrite
    )
    with ProgressView(verbose=verbose) as view:
        events = pipeline.denoise_events(
            sources,
            trained,
            outputs,
            device=device or "auto",
            output_dtype=output_dtype,
            should_stop=stop_requested.is_set,
            unreadable=unreadable,
            overwrite=overwrite,
        )
        written = pipeline.finish(events, view.show)
    for path in written:
        Console(highlight=False, soft_wrap=True).print(escape(str(path)))
    n_images = len(outputs) + len(unreadable)
    if len(written) < n_images and stop_requested.is_set():
        raise StoppedError(f"{len(written)} of {n_images} images were written.")
    if len(written) < n_images:
        raise InputError(
            f"{n_images - len(written)} of {n_images} images could not be denoised, see the notes "
            "above; the others were written."
        )


def extract_mask(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A TIFF file or a folder.")],
    output: Annotated[Path, typer.Option(help="Kernel file to write, .npy.")],
    mode: ModeOption = None,
    axes: Axes = None,
    channel: Channel = None,
    timepoint: Timepoint = None,
    setting: ExtractorSettings = None,
    remove_stripes: RemoveStripes = None,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
) -> None:
    """Find the kernel of pixels that share noise, from the noisy images alone."""
    if not overwrite:
        file = output if output.suffix == ".npy" else output.with_name(f"{output.name}.npy")
        datasets.refuse_existing([file, file.with_suffix(".png")])
    chosen = mode or "2D"
    sources = _open_checked(source, chosen, axes, channel, timepoint)
    extractor = _extractor(setting)
    evidence = pipeline.measure_evidence(
        sources, extractor, chosen, remove_stripes=remove_stripes or "auto"
    )
    proposal = evidence.propose(extractor)
    path = proposal.kernel.save(output)
    files.save_png(
        path.with_suffix(".png"),
        files.draw_kernel(proposal.kernel, proposal.autocorrelation.values),
    )
    out = Console(highlight=False, soft_wrap=True)
    for message in proposal.advice.messages:
        out.print(escape(message))
    out.print(escape(str(path)))


def _open_checked(
    source: Path, mode: Mode, axes: str | None, channel: int | None, timepoint: int | None
) -> list[ImageSource]:
    """Open images to be measured; refuse what cannot be, and warn of what is hard to."""
    sources = datasets.without_offset(
        datasets.open_images(source, mode=mode, axes=axes, channel=channel, timepoint=timepoint)
    )
    for message in datasets.check_images(sources, patch_size=1, mode=mode):
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[yellow]Note:[/yellow] {escape(message)}"
        )
    return sources


def inspect(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A TIFF file or a folder.")],
    mode: ModeOption = None,
    axes: Axes = None,
    channel: Channel = None,
    timepoint: Timepoint = None,
    setting: ExtractorSettings = None,
    remove_stripes: RemoveStripes = None,
    verbose: Verbose = False,
) -> None:
    """Measure the noise and say which method fits."""
    chosen = mode or "2D"
    sources = _open_checked(source, chosen, axes, channel, timepoint)
    statistics = datasets.estimate_normalization(sources)
    extractor = _extractor(setting)
    evidence = pipeline.measure_evidence(
        sources, extractor, chosen, remove_stripes=remove_stripes or "auto"
    )
    proposal = evidence.propose(extractor)
    out = Console(highlight=False, soft_wrap=True)
    for image in sources[:10]:
        z, y, x = image.shape
        out.print(escape(f"{image.name}: {z} slice{'s' * (z > 1)} of {y} x {x}, {image.dtype}"))
    if len(sources) > 10:
        out.print(f"... and {len(sources) - 10} more")
    low, high = (value + statistics.offset for value in (statistics.low, statistics.high))
    digits = 10 if statistics.offset else 4
    out.print(f"Intensities: {low:.{digits}g} to {high:.{digits}g}")
    noise = inference.InputNoise.measured(proposal.autocorrelation)
    out.print(f"Noise: standard deviation {noise.std_text}")
    for message in proposal.advice.messages:
        out.print(escape(message))
    out.print(f"Recommended: --method {proposal.advice.recommended_method}")


def demo(
    output: Annotated[Path, typer.Option(help="Folder for everything the demo writes.")] = Path(
        "demo_results"
    ),
    open_viewer: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the result in napari.")
    ] = True,
    verbose: Verbose = False,
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
