"""File > Open Sample > autoStructN2V: generated noisy images, each with its clean truth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.samples.synthetic import make_sample
from napari_autostructn2v import METADATA_KEY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.samples.synthetic import SampleKind

    LayerData = tuple[NDArray[np.float32], dict[str, Any], str]

_IMAGES_SHAPE = (8, 256, 256)


def _sample(kind: SampleKind, title: str) -> list[LayerData]:
    """Return a noisy layer and, hidden beneath it, the clean truth, in the same gray scale."""
    sample = make_sample(kind, shape=None if kind == "stack" else _IMAGES_SHAPE)
    common = {"contrast_limits": (0.0, 1.0)}
    metadata = {METADATA_KEY: {"sample": kind, "seed": 0}}
    noisy = {"name": f"{title} (noisy)", "metadata": metadata, **common}
    truth = {METADATA_KEY: {**metadata[METADATA_KEY], "truth": True}}
    clean = {"name": f"{title} (clean truth)", "visible": False, "metadata": truth, **common}
    return [(sample.clean, clean, "image"), (sample.noisy, noisy, "image")]


random_noise = partial(_sample, "random", "Random noise")
horizontal_lines = partial(_sample, "horizontal_lines", "Horizontal scan lines")
vertical_stripes = partial(_sample, "vertical_stripes", "Vertical stripes")
diagonal_noise = partial(_sample, "diagonal", "Diagonal noise")
blurred_noise = partial(_sample, "blob", "Blurred noise")
stack_noise = partial(_sample, "stack", "Stack, noise shared between slices")
