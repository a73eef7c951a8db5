"""One model for each channel: trained one after the other, and kept together."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.pipeline.channels.folder import (
    ChannelsFolder,
    FinishedChannel,
    folder_to_go_on,
)
from autoStructN2V.pipeline.channels.images import of_channel
from autoStructN2V.pipeline.channels.joining import join_results, stages_of, stand_ins
from autoStructN2V.pipeline.events import ChannelStarted
from autoStructN2V.pipeline.files.drivers import recorded_events
from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.pipeline.files.interrupted import it_goes_on
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from autoStructN2V.pipeline.channels.images import ChannelImages, Join
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
    channels : tuple of FinishedChannel
        One for each channel that was trained.
    files : dict of stage to list of Path
        Denoised images with all channels.
    is_stopped : bool
        Whether the training was cancelled.
    """

    folder: Path
    channels: tuple[FinishedChannel, ...]
    files: dict[int, list[Path]]
    is_stopped: bool = False

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is wrong with images that could not be used, one sentence each."""
        return tuple(dict.fromkeys(text for one in self.channels for text in one.left_out))


def channel_events(
    config: PipelineConfig,
    channels: Sequence[ChannelImages],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    review: bool = False,
    preview_slice: Callable[[], int] | None = None,
    keep_arrays: bool = False,
    resume: bool = False,
    join: Join | None = None,
) -> Generator[Event, Decision | None, ChannelsOutput]:
    """Train one model for each channel, and write each image with all channels.

    An image that cannot be used in one channel is left out of the results with all channels; the
    others are trained on, and written.

    Parameters
    ----------
    config : PipelineConfig
        Complete configuration with ``channels="each"``.
    channels : sequence of ChannelImages
        Of :func:`channels_of_input`, or of arrays.
    should_stop, review, preview_slice
        As in :func:`pipeline_events`; a kernel is reviewed for each channel.
    keep_arrays : bool
        Whether results also carry the denoised stacks in memory.
    resume : bool
        Whether to go on with the newest interrupted training of the experiment, if there is one:
        channels that are finished are not trained again.
    join : callable, optional
        Makes one image of the images of all channels, if they are that; default: each image is one
        for itself.

    Yields
    ------
    Event
        Of one training after the other, each after a :class:`ChannelStarted`.

    Returns
    -------
    ChannelsOutput
        As the value of the generator.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    found = folder_to_go_on(config, channels) if resume else None
    folder = found or ChannelsFolder.create(config, channels)
    if resume:
        yield Warned(it_goes_on(folder.began if found else None, folder.path))
    finished: list[FinishedChannel] = []
    with folder.held():
        for channel, images in enumerate(channels):
            yield _started(channel, channels)
            known = _finished_before(folder, channel, images)
            if known is not None:
                yield Warned(f"Channel {channel} is finished.")
                finished.append(known)
                continue
            output = yield from recorded_events(
                images.sources,
                _config_of(config, folder, channel),
                should_stop=should_stop,
                review=review,
                preview_slice=preview_slice,
                keep_arrays=keep_arrays,
                unusable=images.unusable,
                resume=folder.has_begun(channel),
            )
            finished.append(FinishedChannel.of(output))
            if output.result.is_stopped:
                return ChannelsOutput(folder.path, tuple(finished), {}, is_stopped=True)
            folder.keep(channel, finished[-1], ImageFingerprint.of(images.sources))
        yield from map(Warned, stand_ins(finished))
        files = join_results(folder.path, finished, channels, join)
        folder.complete()  # first: without the single ones it could not be joined again
        _remove_singles(finished, files)
    return ChannelsOutput(folder.path, tuple(finished), files)


def _started(channel: int, channels: Sequence[ChannelImages]) -> ChannelStarted:
    name = f" ({channels[channel].name})" if channels[channel].name else ""
    n = len(channels)
    return ChannelStarted(f"Channel {channel} of {n}{name}: a model of its own.", channel, n)


def _config_of(config: PipelineConfig, folder: ChannelsFolder, channel: int) -> PipelineConfig:
    place = {"output_dir": folder.path, "experiment_name": folder.place_of(channel).name}
    return of_channel(config, channel).model_copy(update=place)


def _finished_before(
    folder: ChannelsFolder, channel: int, images: ChannelImages
) -> FinishedChannel | None:
    """Return what a channel left before the training was interrupted, if that is of use."""
    known = folder.finished(channel)
    if known is None:
        return None
    folder.require_images(channel, ImageFingerprint.of(images.sources))
    return known


def _remove_singles(finished: Sequence[FinishedChannel], files: dict[int, list[Path]]) -> None:
    """Remove the images of single channels, if all of them are part of those with all channels."""
    used = {frozenset(images) for channel in finished for images in channel.files.values()}
    if len(used) == 1 and len(files) == len(stages_of(finished)):
        for channel in finished:
            shutil.rmtree(channel.folders.results, ignore_errors=True)
