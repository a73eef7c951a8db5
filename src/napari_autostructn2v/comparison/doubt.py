"""Panels that show where a result should be doubted, computed where they are looked at."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_info
from psygnal import Signal

from autoStructN2V.errors import InputError
from autoStructN2V.inference.doubt import CLEAR
from napari_autostructn2v.comparison.panels import new_panel
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.work.jobs import Job, error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.steps.doubting import DoubtMaps
    from napari_autostructn2v.comparison.panels import Compared
    from napari_autostructn2v.layers.results import ResultLayers
    from napari_autostructn2v.layers.stacks import LayerStacks

_SHOWN = {"contrast_limits": (CLEAR / 2.0, 2.5 * CLEAR), "colormap": "inferno", "gamma": 1.0}
_KEPT = 8  # slices: going back and forth between two computes nothing
_MOST_AT_ONCE = 2**19  # pixels of a stack: of more, the interface would wait for a map


class DoubtImage:
    """The map of doubt of a result, sliced like an array.

    Maps of large images are made in a thread: until one is there, the interface gets not a number
    in its place, and is told with :attr:`arrived`. Elsewhere, and as a whole, it is what it is.

    Parameters
    ----------
    maps : DoubtMaps
        Of the run.
    stacks : LayerStacks
        What the run was started on.
    denoised : array-like
        Result of the shape of `stacks`.
    """

    dtype = np.dtype(np.float32)
    arrived = Signal()
    """A map that was not there when it was looked at."""

    def __init__(self, maps: DoubtMaps, stacks: LayerStacks, denoised: Any) -> None:
        self._maps = maps
        self._stacks = stacks
        self.shape: tuple[int, ...] = tuple(denoised.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._denoised = denoised
        self._known: dict[int, NDArray[np.float32]] = {}
        self._wanted: int | None = None
        self._job: Job | None = None

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        is_interface = threading.current_thread() is threading.main_thread()
        is_large = self.size // len(self._stacks.sources) > _MOST_AT_ONCE
        return self._read(key, self._shown if is_interface and is_large else self._plane)

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> NDArray[Any]:  # the whole of it, when a person saves it
        return np.asarray(self._read(..., self._plane), dtype)

    def _read(self, key: Any, plane: Callable[[int], NDArray[np.float32]]) -> NDArray[np.float32]:
        planes = np.arange(self.size // np.prod(self.shape[-2:])).reshape(self.shape[:-2])
        keys = _all_keys(key, self.ndim)
        chosen = planes[keys[:-2]] if self.ndim > 2 else planes
        images = np.stack([plane(int(index)) for index in chosen.ravel()])
        found: NDArray[np.float32] = images.reshape(*chosen.shape, *self.shape[-2:])
        return found[(..., *keys[-2:])]

    @cached_property
    def _noisy(self) -> list[ImageSource]:
        return [self._maps.prepared(source) for source in self._stacks.sources]

    def _plane(self, index: int) -> NDArray[np.float32]:
        """Return the map (y, x) of a slice, counted through all axes of the layer."""
        if index not in self._known:
            self._keep(index, self._computed(index))
        return self._known[index]

    def _keep(self, index: int, plane: NDArray[np.float32]) -> None:
        kept = list(self._known.items())[1 - _KEPT :]
        self._known = {**dict(kept), index: plane}

    def _computed(self, index: int) -> NDArray[np.float32]:
        where = np.unravel_index(index, self.shape[:-2]) if self.ndim > 2 else ()
        stack, z = self._stacks.locate([int(i) for i in where])
        return self._maps.of_slice(self._noisy[stack], z, np.asarray(self._denoised[where]))

    def _shown(self, index: int) -> NDArray[np.float32]:
        """Return a map if it is there, and have it made if not; what is asked for last is next."""
        if index in self._known:
            return self._known[index]
        self._wanted = index
        if self._job is None:
            self._start(index)
        return np.full(self.shape[-2:], np.nan, np.float32)

    def _start(self, index: int) -> None:
        self._wanted = None

        def made(should_stop: Callable[[], bool]) -> Generator[NDArray[np.float32], None, None]:
            yield self._computed(index)

        def take(plane: NDArray[np.float32]) -> None:
            self._keep(index, plane)
            self.arrived.emit()

        def tell(error: Exception) -> None:
            self._keep(index, np.full(self.shape[-2:], np.nan, np.float32))
            show_info(f"No map of doubt was made: {error_text(error)}")
            self._go_on()

        self._job = Job(made, take, self._go_on, tell)
        self._job.start()

    def _go_on(self, _: object = None) -> None:
        self._job = None
        if self._wanted is not None and self._wanted not in self._known:
            self._start(self._wanted)


def doubt_images(results: ResultLayers | None, images: Sequence[Compared]) -> list[DoubtImage]:
    """Return the map of doubt of each denoised image of a run; none where they cannot be made.

    Parameters
    ----------
    results : ResultLayers or None
        Of the run.
    images : sequence of Compared
        What is compared, at least one; the noisy image, which maps need, is the first.
    """
    if results is None or results.doubt is None or images[0].is_denoised:
        return []
    stacks = _stacks_now(results)
    if stacks is None:
        return []
    return [
        DoubtImage(results.doubt, stacks, image.finest) for image in images if image.is_denoised
    ]


def doubt_panels(maps: Sequence[DoubtImage], images: Sequence[Compared]) -> list[Image]:
    """Return a layer for the map of each denoised image.

    Parameters
    ----------
    maps : sequence of DoubtImage
        One for each denoised image.
    images : sequence of Compared
        What is compared.
    """
    denoised = [image for image in images if image.is_denoised]
    panels = []
    for doubt, image in zip(maps, denoised, strict=True):
        panel = new_panel(doubt, f"Doubt: {image.short_name}", {**image.kwargs, **_SHOWN})
        doubt.arrived.connect(panel.refresh)
        panels.append(panel)
    return panels


def _stacks_now(results: ResultLayers) -> LayerStacks | None:
    """Return the pixels that a run was started on, which it does not keep; None if they are gone.

    Of a layer that was cropped or extended since, no map can be made.
    """
    layer = results.stacks.layer
    if layer is None:
        return None
    try:
        stacks = stacks_of(layer, results.stacks.chosen, along_time=results.stacks.along == "T")
    except InputError:
        return None
    return stacks if stacks.shape == results.stacks.shape else None


def _all_keys(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return a key for each axis."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in keys):
        at = next(i for i, part in enumerate(keys) if part is Ellipsis)
        missing = (slice(None),) * (ndim - len(keys) + 1)
        return (*keys[:at], *missing, *keys[at + 1 :])
    return (*keys, *(slice(None),) * (ndim - len(keys)))
