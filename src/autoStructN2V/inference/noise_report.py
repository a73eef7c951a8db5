"""What a denoised stack says about itself, without clean data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.quantities import percent_text
from autoStructN2V.sampling import MOST_SLICES, evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

_LAGS = {"x1": (0, 1), "x2": (0, 2), "y1": (1, 0), "y2": (2, 0)}  # name: (y, x), px
# Correlation of what was removed, at one pixel: about 0 for independent noise. Where it was -0.4
# (sections blurred by registration) a mesh was seen; where it was -0.2 (a confocal image of actin,
# BPAE cells) there was none, and to hide the neighbors as well cost 0.3 dB.
_ALTERNATING = -0.25
TOO_MUCH = 1.15
"""What was removed, relative to the noise, from which on it is more: 1.05 at most if good."""

_JUDGEMENTS = (
    (0.1, "almost all of it was removed"),
    (0.3, "most of it was removed"),
    (0.6, "a part of it was removed"),
    (0.9, "most of it is still there"),
    (1.0, "hardly any of it was removed"),
)


@dataclass(frozen=True)
class InputNoise:
    """The noise of the images before they are denoised, as far as it can be measured.

    Attributes
    ----------
    std : float
        Standard deviation where the images are as bright as on average, input intensities.
    is_upper_limit : bool
        Whether structure may be part of it, because the two could not be told apart.
    autocorrelation : dict
        Autocorrelation of the noise at lags ``x1``, ``x2``, ``y1``, ``y2`` (pixels).
    """

    std: float
    is_upper_limit: bool
    autocorrelation: dict[str, float]

    @classmethod
    def measured(cls, noise: Autocorrelation) -> InputNoise:
        """Sum up what was measured."""
        in_plane = noise.values[len(noise.values) // 2]
        return cls(noise.noise_variance**0.5, not noise.is_strength_known, at_lags(in_plane))

    @property
    def std_text(self) -> str:
        """The standard deviation in words: "0.1", "at most 12"."""
        return f"at most {self.std:.3g}" if self.is_upper_limit else f"{self.std:.3g}"


@dataclass(frozen=True)
class StageReport:
    """Figures about one stage.

    Attributes
    ----------
    input_noise : InputNoise or None
        Noise of the images that the stage was applied to; None where it could not be measured.
    removed_std : float
        Standard deviation of what was removed (noisy minus denoised), input intensities.
    removed_autocorrelation : dict
        Autocorrelation of what was removed at lags ``x1``, ``x2``, ``y1``, ``y2`` (pixels).
    masked_loss : float
        Mean squared error at hidden pixels of the held-out part, normalized intensity squared.
        Stages are comparable when ``masked_under`` is the same.
    masked_under : int
        Number of pixels of the kernel that was hidden for ``masked_loss``.
    structured_noise_left : float or None
        Share (0..1) of the input's correlated noise that is still in the denoised images; None
        when the input shows none, it was not measured, or structure was removed with it.
    shared_noise : str or None
        What neighbors outside of the kernel share, in words; of the last stage, None if nothing.
    doubtful_area : float or None
        Share (0..1) of the area around whose pixels what was removed is clearly not noise alone;
        None where noise could not be told from structure.
    """

    input_noise: InputNoise | None
    removed_std: float
    removed_autocorrelation: dict[str, float]
    masked_loss: float
    masked_under: int
    structured_noise_left: float | None = None
    shared_noise: str | None = None
    doubtful_area: float | None = None

    @property
    def is_noise_known(self) -> bool:
        """Whether the noise of the input was measured and told from structure."""
        return self.input_noise is not None and not self.input_noise.is_upper_limit

    @property
    def removes_too_much(self) -> bool:
        """Whether more was removed than noise."""
        noise = self.input_noise
        return noise is not None and self.removed_std > TOO_MUCH * noise.std

    @property
    def sentence(self) -> str:
        """What the stage did to the noise, in words."""
        of_input = f", {self.input_noise.std_text} in the input" if self.input_noise else ""
        noise = f"Standard deviation of the noise: {self.removed_std:.3g} removed{of_input}."
        if self.removes_too_much:
            noise += (
                " That is more than the noise: detail may be lost, or the training was too short."
            )
        return " ".join(filter(None, (noise, self._structured_noise, self._doubt)))

    @property
    def _doubt(self) -> str:
        if self.doubtful_area is None:
            return ""
        area = percent_text(self.doubtful_area, 1)
        return f"In {area} of the area, clearly more than noise was removed."

    @property
    def _structured_noise(self) -> str:
        left = self.structured_noise_left
        if left is not None:
            judgement = next(text for limit, text in _JUDGEMENTS if left <= limit)
            return f"{percent_text(left)} of the structured noise is left: {judgement}."
        if self.is_noise_known and not self.removes_too_much:
            return "No structured noise was measured."
        return "How much structured noise is left could not be measured."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class StageComparison:
    """Which stage predicts better where the same pixels are hidden, without clean data.

    Hidden together with all pixels that share its noise, a pixel's noise cannot be predicted by
    either network, so the lower error is the better prediction of the signal.

    Attributes
    ----------
    stage1_loss, stage2_loss : float
        Mean squared error at hidden pixels of the held-out part, under the kernel of stage 2;
        normalized intensity squared, the variance of the noise included.
    masked_under : int
        Number of pixels of that kernel.
    is_noise_known : bool
        Whether the noise could be told from structure. Else a kernel with neighbors may hide
        structure, which a network that was trained with it predicts better than one that was not.
    """

    stage1_loss: float
    stage2_loss: float
    masked_under: int
    is_noise_known: bool = True

    @property
    def better_stage(self) -> int:
        """The stage of the lower error; of equal ones the first."""
        return 2 if self.stage2_loss < self.stage1_loss else 1

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        change = percent_text(abs(1.0 - self.stage2_loss / self.stage1_loss), 1)
        if self.better_stage == 2:
            return (
                f"Stage 2 predicts hidden pixels better than stage 1: its error, noise included, "
                f"is {change} lower.{self._doubt}"
            )
        return (
            "Stage 2 does not predict hidden pixels better than stage 1 (its error is "
            f"{change} higher); compare both, and prefer stage 1 unless structured noise is "
            "visible in it."
        )

    @property
    def _doubt(self) -> str:
        if self.is_noise_known or self.masked_under == 1:
            return ""
        return (
            " Noise and structure could not be told apart here, so stage 2 may still have lost "
            "detail: compare both by eye."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {**asdict(self), "better_stage": self.better_stage}


def at_lags(autocorrelation: NDArray[np.float64]) -> dict[str, float]:
    """Return an autocorrelation one and two pixels away along x and y, by name.

    Parameters
    ----------
    autocorrelation : (h, w) float64
        Zero lag in the center; at least 5 x 5, or what is missing is 0.
    """
    padded = np.pad(autocorrelation, 2)
    y, x = (side // 2 for side in padded.shape)
    return {name: float(padded[y + dy, x + dx]) for name, (dy, dx) in _LAGS.items()}


def shared_noise_sentence(removed: Mapping[str, float], kernel: Kernel) -> str | None:
    """Say whether neighbors outside of a kernel share noise, as seen from what was removed.

    A network predicts what neighbors share and keeps it. What it removes then alternates in sign
    from pixel to pixel, and the result shows a fine mesh. This is seen even where structure hides
    the correlation of the noise itself.

    Parameters
    ----------
    removed : mapping of str to float
        Autocorrelation of what was removed, with the lags ``x1`` and ``y1``.
    kernel : Kernel
        Kernel that the network was trained with.

    Returns
    -------
    str or None
        None unless what was removed alternates along an axis whose next pixel was not hidden.
    """
    padded = np.pad(kernel.middle, 1)
    y, x = (side // 2 for side in padded.shape)
    is_hidden = {"x": padded[y, x + 1], "y": padded[y + 1, x]}
    axes = [a for a in "xy" if removed[f"{a}1"] < _ALTERNATING and not is_hidden[a]]
    if not axes:
        return None
    shape = {"x": "3 x 1 (width x height)", "y": "1 x 3 (width x height)", "xy": "3 x 3"}
    return (
        f"What was removed alternates from pixel to pixel along {' and '.join(axes)} (correlation "
        f"{min(removed[f'{a}1'] for a in axes):.2f}): neighbors share noise that the kernel does "
        f"not hide, and the result keeps it as a fine mesh. Train with a kernel of at least "
        f"{shape[''.join(axes)]} pixels, drawn in the Mask editor or from a file."
    )


def removed_covariance(
    noisy: Sequence[ImageSource], denoised: Sequence[ImageSource], max_lag: int
) -> NDArray[np.float64]:
    """Measure the autocovariance of what was removed.

    Where a denoiser works, this is the autocovariance of the noise: a lag at which it is
    smaller was left in the image.

    Parameters
    ----------
    noisy, denoised : sequence of ImageSource
        Input and output, pairwise of equal shape.
    max_lag : int
        Largest lag in pixels.

    Returns
    -------
    (2 max_lag + 1, 2 max_lag + 1) float64
        Mean product of pixels at each lag (y, x), squared input intensities; zero lag in the
        center.
    """
    total = np.zeros((2 * max_lag + 1, 2 * max_lag + 1))
    weight = 0
    for before, after in zip(noisy, denoised, strict=True):
        for z in evenly(before.shape[0], MOST_SLICES):
            removed = before.read_slice(z).astype(np.float64) - after.read_slice(z)
            invalid = invalid_pixels(before, z)
            n_valid = removed.size
            if invalid is None:
                removed -= removed.mean()
            else:
                n_valid -= int(invalid.sum())
                mean = removed.sum(where=~invalid) / max(n_valid, 1)
                removed = np.where(invalid, 0.0, removed - mean)
            total += _covariance(removed, max_lag) * removed.size
            weight += n_valid
    return total / max(weight, 1)


def removed_std(noisy: Sequence[ImageSource], denoised: Sequence[ImageSource]) -> float:
    """Return the standard deviation of what was removed, in input intensities.

    Parameters
    ----------
    noisy, denoised : sequence of ImageSource
        Input and output, pairwise of equal shape.
    """
    return float(np.sqrt(removed_covariance(noisy, denoised, 0)[0, 0]))


def _covariance(residual: NDArray[np.float64], max_lag: int) -> NDArray[np.float64]:
    """Return the autocovariance of one residual (y, x), without wrapping around."""
    shape = [n + max_lag for n in residual.shape]
    power = np.abs(np.fft.rfft2(residual, shape)) ** 2
    products = np.fft.irfft2(power, shape)
    lags = np.arange(-max_lag, max_lag + 1)
    pairs = np.outer(*(np.maximum(n - np.abs(lags), 1) for n in residual.shape))
    covariance: NDArray[np.float64] = products[np.ix_(lags, lags)] / pairs
    return covariance


def share_left(
    removed: NDArray[np.float64],
    noise: NDArray[np.float64],
    kernel: Kernel,
) -> float | None:
    """Estimate how much of the correlated noise is still in a denoised image.

    Parameters
    ----------
    removed : (h, w) float64
        Autocovariance of what was removed.
    noise : (h, w) float64
        Autocovariance of the input's noise.
    kernel : Kernel
        Lags that share noise; those in the plane count, as far as they were measured.

    Returns
    -------
    float or None
        0 (all removed) to 1 (all left); None for a kernel without neighbors in the plane.
    """
    lags = kernel.offsets[kernel.offsets[:, 0] == 0, 1:]
    center = np.array(noise.shape) // 2
    lags = lags[(np.abs(lags) <= center).all(1)]
    if not len(lags):
        return None
    expected = float(noise[tuple((lags + center).T)].sum())
    if expected <= 0:
        return None
    found = float(removed[tuple((lags + np.array(removed.shape) // 2).T)].sum())
    return float(np.clip(1 - found / expected, 0, 1))
