"""The commands that measure the noise and train nothing."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (read by typer)
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

# these packages load what is named when it is named: a help text shall not load PyTorch
from autoStructN2V import datasets, inference, masking, pipeline
from autoStructN2V.cli import options  # noqa: TC001 (read by typer)
from autoStructN2V.cli.notes import note
from autoStructN2V.errors import InputError
from autoStructN2V.pipeline import configuration, files

if TYPE_CHECKING:
    from autoStructN2V.datasets import ImageSource
    from autoStructN2V.masking import ExtractorConfig
    from autoStructN2V.vocabulary import Mode, TripletsAlong

_MOST_LISTED = 10  # images


def extract_mask(
    source: options.Input,
    output: options.KernelFile,
    mode: options.ModeOption = None,
    triplets_along: options.TripletsAlongOption = None,
    axes: options.Axes = None,
    channel: options.Channel = None,
    timepoint: options.Timepoint = None,
    setting: options.ExtractorSettings = None,
    remove_stripes: options.RemoveStripes = None,
    also_remove: options.AlsoRemove = "",
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
) -> None:
    """Find the kernel of pixels that share noise, from the noisy images alone."""
    if not overwrite:
        file = output if output.suffix == ".npy" else output.with_name(f"{output.name}.npy")
        datasets.refuse_existing([file, file.with_suffix(".png")])
    chosen, along = mode or "2D", triplets_along or "z"
    unreadable: list[InputError] = []
    edits = configuration.validate_config({"also_remove": also_remove}).pattern_edits
    sources = _open_checked(source, chosen, along, axes, channel, timepoint, unreadable)
    removal = masking.find_patterns(sources, remove_stripes=remove_stripes or "auto", edits=edits)
    extractor = _extractor(setting)
    evidence = pipeline.measure_evidence(sources, extractor, chosen, removal=removal)
    proposal = evidence.propose(extractor)
    path = proposal.kernel.save(output)
    files.save_png(
        path.with_suffix(".png"),
        files.draw_evidence(proposal.kernel, proposal.autocorrelation.values, removal),
    )
    out = Console(highlight=False, soft_wrap=True)
    for line in (*proposal.advice.messages, str(path)):
        out.print(escape(line))
    _tell_of_left_out(unreadable, n_images=len(sources) + len(unreadable))


def _open_checked(
    source: Path,
    mode: Mode,
    along: TripletsAlong,
    axes: str | None,
    channel: int | None,
    timepoint: int | None,
    unreadable: list[InputError],
) -> list[ImageSource]:
    """Open images to be measured; refuse what cannot be, and warn of what is hard to."""
    opened = datasets.open_images(
        source,
        mode=mode,
        axes=axes,
        channel=channel,
        timepoint=timepoint,
        triplets_along=along,
        unreadable=unreadable,
    )
    sources = masking.only_signal(datasets.without_offset(opened))
    notes = datasets.check_images(sources, patch_size=1, mode=mode)
    for message in notes + masking.invalid_sentences(sources):
        note(message)
    return list(sources)


def inspect(
    source: options.Input,
    mode: options.ModeOption = None,
    triplets_along: options.TripletsAlongOption = None,
    axes: options.Axes = None,
    channel: options.Channel = None,
    timepoint: options.Timepoint = None,
    setting: options.ExtractorSettings = None,
    remove_stripes: options.RemoveStripes = None,
    also_remove: options.AlsoRemove = "",
    verbose: options.Verbose = False,
) -> None:
    """Measure the noise and say which method fits."""
    chosen, along = mode or "2D", triplets_along or "z"
    edits = configuration.validate_config({"also_remove": also_remove}).pattern_edits
    unreadable: list[InputError] = []
    sources = _open_checked(source, chosen, along, axes, channel, timepoint, unreadable)
    statistics = datasets.estimate_normalization(sources)
    extractor = _extractor(setting)
    evidence = pipeline.measure_evidence(
        sources, extractor, chosen, remove_stripes=remove_stripes or "auto", edits=edits
    )
    proposal = evidence.propose(extractor)
    out = Console(highlight=False, soft_wrap=True)
    _print_images(out, sources)
    low, high = (value + statistics.offset for value in (statistics.low, statistics.high))
    digits = 10 if statistics.offset else 4
    out.print(f"Intensities: {low:.{digits}g} to {high:.{digits}g}")
    noise = inference.InputNoise.measured(proposal.autocorrelation)
    out.print(f"Noise: standard deviation {noise.std_text}")
    for message in proposal.advice.messages:
        out.print(escape(message))
    method = proposal.advice.recommended_method
    out.print(f"Recommended: --method {method}")
    chosen_words: dict[str, object] = {
        "mode": mode,
        "triplets-along": triplets_along,
        "axes": axes,
        "channel": channel,
        "timepoint": timepoint,
    }
    words = [f"--{name} {value}" for name, value in chosen_words.items() if value is not None]
    patterns = {"remove_stripes": remove_stripes, "also_remove": also_remove}
    words += [f'--set "{name}={value}"' for name, value in patterns.items() if value]
    command = " ".join(
        [f'train "{source}" --output results --preset fast --method {method}', *words]
    )
    out.print(f"To train:\n  autostructn2v {escape(command)}")
    _tell_of_left_out(unreadable, n_images=len(sources) + len(unreadable))


def _tell_of_left_out(unreadable: list[InputError], n_images: int) -> None:
    """Say which images could not be read, and fail if there are any."""
    for reason in unreadable:
        note(f"Left out: {reason}")
    if unreadable:
        raise InputError(
            f"{len(unreadable)} of {n_images} images could not be read, see the notes above; the "
            "others were measured."
        )


def _print_images(out: Console, sources: list[ImageSource]) -> None:
    for image in sources[:_MOST_LISTED]:
        z, y, x = image.shape
        out.print(escape(f"{image.name}: {z} slice{'s' * (z > 1)} of {y} x {x}, {image.dtype}"))
    if len(sources) > _MOST_LISTED:
        out.print(f"... and {len(sources) - _MOST_LISTED} more")


def _extractor(settings: list[str] | None) -> ExtractorConfig:
    short = [setting.removeprefix("stage2.extractor.") for setting in settings or []]
    given = {"stage2": {"extractor": configuration.read_settings(short)}}
    return configuration.validate_config(given).stage2.extractor
