"""What a comparison shows: images under short names, and what was removed from the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.layers.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.components import LayerList
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_autostructn2v.layers.results import ResultLayers

_SIGMAS_SHOWN = 3.0
_LONGEST_NAME = 24


@dataclass(frozen=True)
class Compared:
    """An image that is compared.

    Attributes
    ----------
    name : str
        As its panel says it.
    data : array-like
        (..., y, x), or several scales of it.
    kwargs : dict
        How a layer shows it: place in space, contrast limits, colormap.
    is_denoised : bool
        Whether the difference from the first image is what was removed.
    is_multiscale : bool
    """

    name: str
    data: Any
    kwargs: dict[str, Any] = field(repr=False)
    is_denoised: bool = False
    is_multiscale: bool = False

    @property
    def short_name(self) -> str:
        """The name, or the number before it, for the names of differences."""
        return self.name.partition(":")[0]

    @property
    def finest(self) -> Any:
        """The pixels at full resolution."""
        return self.data[0] if self.is_multiscale else self.data

    def panel(self) -> Image:
        """Return a layer of its own that shares the pixels."""
        return new_panel(self.data, self.name, self.kwargs, is_multiscale=self.is_multiscale)


class Difference:
    """One image minus another of equal shape, computed where it is looked at.

    Parameters
    ----------
    first, second : array-like
        Sliced like arrays.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, first: Any, second: Any) -> None:
        self._first, self._second = first, second
        self.shape: tuple[int, ...] = tuple(first.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        first = np.asarray(self._first[key], np.float32)
        with np.errstate(invalid="ignore"):  # infinite in both: not a number
            difference: NDArray[np.float32] = first - np.asarray(self._second[key], np.float32)
        return difference

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> NDArray[Any]:  # the whole of it, when a person saves it
        return np.asarray(self[...], dtype)


def new_panel(
    data: Any, name: str, kwargs: dict[str, Any], *, is_multiscale: bool = False
) -> Image:
    """Return a layer that only shows something in a comparison.

    Parameters
    ----------
    data : array-like
        (..., y, x), or several scales of it.
    name : str
        As the layer list shows it.
    kwargs : dict
        How the layer shows it.
    is_multiscale : bool
        Whether there are several scales.
    """
    metadata = {METADATA_KEY: {"panel": name}}
    return Image(data, name=name, multiscale=is_multiscale, rgb=False, metadata=metadata, **kwargs)


def of_results(results: ResultLayers, layers: LayerList) -> list[Compared]:
    """Return the images of a run: noisy, each stage, and the clean truth of a sample.

    Parameters
    ----------
    results : ResultLayers
        Of the run.
    layers : LayerList
        Of the viewer.
    """
    stages = {stage: results.of_stage(stage) for stage in (1, 2)}
    found = [_denoised(layer) for layer in stages.values() if layer is not None]
    noisy = results.stacks.layer
    if noisy is None or noisy not in layers or noisy.rgb:
        return [image for image in found if noisy is None or not noisy.rgb]
    part = results.stacks.part_of if results.stacks.chosen else None
    kwargs = {**results.stacks.geometry.to_kwargs(), **_display(noisy)}
    images = [_part("Noisy", noisy, part, kwargs), *found]
    truth = _truth_of(noisy, layers)
    if truth is not None and truth not in stages.values():
        images.append(_part("Clean truth", truth, part, kwargs | _display(truth)))
    return images


def of_layers(layers: Iterable[Layer]) -> list[Compared]:
    """Return image layers of one shape as they are; the first is what others differ from."""
    images = [layer for layer in layers if isinstance(layer, Image) and not layer.rgb]
    if len({_finest(layer).shape for layer in images}) != 1:
        return []
    return [
        Compared(
            f"{number}: {_shortened(layer.name)}",
            layer.data,
            _kwargs_of(layer),
            is_denoised=number > 1,
            is_multiscale=layer.multiscale,
        )
        for number, layer in enumerate(images, 1)
    ]


def removed_panels(images: Sequence[Compared]) -> list[Image]:
    """Return a layer for what each denoised image lacks.

    With two of them, what the second removed beyond the first comes before, so that in three
    columns each difference lies below its image.
    """
    denoised = [image for image in images if image.is_denoised]
    if not denoised or images[0].is_denoised:
        return []
    pairs = [(images[0], image) for image in denoised]
    if len(denoised) == 2 and len(images) == 3:
        pairs.insert(0, (denoised[0], denoised[1]))
    differences = [
        (f"{a.short_name} - {b.short_name}", Difference(a.finest, b.finest), b) for a, b in pairs
    ]
    limit = max(_spread(difference) for _, difference, _ in differences) * _SIGMAS_SHOWN
    limit = limit or float(np.ptp(images[0].kwargs["contrast_limits"]))
    return [_panel_of(name, difference, of, limit) for name, difference, of in differences]


def last_removed(images: Sequence[Compared]) -> list[Image]:
    """Return a layer for what the last denoised image lacks, to lie below the noisy one."""
    denoised = [image for image in images if image.is_denoised]
    if not denoised or images[0].is_denoised:
        return []
    return removed_panels([images[0], denoised[-1]])


def _panel_of(name: str, difference: Difference, of: Compared, limit: float) -> Image:
    shown = {"contrast_limits": (-limit, limit), "colormap": "gray", "gamma": 1.0}
    return new_panel(difference, name, {**of.kwargs, **shown})


def _spread(difference: Difference) -> float:
    """Return the standard deviation in the middle slice; 0 if it cannot be told."""
    middle = difference[tuple(side // 2 for side in difference.shape[:-2])]
    known = middle[np.isfinite(middle)]
    return float(np.std(known, dtype=np.float64)) if known.size else 0.0


def _denoised(layer: Image) -> Compared:
    label = str(layer.metadata.get(METADATA_KEY, {}).get("result", layer.name))
    name = label[:1].upper() + label[1:]
    return Compared(
        name, layer.data, _kwargs_of(layer), is_denoised=True, is_multiscale=layer.multiscale
    )


def _part(
    name: str, layer: Image, part: Callable[[Any], Any] | None, kwargs: dict[str, Any]
) -> Compared:
    """Return a layer, or the part of it that was chosen."""
    if part is None:
        return Compared(name, layer.data, kwargs, is_multiscale=layer.multiscale)
    return Compared(name, part(_finest(layer)), kwargs)


def _truth_of(noisy: Image, layers: LayerList) -> Image | None:
    """Return the clean image that a sample was made from: its layers bear the same note."""
    note = noisy.metadata.get(METADATA_KEY)
    if not isinstance(note, dict) or "sample" not in note:
        return None
    same = [
        layer
        for layer in layers[: layers.index(noisy)]
        if isinstance(layer, Image)
        and layer.metadata.get(METADATA_KEY) == {**note, "truth": True}
        and layer.data.shape == noisy.data.shape
    ]
    return same[-1] if same else None


def _kwargs_of(layer: Image) -> dict[str, Any]:
    return {**Geometry.of(layer).to_kwargs(), **_display(layer)}


def _display(layer: Image) -> dict[str, Any]:
    return {
        "contrast_limits": tuple(layer.contrast_limits),
        "colormap": layer.colormap,
        "gamma": layer.gamma,
    }


def _finest(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _shortened(name: str) -> str:
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[1 - half :]}"
