"""Images that nobody recorded: areas, textures, cells, filaments and spots, and noise of all kinds.

They are drawn to pretrain a network on, see ``head_start.py``. No code is shared with the images of
the benchmark tasks, so that these stay a test of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage, spatial

from autoStructN2V.masking import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Generator, Tensor

    Image = NDArray[np.float64]

_SIDE = 128  # px
_MOST_HIDDEN = 50  # px, as in every kernel
_LEAST_CORRELATION = 0.11


def areas(random: np.random.Generator) -> Image:
    """Lay ellipses of all sizes over each other, as leaves lie on the ground."""
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(float)
    image = np.full((_SIDE, _SIDE), random.random())
    smallest = random.uniform(2, 6)
    for _ in range(int(random.integers(60, 250))):
        radius = min(60.0, smallest / random.random())
        cy, cx, turn = *random.uniform(-10, _SIDE + 10, 2), random.uniform(0, np.pi)
        along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        inside = (along / radius) ** 2 + (across / (radius * random.uniform(0.3, 1))) ** 2 < 1
        image[inside] = random.random() + random.uniform(-0.01, 0.01) * along[inside]
    return image


def texture(random: np.random.Generator) -> Image:
    """Draw a random field whose power falls with frequency, stretched in some direction."""
    fy, fx = np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None]
    turn, stretch = random.uniform(0, np.pi), random.uniform(1, 3)
    along, across = fx * np.cos(turn) + fy * np.sin(turn), fy * np.cos(turn) - fx * np.sin(turn)
    frequency = np.hypot(along, across * stretch) + random.uniform(0.005, 0.05)
    amplitude = frequency ** -random.uniform(1.2, 3.0)
    white = np.fft.rfft2(random.standard_normal((_SIDE, _SIDE)))
    field: Image = np.fft.irfft2(white * amplitude, s=(_SIDE, _SIDE))
    field /= field.std()
    return field


def cells(random: np.random.Generator) -> Image:
    """Draw cells of different brightness with membranes where two are equally near."""
    n = int(random.integers(5, 80))
    points = random.uniform(-20, _SIDE + 20, (n, 2))
    places = np.indices((_SIDE, _SIDE)).reshape(2, -1).T + 3 * _wobble(random)
    found = spatial.cKDTree(points).query(places, k=2)
    distance, nearest = (np.asarray(both) for both in found)
    gap = (distance[:, 1] - distance[:, 0]).reshape(_SIDE, _SIDE)
    width = random.uniform(1, 5)
    membrane = np.exp(-((gap / width) ** 2))
    levels = random.uniform(0, random.uniform(0, 1), n)
    inside = levels[nearest[:, 0]].reshape(_SIDE, _SIDE)
    image: Image = inside + random.uniform(-1.5, 1.5) * membrane
    return image


def _wobble(random: np.random.Generator) -> NDArray[np.float64]:
    fields = [
        ndimage.gaussian_filter(random.standard_normal((_SIDE, _SIDE)), random.uniform(4, 10))
        for _ in range(2)
    ]
    return np.stack([(field / field.std()).ravel() for field in fields], 1)


def filaments(random: np.random.Generator) -> Image:
    """Draw curves that bend slowly."""
    image = np.zeros((_SIDE, _SIDE))
    bend = random.uniform(0.005, 0.06)
    for _ in range(int(random.integers(5, 70))):
        n_steps = int(random.integers(60, 500))
        turn = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, bend, n_steps))
        y = random.uniform(0, _SIDE) + 0.5 * np.cumsum(np.sin(turn))
        x = random.uniform(0, _SIDE) + 0.5 * np.cumsum(np.cos(turn))
        edges = [np.arange(_SIDE + 1) - 0.5] * 2
        image += random.uniform(0.2, 1) * np.histogram2d(y, x, edges)[0]
    return ndimage.gaussian_filter(image, random.uniform(0.5, 1.5))


def spots(random: np.random.Generator) -> Image:
    """Draw small blurred spots, sparse or crowded."""
    image = np.zeros((_SIDE, _SIDE))
    n = int(10 ** random.uniform(1.3, 3.2))
    at = random.integers(0, _SIDE, (n, 2))
    np.add.at(image, (at[:, 0], at[:, 1]), random.exponential(1.0, n))
    return ndimage.gaussian_filter(image, random.uniform(0.8, 3))


_KINDS: tuple[Callable[[np.random.Generator], Image], ...] = (
    areas,
    texture,
    cells,
    filaments,
    spots,
)


def clean_image(random: np.random.Generator) -> Image:
    """Mix one to three kinds, blur, bend the intensities; mean 0 and variance 1, (y, x)."""
    image = np.zeros((_SIDE, _SIDE))
    for k in random.choice(len(_KINDS), size=int(random.integers(1, 4)), replace=False):
        part = _KINDS[k](random)
        image += random.uniform(0.3, 1) * (part - part.mean()) / max(part.std(), 1e-6)
    image = ndimage.gaussian_filter(image, random.choice([0.0, random.uniform(0.4, 2.5)]))
    image /= max(image.std(), 1e-6)
    if random.random() < 0.3:  # few bright objects in the dark, as in fluorescence
        image = np.exp(random.uniform(0.3, 1.2) * image)
    if random.random() < 0.3:  # light that falls off
        image = image + random.uniform(0.2, 1.5) * _gradient(random)
    scaled: Image = (image - image.mean()) / max(image.std(), 1e-6)
    return scaled if random.random() < 0.6 else -scaled


def _gradient(random: np.random.Generator) -> Image:
    y, x = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j]
    turn = random.uniform(0, 2 * np.pi)
    slope = y * np.sin(turn) + x * np.cos(turn) + random.uniform(-1, 1) * (y * y + x * x)
    scaled: Image = slope / slope.std()
    return scaled


@dataclass(frozen=True)
class NoiseKind:
    """Noise that neighbors share in some way, and the kernel that hides it.

    Attributes
    ----------
    shaping : (side, side // 2 + 1) Tensor
        What the Fourier transform of white noise is multiplied by; the variance stays 1.
    kernel : Kernel
        Offsets whose autocorrelation exceeds that of chance.
    """

    shaping: Tensor
    kernel: Kernel

    @classmethod
    def drawn(cls, random: np.random.Generator, side: int) -> NoiseKind:
        """Draw weights that white noise is convolved with, and a share of noise that is white."""
        weights = _WEIGHTS[int(random.integers(len(_WEIGHTS)))](random)
        padded = np.zeros((side, side))
        padded[: weights.shape[0], : weights.shape[1]] = weights
        power = np.abs(np.fft.fft2(padded)) ** 2
        white = random.uniform(0.05, 0.6)
        power = (1 - white) * power / power.mean() + white
        correlation = np.fft.fftshift(np.fft.ifft2(power).real)
        half, middle = 15, side // 2
        window = slice(middle - half, middle + half + 1)
        inside = correlation[window, window]
        limit = max(_LEAST_CORRELATION, np.sort(inside.ravel())[-_MOST_HIDDEN])
        kernel = Kernel((inside > limit - 1e-9)[None]).trimmed()
        shaping = torch.from_numpy(np.sqrt(power[:, : side // 2 + 1]).astype(np.float32))
        return cls(shaping, kernel)

    @classmethod
    def white(cls, side: int) -> NoiseKind:
        """Return noise that is independent in every pixel."""
        return cls(torch.ones(side, side // 2 + 1), Kernel.center_only())


def shaped(shaping: Tensor, side: int, generator: Generator) -> Tensor:
    """Draw Gaussian noise of variance 1.

    Parameters
    ----------
    shaping : Tensor, (B, own, own // 2 + 1)
        :attr:`NoiseKind.shaping` of each patch.
    side : int
        Of the patches, less than their own one: noise is periodic.
    generator : Generator
        Source of randomness, on the device of ``shaping``.

    Returns
    -------
    Tensor, (B, 1, side, side)
    """
    n, own = shaping.shape[:2]
    white = torch.randn((n, own, own), generator=generator, device=shaping.device)
    noise: Tensor = torch.fft.irfft2(torch.fft.rfft2(white) * shaping, s=(own, own))
    return noise[:, None, :side, :side]


def _line(random: np.random.Generator) -> Image:
    n = int(random.integers(2, 16))
    weights = np.exp(-np.abs(np.arange(n) - n // 2) / random.uniform(0.7, 5))
    return weights[None] if random.random() < 0.6 else weights[:, None]


def _diagonal(random: np.random.Generator) -> Image:
    square = np.eye(int(random.integers(2, 7)))
    return square if random.random() < 0.5 else square[::-1]


def _blob(random: np.random.Generator) -> Image:
    y, x = np.mgrid[-6:7, -6:7]
    sigma_y, sigma_x = random.uniform(0.4, 1.8, 2)
    weights: Image = np.exp(-((y / sigma_y) ** 2 + (x / sigma_x) ** 2) / 2)
    return weights


def _cross(random: np.random.Generator) -> Image:
    n = int(random.integers(1, 5))
    square = np.zeros((2 * n + 1, 2 * n + 1))
    square[n] = square[:, n] = 1
    return square


_WEIGHTS: tuple[Callable[[np.random.Generator], Image], ...] = (
    _line,
    _line,
    _diagonal,
    _blob,
    _cross,
)


@dataclass(frozen=True)
class Strengths:
    """Between which limits strengths are drawn.

    Attributes
    ----------
    noise : tuple of float
        Standard deviation of the noise in images of variance 1, evenly in its logarithm.
    contrast : float
        Spread of the logarithm of the contrast, which differs from patch to patch of an image.
    brightness : float
        Spread of the mean, which does so too.
    shot : float
        Share of patches whose noise grows with brightness.
    flat : float
        Share of patches that hold nothing but noise.
    """

    noise: tuple[float, float] = (0.1, 1.0)
    contrast: float = 0.5
    brightness: float = 0.4
    shot: float = 0.5
    flat: float = 0.06


def noisy_and_clean(
    clean: Tensor,
    noise: Tensor,
    is_white: Tensor,
    generator: Generator,
    limits: Strengths = Strengths(),
) -> tuple[Tensor, Tensor, Tensor]:
    """Add noise of any strength, the same everywhere or growing with brightness.

    Parameters
    ----------
    clean, noise : Tensor, (B, 1, side, side)
        Parts of images of mean 0 and variance 1, and noise of variance 1.
    is_white : Tensor, (B, 1, 1, 1) bool
        Whether pixels do not share noise; it can be that of single photons then.
    generator : Generator
        Source of randomness, on the device of ``clean``.
    limits : Strengths
        Of noise and signal.

    Returns
    -------
    noisy, clean : Tensor, (B, 1, side, side)
        In the units that a network gets them in: a variance of 1 in the mean over many.
    std : Tensor, (B, 1, 1, 1)
        Standard deviation of the noise at mean brightness.
    """
    shape, device = (len(clean), 1, 1, 1), clean.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, device=device)

    def normal(std: float) -> Tensor:
        return std * torch.randn(shape, generator=generator, device=device)

    weakest, strongest = limits.noise
    std = torch.exp(uniform(math.log(weakest), math.log(strongest)))
    signal_std = (1.05 - std.square()).sqrt() * torch.exp(normal(limits.contrast))
    signal_std = torch.where(uniform(0, 1) < limits.flat, 0.02 * signal_std, signal_std)
    signal = signal_std * clean + normal(limits.brightness)
    is_shot = uniform(0, 1) < limits.shot
    dark = signal.amin((2, 3), keepdim=True) - uniform(0.05, 1.0)
    brightness = (signal - dark) / (signal - dark).mean((2, 3), keepdim=True)
    relative = 1.0 + is_shot * uniform(0.3, 1) * (brightness - 1.0)
    # half of the shot noise is of true photons, not Gaussian where they are few
    photons = ((signal - dark).mean((2, 3), keepdim=True) / std).square()
    counted = torch.poisson(brightness * photons, generator) - brightness * photons
    is_counted = is_white & is_shot & (uniform(0, 1) < 0.5)
    drawn = torch.where(is_counted, counted / photons.sqrt(), noise * relative.sqrt())
    return signal + std * drawn, signal, std
