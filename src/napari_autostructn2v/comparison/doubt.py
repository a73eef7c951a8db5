"""Panels that show where a result should be doubted, computed where they are looked at."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.errors import InputError
from autoStructN2V.inference.doubt import CLEAR
from napari_autostructn2v.comparison.panels import new_panel
from napari_autostructn2v.layers.stacks import stacks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.pipeline.steps.doubting import DoubtMaps
    from napari_autostructn2v.comparison.panels import Compared
    from napari_autostructn2v.layers.results import ResultLayers
    from napari_autostructn2v.layers.stacks import LayerStacks

_SHOWN = {"contrast_limits": (CLEAR / 2.0, 2.5 * CLEAR), "colormap": "inferno", "gamma": 1.0}
_KEPT = 8  # slices: going back and forth between two computes nothing


class DoubtImage:
    """The map of doubt of a result, sliced like an array.

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

    def __init__(self, maps: DoubtMaps, stacks: LayerStacks, denoised: Any) -> None:
        self._maps = maps
        self._noisy = [maps.prepared(source) for source in stacks.sources]
        self._locate = stacks.locate
        self.shape: tuple[int, ...] = tuple(denoised.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))
        self._denoised = denoised
        self._plane = lru_cache(_KEPT)(self._computed)

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        planes = np.arange(self.size // np.prod(self.shape[-2:])).reshape(self.shape[:-2])
        keys = _all_keys(key, self.ndim)
        chosen = planes[keys[:-2]] if self.ndim > 2 else planes
        images = np.stack([self._plane(int(index)) for index in chosen.ravel()])
        found: NDArray[np.float32] = images.reshape(*chosen.shape, *self.shape[-2:])
        return found[(..., *keys[-2:])]

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> NDArray[Any]:  # the whole of it, when a person saves it
        return np.asarray(self[...], dtype)

    def _computed(self, index: int) -> NDArray[np.float32]:
        """Return the map (y, x) of a slice, counted through all axes of the layer."""
        where = np.unravel_index(index, self.shape[:-2]) if self.ndim > 2 else ()
        stack, z = self._locate([int(i) for i in where])
        return self._maps.of_slice(self._noisy[stack], z, np.asarray(self._denoised[where]))


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
    return [
        new_panel(doubt, f"Doubt: {image.short_name}", {**image.kwargs, **_SHOWN})
        for doubt, image in zip(maps, denoised, strict=True)
    ]


def _stacks_now(results: ResultLayers) -> LayerStacks | None:
    """Return the pixels that a run was started on, which it does not keep; None if they are gone.

    Of a layer that was cropped or extended since, no map can be made.
    """
    layer = results.stacks.layer
    if layer is None:
        return None
    try:
        stacks = stacks_of(layer, results.stacks.chosen)
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
