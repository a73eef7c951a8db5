"""Results that are too large for the memory: written to a Zarr store, and read where looked at.

A result of more than :data:`LARGEST_IN_MEMORY` is a store in the folder of results, as if it had
been asked for on disk, and is kept when napari closes: it is a result like any other.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np

from autoStructN2V.datasets.images.formats.ome_zarr.reading import resolutions
from autoStructN2V.datasets.images.formats.registry import ZARR
from autoStructN2V.datasets.images.offset import restored
from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.pipeline.results import StackTarget
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.axes import LEADING
from napari_autostructn2v.layers.files import WholeLayer
from napari_autostructn2v.layers.pixels import snapshot

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.writing import StackWriter
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline import RunOutput
    from autoStructN2V.pipeline.events import Event
    from napari_autostructn2v.layers.stacks import LayerStacks

LARGEST_IN_MEMORY = 2_000_000_000
"""Bytes of a result that is a layer in memory; a larger one is a store on disk."""

_FLOAT32 = 4
_dask: Any = dask.array  # its functions have no types
_PLANE = "YX"


def is_large(stacks: LayerStacks) -> bool:
    """Tell whether a result of a layer is too large to be held in memory."""
    return is_too_much([stacks.shape])


def is_too_much(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Tell whether results of these shapes are together too large to be held in memory."""
    return sum(math.prod(shape) for shape in shapes) * _FLOAT32 > LARGEST_IN_MEMORY


def stored_sentence(path: Path) -> str:
    """Say where a large result is, and what becomes of it."""
    return (
        f"The result is larger than {LARGEST_IN_MEMORY / 1e9:.0f} GB, so it was written to {path}, "
        "from where the layer reads it; it stays there when napari is closed."
    )


@dataclass(frozen=True)
class ResultsReady:
    """What a stage made of all that it was given is there at once, to be shown.

    Attributes
    ----------
    stage : int
    data : array, or list of arrays
        Of the shape that results have; of several resolutions, the finest first.
    made_by : dict
        Plain values that say where its models come from.
    """

    stage: int
    data: Any
    made_by: dict[str, object]


def stored_for_layers(
    events: Generator[Event, Any, RunOutput], stacks: LayerStacks
) -> Generator[Event | ResultsReady, Any, RunOutput]:
    """Hand on the events of a training, and at its end show what it wrote, read from there.

    Parameters
    ----------
    events : generator
        Events of a training on :func:`stored_sources`; gets what is sent.
    stacks : LayerStacks
        What the training was started on.
    """
    output = yield from events
    stages = {1: output.result.stage1, 2: output.result.stage2}
    for stage, files in output.files.items():
        result = stages[stage]
        if len(files) < len(output.images) or result is None:
            continue  # it was cancelled
        yield Warned(stored_sentence(files[0] if len(files) == 1 else files[0].parent))
        data = stored_stacks_data(stacks, files)
        yield ResultsReady(stage, stacks.shown(data), dict(result.model.provenance))
    return output


def stored_sources(sources: Sequence[ImageSource]) -> list[ImageSource]:
    """Return stacks of a layer so that their results are written as OME-Zarr."""
    return [_ToStore(source) for source in snapshot(sources)]


class _ToStore(SourceView):
    """A stack of a layer whose result is written as OME-Zarr."""

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read slice ``z``, (y, x) float32."""
        return self._source.read_slice(z)

    @property
    def metadata(self) -> ImageMetadata:
        """Axes and scale, of a Zarr store."""
        return replace(self._source.metadata, format=ZARR.name)


class StoreSink:
    """Writes the slices of all stacks of a layer into one store.

    Parameters
    ----------
    writer : StackWriter
        Of the whole layer.
    stacks : LayerStacks
        The layer.
    places : sequence of int
        Which of its stacks come, in this order.
    """

    def __init__(self, writer: StackWriter, stacks: LayerStacks, places: Sequence[int]) -> None:
        self._writer = writer
        leading = [stacks.axes.index(k) for k in whole_axes(stacks) if k not in _PLANE]
        sizes = [stacks.shape[i] for i in leading]
        self._places: dict[tuple[int, int], int] = {}
        for plane, where in enumerate(np.ndindex(*sizes)):
            at = dict(zip(leading, where, strict=True))
            self._places[stacks.locate([at[i] for i in sorted(at)])] = plane
        self._next = list(places)

    @contextmanager
    def writer(self, model: TrainedModel, source: ImageSource) -> Iterator[StackTarget]:
        """Return a context that takes the slices of one stack, denoised with a model."""
        stack, offset = self._next.pop(0), source.metadata.offset

        def write(z: int, image: NDArray[np.float32]) -> None:
            # float32 cannot hold what is on an offset
            whole = restored(image, offset, self._writer.slices.planes.dtype)
            self._writer.write(self._places[stack, z], whole)

        yield StackTarget(write)

    def denoised(self, stage: int) -> Sequence[ImageSource]:
        """Return nothing: what is in the store is read from there."""
        return []

    def arrays(self, stage: int) -> list[NDArray[np.float32]] | None:
        """Return None: nothing is in memory."""
        return None


def whole_axes(stacks: LayerStacks) -> str:
    """Return the axes of a store of a whole layer: time, channels, slices."""
    return "".join(letter for letter in LEADING if letter in stacks.axes) + _PLANE


def stored_layer_data(stacks: LayerStacks, path: Path) -> Any:
    """Return the pixels of a store with all stacks of a layer as the layer has its axes.

    Returns
    -------
    dask array, or list of them
        One for each resolution, if there are several; read where they are looked at.
    """
    axes = whole_axes(stacks)
    order = [axes.index(letter) for letter in stacks.axes]
    levels = [_dask.from_array(level).transpose(order) for level in resolutions(path)]
    return levels if len(levels) > 1 else levels[0]


def stored_stacks_data(stacks: LayerStacks, paths: Sequence[Path]) -> Any:
    """Return the pixels of one store for each stack, as the layer has its axes.

    As :func:`stored_layer_data`; of several stores at full resolution alone.
    """
    levels = [_dask.from_array(level) for level in resolutions(paths[0])]
    if len(paths) == 1 and levels[0].shape == stacks.shape:
        return levels if len(levels) > 1 else levels[0]
    arrays = [_dask.from_array(resolutions(path)[0]) for path in paths]
    return stacks.arranged(_dask.stack(arrays))


class CanonicalLayer(WholeLayer):
    """All stacks of a layer as one, with its axes in the order of a store."""

    def __init__(self, stacks: LayerStacks, sources: Sequence[ImageSource] | None = None) -> None:
        super().__init__(stacks, sources)
        axes = whole_axes(stacks)
        sizes = dict(zip(stacks.axes, stacks.shape, strict=True))
        shape = tuple(sizes[letter] for letter in axes)
        self.original_axes_shape = (axes, shape)
        self.metadata = replace(self.metadata, axes=axes, shape=shape, format=ZARR.name)
