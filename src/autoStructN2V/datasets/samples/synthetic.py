"""Images with known clean truth: a texture like electron microscopy, and eight kinds of noise.

The clean signal lies in [0.15, 0.85]; noise is never clipped, which would bias self-supervised
training. Everything is derived from the seed alone.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SampleKind = Literal[
    "random",
    "horizontal_lines",
    "vertical_stripes",
    "diagonal",
    "periodic",
    "stack",
    "blob",
    "shot_noise_lines",
]
SAMPLE_KINDS: tuple[SampleKind, ...] = get_args(SampleKind)
IMAGES_SHAPE = (16, 256, 256)
STACK_SHAPE = (30, 128, 128)

_PERIOD = 8
_WAVE_AMPLITUDE = 0.08
_Z_KERNEL = (0.5, 1.0, 0.5)
_SIGNIFICANT = 0.02


@dataclass(frozen=True)
class NoiseModel:
    """Strength of the noise of one kind of sample, in units of the clean signal.

    Parameters
    ----------
    white_std : float
        Standard deviation of the pixel-independent part (shot noise: its mean).
    structured_std : float
        Standard deviation of the part that neighboring pixels share.
    entropy_name : str
        Name from which the random numbers are derived.
    """

    white_std: float
    structured_std: float
    entropy_name: str


NOISE_MODELS: MappingProxyType[SampleKind, NoiseModel] = MappingProxyType(
    {
        "random": NoiseModel(0.10, 0.0, "T1_random"),
        "horizontal_lines": NoiseModel(0.06, 0.08, "T2_hline"),
        "vertical_stripes": NoiseModel(0.06, 0.08, "T3_vline"),
        "diagonal": NoiseModel(0.06, 0.08, "T4_diag"),
        "periodic": NoiseModel(0.06, _WAVE_AMPLITUDE / math.sqrt(2), "T5_periodic"),
        "stack": NoiseModel(0.06, 0.08, "T6_stack"),
        "blob": NoiseModel(0.06, 0.08, "T7_blob"),
        "shot_noise_lines": NoiseModel(0.07, 0.07, "T8_poisson"),
    }
)


@dataclass(frozen=True)
class SyntheticSample:
    """Noisy images and what is known about them.

    Parameters
    ----------
    kind : str
        Kind of noise.
    clean : ndarray
        (z, y, x) float32 in [0.15, 0.85]; slices of kind ``"stack"`` are neighbors in z, those
        of other kinds independent images.
    noisy : ndarray
        (z, y, x) float32, `clean` plus noise, not clipped.
    true_autocorrelation : ndarray
        (31, 31), autocorrelation of all the noise inside a slice, 1 in the center.
    """

    kind: SampleKind
    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]
    true_autocorrelation: Array

    @property
    def true_lags(self) -> list[tuple[int, int, float]]:
        """Offsets (y, x) that share noise with the center, and their autocorrelation."""
        center = self.true_autocorrelation.shape[0] // 2
        return [
            (int(y - center), int(x - center), round(float(self.true_autocorrelation[y, x]), 3))
            for y, x in np.argwhere(np.abs(self.true_autocorrelation) > _SIGNIFICANT)
            if (y, x) != (center, center)
        ]


def make_sample(
    kind: SampleKind, seed: int = 0, shape: tuple[int, int, int] | None = None
) -> SyntheticSample:
    """Make noisy images of one kind.

    Parameters
    ----------
    kind : str
        One of :data:`SAMPLE_KINDS`.
    seed : int
        Other seeds give other images and other noise, >= 0.
    shape : tuple of int, optional
        (z, y, x); by default 16 images of 256 x 256, or a stack of 30 slices of 128 x 128.
        All kinds but ``"stack"`` have the same clean images.

    Returns
    -------
    SyntheticSample
        Same `kind`, `seed` and `shape`, same result.
    """
    if shape is None:
        shape = STACK_SHAPE if kind == "stack" else IMAGES_SHAPE
    generator = _generator("noise", NOISE_MODELS[kind].entropy_name, seed=seed)
    key, z_scale = ("stack", 0.6) if kind == "stack" else ("2d", 0.0)
    clean = clean_texture(shape, _generator("clean", key, seed=seed), z_scale=z_scale)
    noise = _noise(kind, clean, generator)
    noisy = (clean + noise).astype(np.float32)
    return SyntheticSample(kind, clean, noisy, true_autocorrelation(kind))


def true_autocorrelation(kind: SampleKind, half: int = 15) -> Array:
    """Return the exact autocorrelation of the noise inside a slice.

    Parameters
    ----------
    kind : str
        Kind of noise.
    half : int
        Largest offset in pixels.

    Returns
    -------
    ndarray
        (2 * half + 1, 2 * half + 1), offsets -half..half, 1 in the center.
    """
    model = NOISE_MODELS[kind]
    if kind == "periodic":
        offsets = np.arange(2 * half + 1) - half
        wave = np.cos(2 * np.pi * offsets / float(_PERIOD))
        waves: Array = np.tile(model.structured_std**2 * wave[:, None], (1, offsets.size))
        waves[half, half] += model.white_std**2
        waves /= waves[half, half]
        return waves
    return colored_autocorrelation(noise_kernel(kind), model.white_std, model.structured_std, half)


def colored_autocorrelation(
    kernel: Array | None, white_std: float, structured_std: float, half: int = 15
) -> Array:
    """Return the exact autocorrelation of white noise and noise that a kernel colored.

    Parameters
    ----------
    kernel : ndarray or None
        Weights (y, x) as of :func:`colored_noise`; None if all noise is white.
    white_std, structured_std : float
        Standard deviation of both.
    half : int
        Largest offset in pixels.

    Returns
    -------
    ndarray
        (2 * half + 1, 2 * half + 1), offsets -half..half, 1 in the center.
    """
    size = 2 * half + 1
    correlation = np.zeros((size, size))
    correlation[half, half] = white_std**2
    if kernel is not None:
        correlation += structured_std**2 * _self_correlation(kernel, size)
    correlation /= correlation[half, half]
    return correlation


def _self_correlation(kernel: Array, size: int) -> Array:
    """Correlate a kernel of unit norm with itself; (size, size), offset zero in the center."""
    half = size // 2
    padded = np.zeros((2 * size + 1, 2 * size + 1))
    y, x = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded[size - y : size + y + 1, size - x : size + x + 1] = kernel / np.sqrt((kernel**2).sum())
    power = np.abs(np.fft.fft2(padded)) ** 2
    correlation: Array = np.fft.fftshift(np.fft.ifft2(power).real)
    inside = slice(size - half, size + half + 1)
    return correlation[inside, inside]


def noise_kernel(kind: SampleKind) -> Array | None:
    """Return the weights (y, x) that color white noise, None if nothing is colored by any."""
    if kind in ("horizontal_lines", "stack", "shot_noise_lines"):
        return _exponential(9, 2.0)[None, :]
    if kind == "vertical_stripes":
        return _exponential(15, 3.5)[:, None]
    if kind == "diagonal":
        return np.eye(5)
    if kind == "blob":
        offsets = np.arange(-3, 4)
        profile = np.exp(-(offsets**2) / (2 * 0.9**2))
        return np.outer(profile, profile)
    return None


def _exponential(n_taps: int, decay: float) -> Array:
    offsets = np.arange(n_taps) - n_taps // 2
    weights: Array = np.exp(-np.abs(offsets) / decay)
    return weights


def colored_noise(
    generator: np.random.Generator, shape: tuple[int, ...], kernel: Array, std: float
) -> Array:
    """Convolve white noise with a kernel.

    Parameters
    ----------
    generator : Generator
        Source of randomness.
    shape : tuple of int
        Shape of the noise; its borders wrap around.
    kernel : ndarray
        Weights, with as many axes as `shape`.
    std : float
        Expected standard deviation of the result.

    Returns
    -------
    ndarray
        float64 of `shape`.
    """
    white = generator.standard_normal(shape)
    noise: Array = std * ndimage.convolve(white, kernel, mode="wrap")
    noise /= np.sqrt((kernel**2).sum())
    return noise


def _noise(kind: SampleKind, clean: NDArray[np.float32], generator: np.random.Generator) -> Array:
    model = NOISE_MODELS[kind]
    noise: Array = model.white_std * generator.standard_normal(clean.shape)
    if kind == "shot_noise_lines":
        photons = clean.mean() / model.white_std**2
        noise = (generator.poisson(clean * photons) / photons - clean).astype(np.float64)
    kernel = noise_kernel(kind)
    if kind == "periodic":
        noise = noise + _waves(clean.shape, generator)
    elif kernel is not None:
        volume = kernel[None]
        if kind == "stack":
            volume = np.array(_Z_KERNEL)[:, None, None] * volume
        noise = noise + colored_noise(generator, clean.shape, volume, model.structured_std)
    return noise


def _waves(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Sine waves along y, of random phase in every slice."""
    y = np.arange(shape[1])[None, :, None]
    phase = generator.uniform(0, 2 * np.pi, (shape[0], 1, 1))
    waves: Array = _WAVE_AMPLITUDE * np.sin(2 * np.pi * y / float(_PERIOD) + phase)
    return waves


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


def _generator(*key: str, seed: int) -> np.random.Generator:
    """Make a generator from names and a seed; seed 0 leaves the names alone."""
    entropy = [zlib.crc32(name.encode()) for name in key]
    return np.random.default_rng(entropy + ([seed] if seed else []))
