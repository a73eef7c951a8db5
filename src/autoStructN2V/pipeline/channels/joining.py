"""Results of single channels put together as images with all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.channels import AllChannels
from autoStructN2V.datasets.images.formats.registry import result_ending
from autoStructN2V.datasets.images.names import free_name, safe_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.writing import StackWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource, StoredSource
    from autoStructN2V.pipeline.channels.folder import FinishedChannel
    from autoStructN2V.pipeline.channels.images import ChannelImages, Join


def join_results(
    folder: Path,
    finished: Sequence[FinishedChannel],
    channels: Sequence[ChannelImages],
    join: Join | None,
) -> dict[int, list[Path]]:
    """Write the images of each stage with all channels.

    A channel that did without a stage gives its images of the stage before; a stage that a channel
    has nothing for is left out, and so is an image that a channel could not use.

    Parameters
    ----------
    folder : Path
        Gets a folder for each stage.
    finished : sequence of FinishedChannel
        One for each channel.
    channels : sequence of ChannelImages
        What they were made of.
    join : callable, optional
        Makes one image of all images of all channels, if they are that; default: each image is one
        for itself.

    Returns
    -------
    dict of stage to list of Path
        Files that were written.
    """
    files: dict[int, list[Path]] = {}
    for stage in stages_of(finished):
        for whole in _wholes(finished, channels, join, stage):
            ending = result_ending(whole.metadata)
            wanted = folder / f"stage{stage}" / f"{safe_name(whole.name)}_stage{stage}{ending}"
            # the folder is this training's own: what else is there is of an attempt cut short
            path = free_name(wanted, partial(_is_among, files.get(stage, [])))
            write_whole(path, whole, {"stage": stage, "channels": len(channels)})
            files.setdefault(stage, []).append(path)
    return files


def _is_among(paths: Sequence[Path], path: Path) -> bool:
    """Tell whether a file has the name of one of these, as disks that ignore case see it."""
    return path.name.casefold() in {other.name.casefold() for other in paths}


def stages_of(finished: Sequence[FinishedChannel]) -> list[int]:
    """Return the stages that any channel has."""
    return sorted({stage for channel in finished for stage in channel.files})


def stand_ins(finished: Sequence[FinishedChannel]) -> list[str]:
    """Say which channels did without a stage that others have, one sentence each."""
    return [
        f"Channel {channel} has no result of stage {stage}; "
        + (
            f"in the images of stage {stage} it is that of the stage before."
            if one.files_up_to(stage)
            else f"so there are no images of stage {stage} with all channels."
        )
        for stage in stages_of(finished)
        for channel, one in enumerate(finished)
        if stage not in one.files
    ]


def write_whole(path: Path, whole: StoredSource, history: dict[str, object]) -> None:
    """Write an image with all channels, slice by slice, each pixel as it is in its own file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with StackWriter(path, whole, output_dtype="input", history=history) as writer:
        for z in range(whole.shape[0]):
            writer.write(z, whole.read_stored(z))


def joined_files(parts: Sequence[Path], chosen: ImageSource) -> StoredSource:
    """Return files of single channels as one image with the axes of its source.

    Parameters
    ----------
    parts : sequence of Path
        One file for each channel.
    chosen : ImageSource
        One channel of the noisy image.
    """
    return AllChannels(_opened(parts), chosen)


def _wholes(
    finished: Sequence[FinishedChannel],
    channels: Sequence[ChannelImages],
    join: Join | None,
    stage: int,
) -> list[StoredSource]:
    """Return the images of a stage that all channels have something for."""
    of_channels = [channel.files_up_to(stage) for channel in finished]
    if join is not None:
        has_all = all(len(files) == len(channels[0].sources) for files in of_channels)
        return [join([_opened(files.values()) for files in of_channels])] if has_all else []
    sources = {(source.name, source.metadata.path): source for source in channels[0].sources}
    return [
        joined_files([files[image] for files in of_channels], source)
        for image, source in sources.items()
        if all(image in files for files in of_channels)
    ]


def _opened(files: Iterable[Path]) -> list[ImageSource]:
    """Open files that were written, each as one stack."""
    return [open_images(file, mode="2D")[0] for file in files]
