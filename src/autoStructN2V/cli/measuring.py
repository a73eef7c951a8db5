"""The commands that measure the noise and train nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

# these packages load what is named when it is named: a help text shall not load PyTorch
from autoStructN2V import datasets, inference, masking, pipeline
from autoStructN2V.cli import options  # noqa: TC001 (read by typer)
from autoStructN2V.cli.groups import with_options_of
from autoStructN2V.cli.notes import note
from autoStructN2V.errors import InputError
from autoStructN2V.pipeline import configuration, files

if TYPE_CHECKING:
    from autoStructN2V.datasets import ImageSource
    from autoStructN2V.masking import ExtractorConfig
    from autoStructN2V.vocabulary import Mode

_MOST_LISTED = 10  # images


@dataclass(frozen=True)
class Measured:
    """Images that are measured, and how."""

    source: options.Input
    mode: options.ModeOption = None
    triplets_along: options.TripletsAlongOption = None
    axes: options.Axes = None
    channel: options.Channel = None
    timepoint: options.Timepoint = None
    setting: options.ExtractorSettings = None
    remove_stripes: options.RemoveStripes = None
    also_remove: options.AlsoRemove = ""

    @property
    def chosen_mode(self) -> Mode:
        """The mode, stated or not."""
        return self.mode or "2D"

    def extractor(self) -> ExtractorConfig:
        """Return the parameters of the extraction."""
        short = [setting.removeprefix("stage2.extractor.") for setting in self.setting or []]
        given = {"stage2": {"extractor": configuration.read_settings(short)}}
        return configuration.validate_config(given).stage2.extractor

    def pattern_search(self) -> dict[str, Any]:
        """Return how patterns are looked for."""
        edits = configuration.validate_config({"also_remove": self.also_remove}).pattern_edits
        return {"remove_stripes": self.remove_stripes or "auto", "edits": edits}

    def opened(self, unreadable: list[InputError]) -> list[ImageSource]:
        """Open the images; refuse what cannot be measured, and warn of what is hard to."""
        opened = datasets.open_images(
            self.source,
            mode=self.chosen_mode,
            axes=self.axes,
            channel=self.channel,
            timepoint=self.timepoint,
            triplets_along=self.triplets_along or "z",
            unreadable=unreadable,
        )
        sources = masking.only_signal(datasets.without_offset(opened))
        notes = datasets.check_images(sources, patch_size=1, mode=self.chosen_mode)
        for message in notes + masking.invalid_sentences(sources):
            note(message)
        return list(sources)

    def to_train(self, method: str) -> str:
        """Return the command that trains a method on these images."""
        stated = ("mode", "triplets_along", "axes", "channel", "timepoint")
        words = [
            f"--{name.replace('_', '-')} {value}"
            for name in stated
            if (value := getattr(self, name)) is not None
        ]
        patterns = {"remove_stripes": self.remove_stripes, "also_remove": self.also_remove}
        words += [f'--set "{name}={value}"' for name, value in patterns.items() if value]
        begin = f'autostructn2v train "{self.source}" --output results --preset fast'
        return " ".join([begin, f"--method {method}", *words])


@with_options_of(Measured)
def extract_mask(
    images: Measured,
    output: options.KernelFile,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
) -> None:
    """Find the kernel of pixels that share noise, from the noisy images alone."""
    if not overwrite:
        file = output if output.suffix == ".npy" else output.with_name(f"{output.name}.npy")
        datasets.refuse_existing([file, file.with_suffix(".png")])
    unreadable: list[InputError] = []
    search, extractor = images.pattern_search(), images.extractor()
    sources = images.opened(unreadable)
    removal = masking.find_patterns(sources, **search)
    evidence = pipeline.measure_evidence(sources, extractor, images.chosen_mode, removal=removal)
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


@with_options_of(Measured)
def inspect(images: Measured, verbose: options.Verbose = False) -> None:
    """Measure the noise and say which method fits."""
    unreadable: list[InputError] = []
    search, extractor = images.pattern_search(), images.extractor()
    sources = images.opened(unreadable)
    statistics = datasets.estimate_normalization(sources)
    evidence = pipeline.measure_evidence(sources, extractor, images.chosen_mode, **search)
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
    out.print(f"To train:\n  {escape(images.to_train(method))}")
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
