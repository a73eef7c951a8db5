"""A look at the slice a person is watching, while the network is still learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.inference.predictor import Predictor

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.axes import Mode
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.datasets.sources import ImageSource
    from autoStructN2V.models.unet import FlexibleUNet


class Previewer:
    """Denoise one slice with a network that is still being trained.

    Parameters
    ----------
    source : ImageSource
        Stack that is shown.
    normalization : Normalization
        Statistics of the training data.
    mode : {"2D", "2.5D"}
    slice_index : callable
        Returns the index of the slice to preview; asked before every preview.
    """

    def __init__(
        self,
        source: ImageSource,
        normalization: Normalization,
        mode: Mode,
        slice_index: Callable[[], int],
    ) -> None:
        self._source = source
        self._normalization = normalization
        self._mode = mode
        self._slice_index = slice_index

    def denoise(
        self, network: FlexibleUNet, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[int, NDArray[np.float32] | None]:
        """Return index and denoised slice (y, x) float32 in input intensities; None if stopped."""
        z = min(max(self._slice_index(), 0), self._source.shape[0] - 1)
        predictor = Predictor(network, self._normalization, self._mode)
        return z, predictor.denoise_slice(self._source, z, should_stop)
