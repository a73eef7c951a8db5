"""A look at the slice a person is watching, while the network is still learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.resampling import resampled
from autoStructN2V.datasets.images.validity import put_back
from autoStructN2V.inference.predictor import Predictor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.vocabulary import Mode


class Previewer:
    """Denoise one slice with a network that is still being trained.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks of which a slice is shown.
    normalization : Normalization
        Statistics of the training data.
    mode : {"2D", "2.5D"}
    slice_index : callable
        Returns the index of the slice to preview, counted through all stacks; asked before every
        preview.
    shown_as : sequence of ImageSource, optional
        The same stacks on the grid that the preview is to have; default: their own.
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        normalization: Normalization,
        mode: Mode,
        slice_index: Callable[[], int],
        shown_as: Sequence[ImageSource] | None = None,
    ) -> None:
        self._shown = [(s, z) for s in shown_as or sources for z in range(s.shape[0])]
        self._slices = [(source, z) for source in sources for z in range(source.shape[0])]
        self._normalization = normalization
        self._mode = mode
        self._slice_index = slice_index

    def denoise(
        self, network: FlexibleUNet, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[int, NDArray[np.float32] | None]:
        """Return index and denoised slice (y, x) float32 in input intensities; None if stopped."""
        index = min(max(self._slice_index(), 0), len(self._slices) - 1)
        source, z = self._slices[index]
        predictor = Predictor(network, self._normalization, self._mode)
        image = predictor.denoise_slice(source, z, should_stop)
        shape = self._shown[index][0].shape[1:]
        if image is not None and image.shape != shape:
            image = resampled(image, shape)
        if image is not None:
            image = put_back(self._shown[index][0], self._shown[index][1], image)
        offset = self._normalization.offset
        return index, image if image is None or not offset else image + np.float32(offset)
