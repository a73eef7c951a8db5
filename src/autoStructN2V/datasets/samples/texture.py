"""A texture like electron microscopy: cytoplasm, cells with membranes, organelles and vesicles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def clean_texture(
    shape: tuple[int, int, int], generator: np.random.Generator, z_scale: float = 0.0
) -> NDArray[np.float32]:
    """Draw cytoplasm, cells with membranes, organelles and vesicles.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    generator : Generator
        Source of randomness.
    z_scale : float
        Extent of the structures in z relative to y and x; 0 for slices that have nothing to do
        with each other.

    Returns
    -------
    ndarray
        `shape`, float32 in [0.15, 0.85].
    """
    fields = _Fields(generator, shape, z_scale)
    texture = 0.62 + 0.05 * fields.draw(14) + 0.025 * fields.draw(4)
    cells = fields.draw(18)
    texture += 0.10 * (cells > 0.6)
    texture -= 0.34 * np.exp(-((_level_distance(cells, 0.0, 1e-3) / 1.3) ** 2))
    organelles = fields.draw(9)
    inside = ndimage.gaussian_filter((organelles > 1.1).astype(float), (0, 0.7, 0.7))
    texture -= inside * (0.12 + 0.05 * fields.draw(1.6))
    texture -= 0.25 * np.exp(-((_level_distance(organelles, 1.1, 1e-3) / 1.1) ** 2))
    for vesicle in _vesicles(generator, shape, z_scale):
        vesicle.add_to(texture)
    blurred = ndimage.gaussian_filter(texture, (0, 0.8, 0.8))
    low, high = np.percentile(blurred, [0.5, 99.5])
    unit = np.clip((blurred - low) / (high - low), 0, 1)
    signal: NDArray[np.float32] = (0.15 + 0.70 * unit).astype(np.float32)
    return signal


@dataclass(frozen=True)
class _Fields:
    """Smooth random fields of one volume."""

    generator: np.random.Generator
    shape: tuple[int, int, int]
    z_scale: float

    def draw(self, sigma: float) -> Array:
        """Return a Gaussian random field of unit variance and correlation length `sigma`."""
        if self.z_scale > 0:
            return self._smooth(self.shape, (sigma * self.z_scale, sigma, sigma))
        planes = [self._smooth(self.shape[1:], sigma) for _ in range(self.shape[0])]
        return np.stack(planes)

    def _smooth(self, shape: tuple[int, ...], sigma: float | tuple[float, ...]) -> Array:
        white = self.generator.standard_normal(shape)
        smooth: Array = ndimage.gaussian_filter(white, sigma, mode="wrap")
        unit: Array = (smooth - smooth.mean()) / smooth.std()
        return unit


def _level_distance(field: Array, level: float, floor: float) -> Array:
    """Return the approximate distance in pixels to where `field` crosses `level`."""
    slope = np.sqrt(sum(np.gradient(field, axis=axis) ** 2 for axis in (1, 2))) + floor
    distance: Array = np.abs(field - level) / slope
    return distance


@dataclass(frozen=True)
class _Vesicle:
    """A small ball with a dark rim; a disk if it lies in one slice only."""

    planes: NDArray[np.int64]
    z: float
    y: float
    x: float
    radius: float
    is_dark: bool

    def add_to(self, texture: Array) -> None:
        for plane in self.planes:
            square = self.radius * self.radius - ((plane - self.z) * 1.5) ** 2
            if square > 1:
                self._add_disk(texture[plane], float(np.sqrt(square)))

    def _add_disk(self, plane: Array, radius: float) -> None:
        y0, y1 = _span(self.y, radius, plane.shape[0])
        x0, x1 = _span(self.x, radius, plane.shape[1])
        if y1 <= y0 or x1 <= x0:
            return
        y, x = np.mgrid[y0:y1, x0:x1]
        distance = np.hypot(y - self.y, x - self.x)
        rim = np.exp(-(((distance - radius) / 0.9) ** 2))
        core = 1 / (1 + np.exp((distance - radius) * 2))
        plane[y0:y1, x0:x1] += (-0.18 if self.is_dark else 0.06) * core - 0.20 * rim


def _span(center: float, radius: float, size: int) -> tuple[int, int]:
    return max(0, int(center - radius - 4)), min(size, int(center + radius + 5))


def _vesicles(
    generator: np.random.Generator, shape: tuple[int, int, int], z_scale: float
) -> Iterator[_Vesicle]:
    n, height, width = shape
    area = height * width
    places: list[tuple[NDArray[np.int64], float, float]]
    if z_scale > 0:
        drawn = [
            (generator.uniform(0, n), generator.uniform(3, 6))
            for _ in range(int(area / 900 * n / 8))
        ]
        places = [(np.arange(n), z, radius) for z, radius in drawn]
    else:
        places = [
            (np.array([i]), float(i), generator.uniform(2.2, 4.5))
            for i in range(n)
            for _ in range(area // 900)
        ]
    for planes, z, radius in places:
        y, x = generator.uniform(0, height), generator.uniform(0, width)
        yield _Vesicle(planes, z, y, x, radius, bool(generator.random() < 0.5))
