"""Denoising of whole stacks with a trained network, slice by slice and tile by tile."""

from __future__ import annotations

import math
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from autoStructN2V.datasets.patches import neighbor_slices
from autoStructN2V.datasets.values import require_finite
from autoStructN2V.errors import DeviceError
from autoStructN2V.inference.tiling import Tile, plan_tiles
from autoStructN2V.models.device import is_out_of_memory
from autoStructN2V.models.workers import Workers, n_workers
from autoStructN2V.symmetry import SYMMETRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.symmetry import Symmetry
    from autoStructN2V.vocabulary import Mode

    _Window = tuple[Tensor, Tile]  # slices (C, y, x), and what of them the network sees

# features x pixels of all windows at once: large, as the halo is waste; a CPU needs 1 GB for them
_WINDOW_SIZE = {"cpu": 64 * 1024 * 1024, "cuda": 32 * 4096 * 4096, "mps": 32 * 2048 * 2048}
_SMALLEST_SHARE = 512 * 512  # pixels: what each of many cores gets all the same
_SMALLEST_WINDOW = 128 * 128


def largest_window(device: torch.device, features: int) -> int:
    """Return the most pixels that one forward pass of a network should see on a device."""
    size = _WINDOW_SIZE.get(device.type, _WINDOW_SIZE["cpu"]) // features
    return max(size // n_workers(device), min(size, _SMALLEST_SHARE))


@dataclass(frozen=True)
class TileFinished:
    """A tile was predicted; ``n_done`` of ``n_tiles`` of this stack."""

    n_done: int
    n_tiles: int


@dataclass(frozen=True)
class SliceFinished:
    """A slice was denoised; ``image`` (y, x) float32 in input intensities."""

    index: int
    image: NDArray[np.float32]


class PredictionStopped(Exception):  # noqa: N818 - leaves a network or an open file, is no error
    """The prediction was cancelled; what is not finished is not kept."""


class Predictor:
    """Apply a trained network to stacks of any size.

    The result equals that of the untiled network to float accuracy, and does not depend on how
    busy the computer is. Only the slices under work are in memory: one in 2D, three in 2.5D, and
    with several threads those of the next two tiles of each.

    Parameters
    ----------
    network : FlexibleUNet
        Trained network on its device.
    normalization : Normalization
        Statistics of the data that the network was trained on.
    mode : {"2D", "2.5D"}
        Whether the network sees one slice or three.
    symmetries : sequence of Symmetry
        Orientations in which each slice is predicted; the predictions are averaged.
    max_window : int, optional
        Most pixels in one forward pass; default: chosen for device and network.
    """

    def __init__(
        self,
        network: FlexibleUNet,
        normalization: Normalization,
        mode: Mode,
        max_window: int | None = None,
        symmetries: Sequence[Symmetry] = SYMMETRIES[:1],
    ) -> None:
        self.network = network
        self.normalization = normalization
        self.mode = mode
        self.symmetries = tuple(symmetries)
        self.device = next(network.parameters()).device
        features = network.config.features
        self._max_window = max_window or largest_window(self.device, features)
        self._too_large: float = math.inf  # pixels of the smallest window that ran out of memory

    @classmethod
    def of_model(
        cls, model: TrainedModel, network: FlexibleUNet, max_window: int | None = None
    ) -> Predictor:
        """Return a predictor that applies a model as it was trained; ``network`` is its network."""
        return cls(network, model.normalization, model.mode, max_window, model.symmetries)

    def n_tiles(self, source: ImageSource) -> int:
        """Return the number of tiles of a whole stack."""
        return source.shape[0] * self._n_tiles_of_slice(source.shape[1:])

    def tiles(self, shape: tuple[int, int]) -> list[Tile]:
        """Return the tiles of an image (height, width)."""
        halo, stride = self.network.receptive_radius, self.network.stride
        return plan_tiles(shape, self._max_window, halo, stride)

    def denoise(
        self,
        source: ImageSource,
        should_stop: Callable[[], bool] = lambda: False,
        finished: Container[int] = (),
    ) -> Generator[TileFinished | SliceFinished]:
        """Denoise all slices of ``source`` in order; ends early when ``should_stop`` says so.

        ``should_stop`` is asked before every convolution; slices in ``finished`` are left out.

        Yields
        ------
        TileFinished
            After every tile.
        SliceFinished
            After every slice.

        Raises
        ------
        DeviceError
            When memory does not suffice even for small tiles.
        """
        missing = [z for z in range(source.shape[0]) if z not in finished]
        n_done, n_tiles = 0, len(missing) * self._n_tiles_of_slice(source.shape[1:])
        try:
            for z, image in self._predict(source, missing, should_stop):
                if image is not None:
                    yield SliceFinished(z, self.normalization.denormalize(image))
                else:
                    n_done += 1
                    yield TileFinished(n_done, n_tiles)
        except PredictionStopped:
            return

    def denoise_slice(
        self, source: ImageSource, z: int, should_stop: Callable[[], bool] = lambda: False
    ) -> NDArray[np.float32] | None:
        """Return slice ``z`` of ``source`` denoised, (y, x) float32; None when stopped."""
        try:
            *_, (_, image) = self._predict(source, [z], should_stop)
        except PredictionStopped:
            return None
        return None if image is None else self.normalization.denormalize(image)

    def _predict(
        self, source: ImageSource, indices: Sequence[int], should_stop: Callable[[], bool]
    ) -> Generator[tuple[int, NDArray[np.float32] | None]]:
        """Predict slices; yield index and None after each tile, and image (y, x) at its end."""
        shape = source.shape[1:]
        with Workers(self.device) as workers, _stoppable(self.network, should_stop):
            cores = workers.map(self._predict_window, self._windows(source, indices))
            for z in indices:
                total: NDArray[np.float32] = np.zeros(shape, np.float32)
                for symmetry in self.symmetries:
                    result = np.empty(symmetry.shape_of(shape), np.float32)
                    for tile in self.tiles(symmetry.shape_of(shape)):
                        result[tile.core] = next(cores)
                        yield z, None
                    total += symmetry.undo(result).astype(np.float32)
                yield z, total / np.float32(len(self.symmetries))

    def _windows(self, source: ImageSource, indices: Sequence[int]) -> Iterator[_Window]:
        """Yield all tiles with the slices that they are cut from, in the order of ``_predict``."""
        window = _SliceWindow(source, self.normalization, self.mode)
        for z in indices:
            slices = window.around(z)
            for symmetry in self.symmetries:
                turned = _turned(slices, symmetry)
                for tile in self.tiles((turned.shape[1], turned.shape[2])):
                    yield turned, tile

    def _n_tiles_of_slice(self, shape: tuple[int, int]) -> int:
        """Return the number of tiles of one slice in all orientations."""
        return sum(len(self.tiles(symmetry.shape_of(shape))) for symmetry in self.symmetries)

    def _predict_window(self, cut: _Window) -> NDArray[np.float32]:
        """Return the core of one tile; splits the window when memory runs out."""
        slices, tile = cut
        window = slices[(slice(None), *tile.window)]
        n_pixels = window.shape[-1] * window.shape[-2]
        if n_pixels < self._too_large:
            try:
                return _core(self._forward(window), tile)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._too_large = n_pixels
        # outside of the handler, which keeps the memory alive
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return _core(self._forward_tiled(window), tile)

    def _forward_tiled(self, window: Tensor) -> Tensor:
        """Predict a window that is too large for the memory by tiles of its own."""
        shape = (int(window.shape[-2]), int(window.shape[-1]))
        n_pixels = max(int(self._too_large) // 4, _SMALLEST_WINDOW)
        tiles = plan_tiles(shape, n_pixels, self.network.receptive_radius, self.network.stride)
        if self._too_large <= _SMALLEST_WINDOW or len(tiles) == 1:
            raise DeviceError(
                f"Memory of {self.device} does not suffice to denoise even small tiles; close "
                "other programs, or choose device cpu."
            )
        prediction = torch.empty(shape)
        for tile in tiles:
            prediction[tile.core] = torch.from_numpy(self._predict_window((window, tile)))
        return prediction

    @torch.inference_mode()
    def _forward(self, window: Tensor) -> Tensor:
        batch = window[None].to(self.device).contiguous(memory_format=torch.channels_last)
        prediction: Tensor = self.network(batch)[0, 0].float().cpu()
        return prediction


def _turned(slices: Tensor, symmetry: Symmetry) -> Tensor:
    """Return slices (C, y, x) turned and flipped, without a copy if they stay as they are."""
    if symmetry == SYMMETRIES[0]:
        return slices
    # always a copy: to NumPy one flipped row or column is contiguous as it is, to PyTorch it is not
    return torch.from_numpy(symmetry(slices.numpy()).copy())


def _core(prediction: Tensor, tile: Tile) -> NDArray[np.float32]:
    core: NDArray[np.float32] = prediction[tile.core_in_window].numpy()
    return core


@contextmanager
def _stoppable(network: FlexibleUNet, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Let ``should_stop`` end a pass through the network before any of its convolutions."""

    def check(module: nn.Module, inputs: object) -> None:
        if should_stop():
            raise PredictionStopped

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [convolution.register_forward_pre_hook(check) for convolution in convolutions]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _SliceWindow:
    """Normalized slices around the current one; each is read once while z advances."""

    def __init__(self, source: ImageSource, normalization: Normalization, mode: Mode) -> None:
        self._source = source
        self._normalization = normalization
        self._neighbors = neighbor_slices(source.shape[0], mode)
        n_seen = self._neighbors.shape[1]
        self._recent: deque[tuple[int, Tensor]] = deque(maxlen=n_seen)

    def around(self, z: int) -> Tensor:
        """Return the slices (C, y, x) that the network sees for slice ``z``."""
        return torch.stack([self._slice(int(i)) for i in self._neighbors[z]])

    def _slice(self, z: int) -> Tensor:
        for index, image in self._recent:
            if index == z:
                return image
        stored = require_finite(self._source.read_slice(z), self._source.name, z)
        image = torch.from_numpy(self._normalization.normalize(stored))
        self._recent.append((z, image))
        return image
