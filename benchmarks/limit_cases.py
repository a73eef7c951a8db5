"""Images on which limits are tried, and what has to be found in them.

Small versions of the tasks, and what the tasks lack: clipped and filled places, blurred noise,
structure without any background, few photons. Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets import make_sample
from autoStructN2V.datasets.samples import synthetic, texture
from autoStructN2V.datasets.samples.curtains import curtains
from tasks import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from autoStructN2V.datasets import Mode

    Image = NDArray[np.float32]

_SHAPE = (6, 192, 192)
_STACK_SHAPE = (20, 96, 96)
_LARGE_SHAPE = (3, 256, 256)
_SMALL_SHAPE = (1, 80, 80)
_WHITE = 0.06  # standard deviation of the noise in images that are made here
PatternKind = Literal["wave", "columns", "rows", "halves", "stripes"]


@dataclass(frozen=True)
class NoiseCase:
    """Noisy images, and what the kernel and the strength of their noise are.

    Attributes
    ----------
    name : str
        What is special about them.
    noisy : (Z, Y, X) float32
        The images.
    mode : {'2D', '2.5D'}
        How they are measured.
    task : str or None
        Task that has the same kernel; None: the number of hidden pixels is given instead.
    n_hidden : tuple of int
        Fewest and most pixels of the kernel, if no task is given.
    variance : float or None
        Variance of the noise, if it has to be measured within 10 %.
    is_gaussian : bool or None
        What has to be said of the distribution of the noise.
    resembles_structure : bool or None
        What has to be said of the images.
    recorded : float
        Rows and columns that the images were recorded with, relative to those they have.
    """

    name: str
    noisy: Image
    mode: Mode = "2D"
    task: str | None = None
    n_hidden: tuple[int, int] = (1, 1)
    variance: float | None = None
    is_gaussian: bool | None = None
    resembles_structure: bool | None = None
    recorded: float = 1.0


@dataclass(frozen=True)
class PatternCase:
    """Images with a pattern of one kind, or with none.

    Attributes
    ----------
    name : str
        What is special about them.
    images : (Z, Y, X) float32
        The images.
    kind : str or None
        Kind of the pattern.
    added : (Z, Y, X) float32 or None
        The pattern alone.
    """

    name: str
    images: Image
    kind: PatternKind | None = None
    added: Image | None = None


def noise_cases(seed: int) -> Iterator[NoiseCase]:
    """Make the images on which the measurement of noise is tried."""
    for task, kind in KINDS.items():
        mode: Mode = "2.5D" if kind == "stack" else "2D"
        sample = make_sample(kind, seed, _STACK_SHAPE if kind == "stack" else _SHAPE)
        variance = float(np.var(sample.noisy - sample.clean)) if kind != "periodic" else None
        # what is shared in all directions is partly taken for structure, and its strength with it
        known = None if kind == "blob" else variance
        yield NoiseCase(task, sample.noisy, mode, task, variance=known, is_gaussian=True)
    small = make_sample("horizontal_lines", seed, _SMALL_SHAPE).noisy
    yield NoiseCase("one small image", small, task="T2_hline")
    rng = np.random.default_rng(seed)
    for make in (
        _clipped,
        _filled,
        _blurred,
        _partly_blurred,
        _bare_structure,
        _clean,
        _photons,
        _enlarged,
    ):
        yield make(rng)
    yield _spots(rng)
    yield _two_taps(rng)


def _lines(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    noise = synthetic.noise_kernel("horizontal_lines")
    assert noise is not None
    return synthetic.colored_noise(rng, shape, noise[None], 1.0)


def _smooth(
    shape: tuple[int, int, int], sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), (0, sigma, sigma), mode="wrap")
    unit: NDArray[np.float64] = field / field.std()
    return unit


def _float32(image: NDArray[np.number]) -> Image:
    single: Image = image.astype(np.float32)
    return single


def _clipped(rng: np.random.Generator) -> NoiseCase:
    """Clip a dark corner at 0, as cameras do."""
    image = 0.3 + 0.1 * _smooth(_SHAPE, 14, rng) + 0.1 * _lines(_SHAPE, rng)
    image[:, :, :72] -= 0.45
    return NoiseCase("clipped corner", _float32(np.maximum(image, 0.0)), n_hidden=(7, 13))


def _filled(rng: np.random.Generator) -> NoiseCase:
    """Half of the image is filled with a value between the others, as around rotated images."""
    image = 0.1 * _lines(_SHAPE, rng)
    image[:, :96] = 0.0
    return NoiseCase("filled half", _float32(image), n_hidden=(7, 13), variance=0.01)


def _dense(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    texture: NDArray[np.float64] = 0.15 * _smooth(shape, 2, rng) + 0.1 * rng.standard_normal(shape)
    return texture


def _blurred(rng: np.random.Generator) -> NoiseCase:
    image = ndimage.gaussian_filter(_dense(_LARGE_SHAPE, rng), (0, 0.7, 0.7))
    return NoiseCase("blurred noise in texture", _float32(image), n_hidden=(9, 9))


def _partly_blurred(rng: np.random.Generator) -> NoiseCase:
    image = _dense((4, *_LARGE_SHAPE[1:]), rng)
    image[2:] = ndimage.gaussian_filter(image[2:], (0, 0.7, 0.7))
    return NoiseCase("half of the slices blurred", _float32(image), n_hidden=(9, 9))


def _bare_structure(rng: np.random.Generator) -> NoiseCase:
    """Soft structure everywhere and hardly any noise: nothing can be told from structure."""
    shape = (2, 256, 256)
    texture = _smooth(shape, 2.5, rng) * np.exp(_smooth(shape, 12, rng))
    image = texture + 0.05 * rng.standard_normal(shape)
    return NoiseCase("structure without background", _float32(image), resembles_structure=True)


def _clean(rng: np.random.Generator) -> NoiseCase:
    clean = texture.clean_texture(_LARGE_SHAPE, rng)
    image = clean + 0.02 * rng.standard_normal(_LARGE_SHAPE)
    return NoiseCase("sharp structure, little noise", _float32(image))


def _photons(rng: np.random.Generator) -> NoiseCase:
    image = rng.poisson(0.5 + 0.4 * np.maximum(_smooth(_SHAPE, 14, rng), 0.0))
    return NoiseCase("few photons", _float32(image), is_gaussian=False)


def _enlarged(rng: np.random.Generator) -> NoiseCase:
    """Half of the rows and columns were recorded, and enlarged before they were read out."""
    recorded = 0.1 * _smooth((3, 128, 128), 10, rng) + 0.1 * rng.standard_normal((3, 128, 128))
    full = ndimage.zoom(recorded, (1, 2, 2), order=3, mode="mirror", grid_mode=True)
    image = _float32(full + 0.003 * rng.standard_normal(full.shape))
    return NoiseCase("enlarged after recording", image, n_hidden=(5, 25), recorded=0.5)


def _spots(rng: np.random.Generator) -> NoiseCase:
    """Few bright spots, which say nothing of how noise grows with brightness."""
    shape = (4, 256, 256)
    spots = ndimage.gaussian_filter((rng.random(shape) < 5e-4).astype(float), (0, 2.5, 2.5))
    image = 100.0 + 300.0 * spots / spots.max() + rng.standard_normal(shape)
    return NoiseCase("bright spots on a flat background", _float32(image), variance=1.0)


def _two_taps(rng: np.random.Generator) -> NoiseCase:
    """Every second pixel shares noise, and nothing between."""
    taps = np.array([1.0, 0.0, 1.0, 0.0, 1.0]).reshape(1, 1, -1)
    image = 0.06 * rng.standard_normal(_SHAPE) + synthetic.colored_noise(rng, _SHAPE, taps, 0.08)
    return NoiseCase("two taps", _float32(image), n_hidden=(5, 5), variance=0.01)


def pattern_cases(seed: int) -> Iterator[PatternCase]:
    """Make images with a pattern of each kind, and images in which none may be found."""
    rng = np.random.default_rng(seed)
    shape = (2, 320, 320)
    clean = texture.clean_texture(shape, rng)
    noisy = _float32(clean + _WHITE * rng.standard_normal(shape))
    y, x = np.mgrid[:320, :320]
    wave = 0.04 * np.sin(2 * np.pi * (x + 0.3 * y) / 9.0)
    yield _with("wave", noisy, wave, "wave")
    offsets = 0.03 * rng.standard_normal(320)
    yield _with("columns", noisy, offsets, "columns")
    yield _with("rows of each slice", noisy, _rows_of_each(shape, rng), "rows")
    halves = 0.03 * np.repeat(rng.standard_normal((2, 320)), 160, axis=0)
    yield _with("halves", noisy, halves, "halves")
    streaks = np.stack([curtains((512, 512), 0.1, rng) for _ in range(2)])
    large = texture.clean_texture((2, 512, 512), rng)
    yield _with("curtains", large, streaks, "stripes")
    yield from _without_patterns(noisy, large, rng)


def _with(name: str, images: Image, pattern: NDArray[np.float64], kind: PatternKind) -> PatternCase:
    added = np.broadcast_to(_float32(pattern), images.shape)
    return PatternCase(name, images + added, kind, added)


def _rows_of_each(shape: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    return 0.03 * rng.standard_normal((shape[0], shape[1], 1))


def _without_patterns(
    noisy: Image, large: Image, rng: np.random.Generator
) -> Iterator[PatternCase]:
    yield PatternCase("cells, noisy", noisy)
    yield PatternCase("cells, clean", large)
    lines = noisy + 0.08 * _lines((len(noisy), *noisy.shape[1:]), rng)
    yield PatternCase("noise that a kernel hides", _float32(lines))
    edges = np.cumsum(rng.random(512) < 0.01) % 2
    bent = np.stack([np.roll(edges, shift) for shift in np.arange(512) // 40])
    layers = 0.3 * ndimage.gaussian_filter(bent.astype(float), 0.8)
    yield PatternCase("tilted layers", _float32(large + layers))
    local = noisy.copy()
    local[:, :160] += _float32(0.06 * np.sin(2 * np.pi * np.arange(320) / 40.0))
    yield PatternCase("slow local waves", local)
