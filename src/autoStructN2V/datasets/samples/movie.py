"""A movie with known clean truth, like calcium imaging: cells that move and blink, row noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, special

from autoStructN2V.datasets.samples.synthetic import colored_noise, noise_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOVIE_SHAPE = (60, 128, 128)
_PIXELS_PER_CELL = 400
_RADII = (3.0, 5.5)  # px
_PHOTONS = 60.0  # at intensity 1
_READ_STD, _ROW_STD = 0.05, 0.10
_EVENTS_PER_FRAME = 0.04  # of each cell
_DECAY = 8.0  # frames, of an event
_WAVER = 2.0  # px: how far the sample wavers to and fro
_OWN_STEP = 0.12  # px from frame to frame, of each cell for itself


@dataclass(frozen=True)
class MovieSample:
    """A noisy movie and the truth.

    Attributes
    ----------
    clean : ndarray
        (t, y, x) float32, about 0.1 (background) to 1 (a cell that is active).
    noisy : ndarray
        (t, y, x) float32, with shot noise, read noise and noise that neighbors in a row share, new
        in every frame; not clipped.
    """

    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]


def make_movie(
    seed: int = 0, shape: tuple[int, int, int] = MOVIE_SHAPE, *, speed: float = 0.3
) -> MovieSample:
    """Make a movie of cells that waver with their tissue, move on their own, and blink.

    Parameters
    ----------
    seed : int
        Other seeds give other movies, >= 0.
    shape : tuple of int
        (t, y, x).
    speed : float
        Typical movement of the tissue in pixels from frame to frame.

    Returns
    -------
    MovieSample
        Same arguments, same result.
    """
    generator = np.random.default_rng([seed, 73])
    clean = _cells(generator, shape, speed)
    photons = generator.poisson(clean * _PHOTONS) / _PHOTONS
    kernel = noise_kernel("horizontal_lines")
    assert kernel is not None
    rows = colored_noise(generator, shape, kernel[None], _ROW_STD)
    noisy = photons + rows + _READ_STD * generator.standard_normal(shape)
    return MovieSample(clean.astype(np.float32), noisy.astype(np.float32))


def _cells(generator: np.random.Generator, shape: tuple[int, int, int], speed: float) -> Array:
    """Draw the frames (t, y, x) without noise."""
    n_frames, height, width = shape
    n_cells = max(4, height * width // _PIXELS_PER_CELL)
    margin = 2.0 * _WAVER
    start = generator.uniform((-margin, -margin), (height + margin, width + margin), (n_cells, 2))
    own = np.cumsum(generator.normal(0.0, _OWN_STEP, (n_frames, n_cells, 2)), axis=0)
    places = start + own + _tissue(generator, n_frames, speed)[:, None]
    radii = generator.uniform(*_RADII, n_cells)
    brightness = _activity(generator, n_frames, n_cells)
    haze = ndimage.gaussian_filter(generator.standard_normal((height, width)), 10.0, mode="wrap")
    frames = np.empty(shape)
    y, x = np.mgrid[:height, :width]
    for t in range(n_frames):
        frames[t] = 0.12 + 0.03 * haze / haze.std()
        for (cy, cx), radius, bright in zip(places[t], radii, brightness[t], strict=True):
            distance = np.hypot(y - cy, x - cx)
            body = special.expit(2.0 * (radius - distance))
            nucleus = 0.5 * special.expit(2.5 * (0.45 * radius - distance))
            frames[t] += bright * (body - nucleus)
    return np.maximum(frames, 0.02)


def _tissue(generator: np.random.Generator, n_frames: int, speed: float) -> Array:
    """Return how far all cells are shifted (t, 2): a path that wavers around its start."""
    steps = generator.normal(0.0, speed, (n_frames, 2))
    path = np.zeros((n_frames, 2))
    for t in range(1, n_frames):
        path[t] = path[t - 1] * (1.0 - speed / (2.0 * _WAVER)) + steps[t]
    return path


def _activity(generator: np.random.Generator, n_frames: int, n_cells: int) -> Array:
    """Return the brightness (t, cells): a base, and events that rise at once and fade."""
    begins = generator.random((n_frames, n_cells)) < _EVENTS_PER_FRAME
    rises = begins * generator.uniform(0.2, 0.6, (n_frames, n_cells))
    active = np.zeros((n_frames, n_cells))
    for t in range(n_frames):
        before = active[t - 1] if t else generator.uniform(0.0, 0.3, n_cells)
        active[t] = before * np.exp(-1.0 / _DECAY) + rises[t]
    base: Array = generator.uniform(0.15, 0.45, n_cells) + active
    return base
