"""Tell blurred noise from structure by the fastest changes in an image, where optics leave none.

Where every pixel has noise of its own, the power spectrum is flat at high frequencies: there the
signal ends. If the power still falls steeply towards the highest frequencies, and equally much in
flat and in structured places, all of the noise is blurred, as by interpolating or scaling.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.background import NoiseField
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, BlurredLimits

FloatArray = NDArray[np.float64]

_SIDE = 32  # px: of the blocks whose spectra are averaged
_FEWEST_BLOCKS = 60  # in a group of neighboring slices
_RING = 0.04  # cycles/px: width of the rings in which power is averaged, about a bin
_FASTEST = float(np.sqrt(0.5))  # cycles/px: of changes along the diagonal


def _cut(stack: NDArray[np.float32]) -> FloatArray:
    """Cut a (Z, Y, X) stack into (Z, N, side, side) blocks."""
    depth, height, width = stack.shape
    rows, columns = height // _SIDE, width // _SIDE
    tiles = stack[:, : rows * _SIDE, : columns * _SIDE]
    tiles = tiles.reshape(depth, rows, _SIDE, columns, _SIDE).swapaxes(2, 3)
    return tiles.reshape(depth, rows * columns, _SIDE, _SIDE).astype(np.float64)


def _groups(fields: Sequence[NoiseField]) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Group the blocks of as few slices as have enough of them.

    Yields
    ------
    (N, side, side) float64
        Blocks.
    (N,) float64
        How structured each of them is.
    """
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


def _rings(limits: BlurredLimits) -> FloatArray:
    """Inner radius (R,) of each ring in the band, in cycles/px, below the fastest in images."""
    rings: FloatArray = np.arange(limits.slowest, _FASTEST - _RING, _RING)
    return rings


def _radial_power(blocks: FloatArray, rings: FloatArray) -> FloatArray:
    """Mean power (R,) of (N, side, side) blocks in each of R rings."""
    window = np.outer(np.hanning(_SIDE), np.hanning(_SIDE))
    centered = blocks - blocks.mean((1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(centered * window))).mean(0)
    ring = np.digitize(_frequency(), rings) - 1
    return np.array([power[ring == index].mean() for index in range(len(rings))])


def _frequency() -> FloatArray:
    """Distance (side, side) of each bin of a spectrum from zero frequency, in cycles/px."""
    frequency = np.fft.fftfreq(_SIDE)
    radius: FloatArray = np.hypot.outer(frequency, frequency)
    return radius


def blurred_noise(
    fields: Sequence[NoiseField],
    max_lag: int,
    limits: BlurredLimits = NOISE_LIMITS.blurred,
) -> FloatArray | None:
    """Autocorrelation of noise that is blurred equally in all directions, if it is blurred.

    Parameters
    ----------
    fields : sequence of NoiseField
        Images without their coarse structure.
    max_lag : int
        Largest lag in pixels.
    limits : BlurredLimits
        What counts as blurred.

    Returns
    -------
    (2 * max_lag + 1, 2 * max_lag + 1) float64, or None
        None if the noise is not blurred, or structure hides what it is.
    """
    powers = [_flat_and_structured(*group, limits) for group in _groups(fields)]
    steep = [pair for pair in powers if _is_steep(pair[0], limits)]
    if not steep or len(steep) < limits.least_groups * len(powers):
        return None
    flat, structured = np.log(steep).mean(0)
    if np.abs(structured - flat).mean() > np.log1p(limits.evenness.most_above):
        return None
    return _autocorrelation(_rings(limits), flat, max_lag)


def _flat_and_structured(
    blocks: FloatArray, structure: FloatArray, limits: BlurredLimits
) -> tuple[FloatArray, FloatArray]:
    """Power (R,) of the flattest and of the most structured of (N, side, side) blocks."""
    order = np.argsort(structure)
    n_compared = round(limits.share * len(order))
    flattest, most_structured = order[:n_compared], order[-n_compared:]
    rings = _rings(limits)
    return _radial_power(blocks[flattest], rings), _radial_power(blocks[most_structured], rings)


def _is_steep(power: FloatArray, limits: BlurredLimits) -> bool:
    """Whether the power (R,) falls much from the first to the second third of the band."""
    third = len(power) // 3
    return bool(power[third] > limits.steep * power[2 * third])


def _autocorrelation(rings: FloatArray, log_power: FloatArray, max_lag: int) -> FloatArray:
    """Autocorrelation of white noise blurred by the Gaussian whose power fits best.

    Parameters
    ----------
    rings : (R,) float64
        Inner radius of each ring, in cycles/px.
    log_power : (R,) float64
        Logarithm of the power there.
    max_lag : int
        Largest lag in pixels.

    Returns
    -------
    (2 * max_lag + 1, 2 * max_lag + 1) float64
    """
    slope, _ = np.polyfit(np.square(rings + _RING / 2.0), log_power, 1)
    variance = max(-float(slope), 1e-6) / (4.0 * np.pi**2)
    lag = np.arange(-max_lag, max_lag + 1)
    autocorrelation: FloatArray = np.exp(-np.add.outer(lag**2, lag**2) / (4.0 * variance))
    return autocorrelation
