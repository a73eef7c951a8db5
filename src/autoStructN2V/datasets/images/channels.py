"""All channels of an image as one, each of which was worked on for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.sources import StoredSource
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource

_CHANNEL = "C"


class AllChannels:
    """Stacks of single channels, seen as the image with all axes that they were taken from.

    Parameters
    ----------
    channels : sequence of ImageSource
        One stack for each channel, of equal shape.
    chosen : ImageSource
        One channel of the image that they belong to: says where its axis is, and all else.
    """

    def __init__(self, channels: Sequence[ImageSource], chosen: ImageSource) -> None:
        axes, shape = chosen.original_axes_shape
        sizes = {**dict(zip(axes, shape, strict=True)), _CHANNEL: len(channels)}
        kept = "".join(k for k in chosen.metadata.axes if k in sizes)
        self.name = chosen.name
        self.dtype = channels[0].dtype
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (
            kept,
            tuple(sizes[letter] for letter in kept),
        )
        n_slices = int(np.prod(self.original_axes_shape[1][:-2]))
        self.shape: tuple[int, int, int] = (n_slices, *chosen.shape[1:])
        offset = channels[0].metadata.offset  # of what is read
        self.metadata: ImageMetadata = replace(chosen.metadata, channel=None, offset=offset)
        self._channels = channels

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32, counted over all leading axes."""
        channel, index = self._at(z)
        return self._channels[channel].read_slice(index)

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read a slice (y, x) in the data type that it is stored in."""
        channel, index = self._at(z)
        stack = self._channels[channel]
        assert isinstance(stack, StoredSource)
        return stack.read_stored(index)

    def _at(self, z: int) -> tuple[int, int]:
        """Return the channel of a slice, and which of its slices it is."""
        axes, shape = self.original_axes_shape
        places = list(np.unravel_index(z, shape[:-2]))
        where = axes.index(_CHANNEL)
        channel = int(places.pop(where))
        sizes = [size for i, size in enumerate(shape[:-2]) if i != where]
        return channel, int(np.ravel_multi_index(places, sizes)) if sizes else 0


def n_channels(sources: Sequence[ImageSource]) -> int:
    """Return how many channels the images have that were opened with one chosen.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images.

    Raises
    ------
    InputError
        If not all have as many.
    """
    found = {
        source.name: dict(zip(source.metadata.axes, source.metadata.shape, strict=False)).get(
            _CHANNEL, 1
        )
        for source in sources
    }
    if len(set(found.values())) > 1:
        (name, n), *others = sorted(found.items(), key=lambda item: item[1])
        raise InputError(
            f"{name} has {n} channel{'s' * (n > 1)} and {others[-1][0]} has {others[-1][1]}; to "
            "train one model for each channel, all images must have as many."
        )
    return next(iter(found.values()), 1)
