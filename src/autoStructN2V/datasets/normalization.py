"""Bring intensities to zero mean and unit variance, and compare images by their statistics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.errors import InputError, ModelError
from autoStructN2V.sampling import affordable, evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

ArrayT = TypeVar("ArrayT", "NDArray[np.float32]", "torch.Tensor")

_LOW_PERCENTILE, _HIGH_PERCENTILE = 0.1, 99.9
_MAX_SLICES = 200
_FEWEST_SLICES = 16  # of those that are so large that fewer are read
_MAX_PIXELS = 2_000_000
_MAX_NOISE_SLICES = 24
_MOST_MEASURED = 2**20  # pixels of a slice that tell its noise
_N_BANDS, _SMALLEST_BAND = 16, 8  # of so many rows
_MAD_TO_SIGMA = 1.4826
_RANGE_FACTOR = 3.0
_NOISE_FACTOR = 2.0


@dataclass(frozen=True)
class Normalization:
    """Statistics of the raw intensities of the images that a model was trained on.

    All values have the unit of the stored intensities.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation of the values between `low` and `high`; `std` > 0.
    low, high : float
        0.1 and 99.9 percentile.
    median, mad : float
        Median, and median absolute deviation from it.
    noise_level : float
        Standard deviation of the noise, see :func:`estimate_noise_level`.
    offset : float
        Was subtracted from the stored intensities before all of the above, and is before an image
        is normalized (:mod:`autoStructN2V.datasets.images.offset`); 0 for most images.
    """

    mean: float
    std: float
    low: float
    high: float
    median: float
    mad: float
    noise_level: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float) or not math.isfinite(value):
                found = " ".join(repr(value).split())  # a model file may hold anything
                raise ModelError(
                    f"The intensity statistics hold {name} {found:.50}; all must be finite numbers."
                )
        if self.std <= 0:
            raise ModelError(
                f"The standard deviation of the intensities is {self.std}; it must be positive."
            )

    def normalize(self, image: ArrayT) -> ArrayT:
        """Return ``(image - mean) / std``; array or tensor of any shape, float32."""
        return (image - self.mean) / self.std

    def denormalize(self, prediction: ArrayT) -> ArrayT:
        """Return ``prediction * std + mean`` without clipping; array or tensor, float32."""
        return prediction * self.std + self.mean

    def to_dict(self) -> dict[str, float]:
        """Return the statistics under their names, for a model or JSON file."""
        values = asdict(self)
        if not self.offset:
            del values["offset"]  # as in files of older versions, which can read these
        return values

    def relative_to(self, offset: float) -> Normalization:
        """Return the same statistics for images from which another offset was subtracted."""
        shift = self.offset - offset
        if not shift:
            return self
        moved = {name: getattr(self, name) + shift for name in ("mean", "low", "high", "median")}
        return replace(self, **moved, offset=offset)

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> Normalization:
        """Rebuild the statistics that :meth:`to_dict` has written.

        Raises
        ------
        ModelError
            If a value is missing, unknown, not a finite number, or `std` is not positive.
        """
        names = {field.name for field in fields(cls)}
        if set(values) | {"offset"} != names:
            raise ModelError(
                f"The intensity statistics hold {sorted(values)}; they must be {sorted(names)}."
            )
        return cls(**values)

    def compare(self, other: Normalization) -> list[str]:
        """Say in plain language where other images differ from those of the training.

        Parameters
        ----------
        other : Normalization
            Statistics of the images to be denoised with a model trained on `self`.

        Returns
        -------
        list of str
            One sentence per strong difference; empty if the images are alike.
        """
        other = other.relative_to(self.offset)
        intensity = self._intensity_warning(other)
        noise = self._noise_warning(other, relative=intensity is not None)
        return [warning for warning in (intensity, noise) if warning is not None]

    def misfit(self, other: Normalization) -> tuple[float, float]:
        """Say how much other images differ from those of the training, in figures.

        Parameters
        ----------
        other : Normalization
            Statistics of the images to be denoised with a model trained on `self`.

        Returns
        -------
        intensities, noise : float
            0 for the same; above 1 :meth:`compare` tells of it. Where the intensities differ so
            much, noise is compared relative to the signal.
        """
        other = other.relative_to(self.offset)
        own, new = self._span, other._span
        shift = abs(other.median - self.median) / (max(own, new) / 2)
        intensities = max(_in_steps(new / own, _RANGE_FACTOR), shift)
        ratio = self._noise_ratio(other, relative=intensities > 1.0)
        return intensities, 0.0 if ratio is None else _in_steps(ratio, _NOISE_FACTOR)

    @property
    def _span(self) -> float:
        return max(self.high - self.low, self.std)

    def _noise_ratio(self, other: Normalization, *, relative: bool) -> float | None:
        """Return how many times as strong the other noise is; None if either is unknown."""
        own, new = self.noise_level, other.noise_level
        if relative:
            own, new = own / self.std, new / other.std
        return new / own if own > 0 and new > 0 else None

    def _intensity_warning(self, other: Normalization) -> str | None:
        if self.misfit(other)[0] <= 1.0:
            return None
        return (
            f"The intensities run from {other.low + self.offset:.5g} to "
            f"{other.high + self.offset:.5g}, those of the training images from "
            f"{self.low + self.offset:.5g} to {self.high + self.offset:.5g}; the result may be "
            "wrong (another bit depth, exposure or instrument?)."
        )

    def _noise_warning(self, other: Normalization, *, relative: bool) -> str | None:
        ratio = self._noise_ratio(other, relative=relative)
        if ratio is None or _in_steps(ratio, _NOISE_FACTOR) <= 1.0:
            return None
        word, times = ("stronger", ratio) if ratio > 1.0 else ("weaker", 1.0 / ratio)
        scale = ", relative to the signal" if relative else ""
        return (
            f"The noise is {times:.1f} times {word} than in the training images{scale}; training "
            "on these images would serve them better."
        )


def _in_steps(ratio: float, step: float) -> float:
    """Return how many times by ``step`` one multiplies, or divides, to come to a ratio."""
    return abs(math.log(ratio)) / math.log(step) if 0 < ratio < math.inf else math.inf


def estimate_normalization(sources: Sequence[ImageSource]) -> Normalization:
    """Estimate the intensity statistics of images from evenly spread pixels.

    At most 200 slices are read, of large ones fewer, and two million of their pixels are used,
    whatever the size of the images. Mean
    and standard deviation leave out the values below the 0.1 and above the 99.9 percentile,
    so that hot pixels do not decide; pixels that are no signal do not count, except where there
    is nothing else: a blank image has its one value.

    Parameters
    ----------
    sources : sequence of ImageSource
        At least one stack.

    Returns
    -------
    Normalization
        Statistics over all sources.

    Raises
    ------
    InputError
        If there is no finite value at all.
    """
    largest = max((source.shape for source in sources), key=lambda shape: shape[1] * shape[2])
    n_slices = affordable(_MAX_SLICES, largest, _FEWEST_SLICES)
    slices = evenly_spread_slices(sources, n_slices)
    pixels_per_slice = max(1, _MAX_PIXELS // len(slices))
    every = max(1, len(slices) // _MAX_NOISE_SLICES)
    samples, blank, noise_levels = [], [], []
    for number, (source, z) in enumerate(slices):
        image = source.read_slice(z)
        invalid = invalid_pixels(source, z)
        if invalid is not None:
            if invalid.all():
                blank.append(_spread_pixels(image, pixels_per_slice, number))
                continue
            image = np.where(invalid, np.float32(np.nan), image)
        samples.append(_spread_pixels(image, pixels_per_slice, number))
        if number % every == 0:
            noise_levels.append(estimate_noise_level(image))
    values = np.concatenate(samples or blank or [np.empty(0, np.float32)])
    found = _statistics(values[np.isfinite(values)], float(np.median(noise_levels or [0.0])))
    return replace(found, offset=sources[0].metadata.offset)


def evenly_spread_slices(
    sources: Sequence[ImageSource], max_slices: int
) -> list[tuple[ImageSource, int]]:
    """Choose slices that cover all sources evenly.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    max_slices : int
        Upper limit of the number of chosen slices.

    Returns
    -------
    list of tuple
        Source and index of each chosen slice; all slices if there are few enough.
    """
    slices = [(source, z) for source in sources for z in range(source.shape[0])]
    return [slices[index] for index in evenly(len(slices), max_slices)]


def estimate_noise_level(image: NDArray[np.float32]) -> float:
    """Estimate the standard deviation of the noise of one image.

    The image is high-passed with the product of two second differences, which removes smooth
    structure; the spread of what is left is measured robustly, so that edges count little.
    Noise that is correlated over neighboring pixels is underestimated, by the same factor in
    images of the same instrument. Of images above a megapixel, evenly spaced bands are measured.

    Parameters
    ----------
    image : ndarray
        (y, x) float32, any intensity; values that are not finite are ignored.

    Returns
    -------
    float
        Standard deviation in the unit of the image; 0 if the image is smaller than 3 x 3.

    References
    ----------
    Immerkaer, J. (1996). Fast noise variance estimation. Computer Vision and Image
    Understanding 64, 300-302. https://doi.org/10.1006/cviu.1996.0060
    """
    if min(image.shape) < 3:
        return 0.0
    response = np.concatenate([_high_pass(band) for band in _bands(image)])
    if not response.size:
        return 0.0
    mad = float(np.median(response))
    # In clipped or coarsely quantized images more than half of the responses are exactly zero.
    return _MAD_TO_SIGMA * mad if mad > 0 else float(response.mean()) * math.sqrt(math.pi / 2)


def _bands(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return bands of rows of an image (y, x) that together have about a megapixel."""
    height = max(_SMALLEST_BAND, _MOST_MEASURED // (_N_BANDS * image.shape[1]))
    if image.size <= _MOST_MEASURED or len(image) < height:
        return [image]
    starts = range(0, len(image) - height + 1, height)
    n_bands = max(3, _MOST_MEASURED // (height * image.shape[1]))
    return [image[starts[i] : starts[i] + height] for i in evenly(len(starts), n_bands)]


def _high_pass(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the finite magnitudes, in any order, of an image (y, x) without what is smooth."""
    with np.errstate(invalid="ignore", over="ignore"):
        response = np.abs(np.diff(np.diff(image.astype(np.float64), 2, axis=0), 2, axis=1) / 6.0)
    finite: NDArray[np.float64] = response[np.isfinite(response)]
    return finite


def _spread_pixels(image: NDArray[np.float32], max_pixels: int, phase: int) -> NDArray[np.float32]:
    """Take every n-th pixel; n shares no factor with the width, lest a column be favored."""
    flat = image.ravel()
    step = -(-flat.size // max_pixels)
    while step > 1 and math.gcd(step, image.shape[1]) > 1:
        step += 1
    return flat[phase % step :: step]


def _statistics(values: NDArray[np.float32], noise_level: float) -> Normalization:
    if not values.size:
        raise InputError("The images hold no finite value; choose other images.")
    low, median, high = np.percentile(values, [_LOW_PERCENTILE, 50.0, _HIGH_PERCENTILE])
    inside = values[(values >= low) & (values <= high)].astype(np.float64)
    if inside.size == 0 or np.ptp(inside) == 0:
        inside = values.astype(np.float64)
    mean, std = float(inside.mean()), float(inside.std())
    # Below this the float32 values themselves are no more than rounding.
    floor = abs(mean) * float(np.finfo(np.float32).eps)
    return Normalization(
        mean=mean,
        std=std if std > floor else 1.0,
        low=float(low),
        high=float(high),
        median=float(median),
        mad=float(np.median(np.abs(values - median))),
        noise_level=noise_level,
    )
