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

from autoStructN2V.datasets.samples.texture import clean_texture

if TYPE_CHECKING:
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


def _generator(*key: str, seed: int) -> np.random.Generator:
    """Make a generator from names and a seed; seed 0 leaves the names alone."""
    entropy = [zlib.crc32(name.encode()) for name in key]
    return np.random.default_rng(entropy + ([seed] if seed else []))
