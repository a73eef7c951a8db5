"""Tell blurred noise from structure by the fastest changes in an image, where optics leave none.

Where every pixel has noise of its own, the power spectrum is flat at high frequencies: there the
signal ends. If the power still falls steeply towards the highest frequencies, and equally much in
flat and in structured places, all of the noise is blurred, as by interpolating or scaling.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.background import NoiseField

FloatArray = NDArray[np.float64]

_SIDE = 32  # px: of the blocks whose spectra are averaged
_FEWEST_BLOCKS = 60  # in a group of neighboring slices
_SHARE = 0.2  # of the blocks: the flattest are compared with the most structured
_RING = 0.04  # cycles/px
_BAND = np.arange(0.3, 0.7, _RING)  # cycles/px: frequencies that are taken for noise
_STEEP = 4.0  # times that power falls within the band; white noise: once, a share of it: < 2.5
_UNEVEN = 0.3  # largest mean logarithm of the ratio of the power in structured and flat places
_LEAST_GROUPS = 0.3  # of the groups: as many must hold blurred noise


def _cut(stack: NDArray[np.float32]) -> FloatArray:
    """Cut a (Z, Y, X) stack into (Z, N, side, side) blocks."""
    depth, height, width = stack.shape
    rows, columns = height // _SIDE, width // _SIDE
    tiles = stack[:, : rows * _SIDE, : columns * _SIDE]
    tiles = tiles.reshape(depth, rows, _SIDE, columns, _SIDE).swapaxes(2, 3)
    return tiles.reshape(depth, rows * columns, _SIDE, _SIDE).astype(np.float64)


def _groups(fields: Sequence[NoiseField]) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Blocks of as few slices as have enough, and how structured each block is."""
    blocks: list[FloatArray] = []
    structure: list[FloatArray] = []
    for field in fields:
        scores = _cut(field.structure).mean((2, 3))
        for plane, score in zip(_cut(field.residual), scores, strict=True):
            usable = np.isfinite(score)
            blocks.append(plane[usable])
            structure.append(score[usable])
            if sum(map(len, blocks)) >= _FEWEST_BLOCKS:
                yield np.concatenate(blocks), np.concatenate(structure)
                blocks, structure = [], []


def _radial_power(blocks: FloatArray) -> FloatArray:
    """Mean power in each ring of ``_BAND``."""
    window = np.outer(np.hanning(_SIDE), np.hanning(_SIDE))
    centered = blocks - blocks.mean((1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(centered * window))).mean(0)
    ring = np.digitize(_frequency(), _BAND) - 1
    return np.array([power[ring == index].mean() for index in range(len(_BAND))])


def _frequency() -> FloatArray:
    frequency = np.fft.fftfreq(_SIDE)
    radius: FloatArray = np.hypot.outer(frequency, frequency)
    return radius


def blurred_noise(fields: Sequence[NoiseField], max_lag: int) -> FloatArray | None:
    """Autocorrelation of noise that is blurred alike in all directions, if it is.

    Parameters
    ----------
    fields : sequence of NoiseField
        Images without their coarse structure.
    max_lag : int
        Largest lag in pixels.

    Returns
    -------
    (2 * max_lag + 1, 2 * max_lag + 1) float64, or None
        None if the noise is not blurred, or structure hides what it is.
    """
    powers = [_flat_and_structured(*group) for group in _groups(fields)]
    steep = [pair for pair in powers if _is_steep(pair[0])]
    if not steep or len(steep) < _LEAST_GROUPS * len(powers):
        return None
    flat, structured = np.log(steep).mean(0)
    if np.abs(structured - flat).mean() > _UNEVEN:
        return None
    return _autocorrelation(flat, max_lag)


def _flat_and_structured(
    blocks: FloatArray, structure: FloatArray
) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(structure)
    n_compared = round(_SHARE * len(order))
    return _radial_power(blocks[order[:n_compared]]), _radial_power(blocks[order[-n_compared:]])


def _is_steep(power: FloatArray) -> bool:
    middle = len(_BAND) // 3
    return bool(power[middle] > _STEEP * power[2 * middle])


def _autocorrelation(log_power: FloatArray, max_lag: int) -> FloatArray:
    """Autocorrelation of white noise blurred by the Gaussian whose power fits best."""
    slope, _ = np.polyfit(np.square(_BAND + _RING / 2.0), log_power, 1)
    variance = max(-float(slope), 1e-6) / (4.0 * np.pi**2)
    lag = np.arange(-max_lag, max_lag + 1)
    autocorrelation: FloatArray = np.exp(-np.add.outer(lag**2, lag**2) / (4.0 * variance))
    return autocorrelation
