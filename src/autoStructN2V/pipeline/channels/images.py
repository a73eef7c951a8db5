"""The images of each of several channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.channels import n_channels
from autoStructN2V.pipeline.files.drivers import open_input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource, StoredSource
    from autoStructN2V.errors import InputError
    from autoStructN2V.pipeline.configuration.models import PipelineConfig

    Join = Callable[[Sequence[Sequence[ImageSource]]], StoredSource]


@dataclass(frozen=True)
class ChannelImages:
    """What the model of one channel is trained on.

    Attributes
    ----------
    name : str
        Of the channel; empty if nobody named it.
    sources : sequence of ImageSource
    unusable : list of InputError or None
        What is wrong with files that could not be opened, and takes what is wrong with others;
        None: one image that cannot be used is an error of the whole.
    """

    name: str
    sources: Sequence[ImageSource]
    unusable: list[InputError] | None = field(default_factory=list)


def channels_of_input(config: PipelineConfig) -> list[ChannelImages]:
    """Open the images of ``input_dir`` once for each channel that is to have a model of its own.

    Parameters
    ----------
    config : PipelineConfig
        Complete configuration.

    Returns
    -------
    list of ChannelImages
        One for each channel; empty if there is to be one model.

    Raises
    ------
    UserError
        If there is nothing that can be opened, or images have different numbers of channels.
    """
    if config.channels == "one":
        return []
    first = _opened(config, 0)
    n = n_channels(first.sources)
    return [] if n == 1 else [first, *(_opened(config, channel) for channel in range(1, n))]


def _opened(config: PipelineConfig, channel: int) -> ChannelImages:
    unusable: list[InputError] = []
    sources = open_input(of_channel(config, channel), unusable)
    return ChannelImages(channel_name(sources[0], channel), sources, unusable)


def of_channel(config: PipelineConfig, channel: int) -> PipelineConfig:
    """Return the configuration of one channel."""
    return config.model_copy(update={"channel": channel, "channels": "one"})


def channel_name(source: ImageSource, channel: int) -> str:
    """Return what the file of an image calls a channel; empty if it has no name for it."""
    names = source.metadata.ome.get("ChannelNames", ())
    return str(names[channel]) if isinstance(names, tuple) and channel < len(names) else ""
