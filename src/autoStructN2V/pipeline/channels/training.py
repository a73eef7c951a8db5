"""One model for each channel: trained one after the other, and kept together."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.channels import n_channels, write_channels
from autoStructN2V.datasets.images.formats.registry import result_ending
from autoStructN2V.datasets.images.names import free_name, safe_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.errors import ConfigError
from autoStructN2V.pipeline.files.drivers import RunOutput, open_input, recorded_events
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event


@dataclass(frozen=True)
class ChannelsOutput:
    """What a training of one model for each channel left behind.

    Attributes
    ----------
    folder : Path
        Holds a folder for each channel; it is the model of all of them.
    channels : tuple of RunOutput
        One for each channel that was trained.
    files : dict of stage to list of Path
        Denoised images with all channels.
    """

    folder: Path
    channels: tuple[RunOutput, ...]
    files: dict[int, list[Path]]

    @property
    def is_stopped(self) -> bool:
        """Whether the training was cancelled."""
        return any(channel.result.is_stopped for channel in self.channels)


def trained_channels(config: PipelineConfig) -> int:
    """Return for how many channels a model of its own is to be trained; 1: there is one model.

    Raises
    ------
    InputError
        If the images cannot be opened, or have different numbers of channels.
    """
    if config.channels == "one":
        return 1
    return n_channels(open_input(config.model_copy(update={"channel": 0})))


def refuse_to_resume(resume: bool) -> None:
    """Refuse to go on with trainings of several channels.

    Parameters
    ----------
    resume : bool
        Whether that is asked for.

    Raises
    ------
    ConfigError
        If it is.
    """
    if resume:
        raise ConfigError(
            "A training of a model for each channel cannot be resumed; train the channels that are "
            "missing one by one, with channel, or all anew."
        )


def channel_events(
    config: PipelineConfig,
    n: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    review: bool = False,
) -> Generator[Event, Decision | None, ChannelsOutput]:
    """Train one model for each channel, and write each image with all channels.

    Parameters
    ----------
    config : PipelineConfig
        Complete configuration with ``channels="each"``.
    n : int
        Number of channels, of :func:`trained_channels`.
    should_stop, review
        As in :func:`pipeline_events`; a kernel is reviewed for each channel.

    Yields
    ------
    Event
        Of one training after the other, each after a note on which channel it is.

    Returns
    -------
    ChannelsOutput
        As the value of the generator.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    started = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = free_name(config.output_dir / config.experiment_name / started)
    outputs: list[RunOutput] = []
    for channel in range(n):
        own = {"channel": channel, "channels": "one"}
        place = {"output_dir": folder, "experiment_name": f"channel_{channel}"}
        one = config.model_copy(update=own | place)
        sources = open_input(one)
        yield Warned(f"Channel {channel} of {n}{_named(sources, channel)}: a model of its own.")
        outputs.append(
            (yield from recorded_events(sources, one, should_stop=should_stop, review=review))
        )
        if outputs[-1].result.is_stopped:
            return ChannelsOutput(folder, tuple(outputs), {})
    yield from map(Warned, _stand_ins(outputs))
    return ChannelsOutput(folder, tuple(outputs), _joined(folder, outputs, sources))


def _named(sources: Sequence[ImageSource], channel: int) -> str:
    names = sources[0].metadata.ome.get("ChannelNames", ())
    name = names[channel] if isinstance(names, tuple) and channel < len(names) else ""
    return f" ({name})" if name else ""


def _joined(
    folder: Path, outputs: Sequence[RunOutput], sources: Sequence[ImageSource]
) -> dict[int, list[Path]]:
    """Write the images of each stage with all channels, and remove those of single ones.

    A stage that a channel has nothing for is left as it is.
    """
    files: dict[int, list[Path]] = {}
    stages = _stages(outputs)
    for stage in stages:
        of_channels = [_files_of(output, stage) for output in outputs]
        if not all(of_channels):
            continue
        for source, *parts in zip(sources, *of_channels, strict=True):
            name = f"{safe_name(source.name)}_stage{stage}{result_ending(source.metadata)}"
            path = free_name(folder / f"stage{stage}" / name)
            write_joined(path, parts, source, {"stage": stage, "channels": len(parts)})
            files.setdefault(stage, []).append(path)
    for output in outputs if len(files) == len(stages) else ():
        shutil.rmtree(output.folders.results, ignore_errors=True)
    return files


def _stages(outputs: Sequence[RunOutput]) -> list[int]:
    return sorted({stage for output in outputs for stage in output.files})


def _files_of(output: RunOutput, stage: int) -> list[Path]:
    """Return the images of a stage or, where a channel did without it, of the one before."""
    earlier = [one for one in output.files if one <= stage]
    return output.files[max(earlier)] if earlier else []


def _stand_ins(outputs: Sequence[RunOutput]) -> list[str]:
    """Say which channels did without a stage that others have, one sentence each."""
    return [
        f"Channel {channel} has no result of stage {stage}; "
        + (
            f"in the images of stage {stage} it is that of the stage before."
            if _files_of(output, stage)
            else f"so there are no images of stage {stage} with all channels."
        )
        for stage in _stages(outputs)
        for channel, output in enumerate(outputs)
        if stage not in output.files
    ]


def write_joined(
    path: Path, parts: Sequence[Path], source: ImageSource, history: dict[str, object]
) -> None:
    """Write files of single channels as one with all of them.

    Parameters
    ----------
    path : Path
        Name of the new file.
    parts : sequence of Path
        One file for each channel.
    source : ImageSource
        One channel of the noisy image.
    history : dict
        How the channels were made.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    opened = [open_images(part, mode="2D")[0] for part in parts]
    write_channels(path, opened, source, history)
