"""Tell noise that is shared in all directions from structure, which looks alike in all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.background import NoiseField, blur
from autoStructN2V.masking.noise.lags import LagSums
from autoStructN2V.masking.noise.limits import LeakLimits, NoiseLimits
from autoStructN2V.masking.noise.selection import FRACTIONS
from autoStructN2V.masking.noise.simulation import as_noise_field, noise_like

_LEAST_COVER = np.float32(1e-3)  # of the pixels around: guards a division


@dataclass(frozen=True)
class Separation:
    """Autocorrelation without that of the structure, and how that was left out."""

    values: NDArray[np.float64]
    leaves_out_common: bool
    leak: float


def separated(
    values: NDArray[np.float64],
    is_structure: bool,
    blurred: NDArray[np.float64] | None,
    limits: LeakLimits,
) -> Separation:
    """Take from an autocorrelation (H, H) what all directions share, as far as it is structure."""
    leaves_out_common = is_structure or blurred is not None
    leak = common(values) if leaves_out_common else leak_of(values, limits)
    share = 0.0 if leaves_out_common else center_of(leak)
    left = (values - leak) / (1.0 - share)
    if blurred is not None:
        left = np.where(np.abs(left) < limits.most, 0.0, left) + np.minimum(leak, blurred)
    left = (left + left[::-1, ::-1]) / 2.0  # exact point symmetry, lost by rounding
    middle = left.shape[0] // 2
    left[middle, middle] = 1.0
    return Separation(left, leaves_out_common, share)


def common(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest of the values at a lag, its mirror images and its quarter turns, if positive.

    Structure looks alike in all directions on average, so this bounds its share. Takes and
    returns a square array (H, H).
    """
    turned = np.rot90(values)
    smallest = np.minimum(values, values[:, ::-1])
    smallest = np.minimum(smallest, np.minimum(turned, turned[:, ::-1]))
    positive: NDArray[np.float64] = np.maximum(smallest, 0.0)
    return positive


def leak_of(values: NDArray[np.float64], limits: LeakLimits) -> NDArray[np.float64]:
    """Correlation common to all directions where it is too weak to be noise.

    Where it is not, and at zero lag, noise hides what structure is left, which is extrapolated
    from farther lags: it falls to zero over the reach of the high-pass. Takes and returns a
    square array (H, H).
    """
    middle = values.shape[0] // 2
    lag = np.arange(values.shape[0]) - middle
    distance = np.rint(np.hypot.outer(lag, lag)).astype(int)
    profile = np.zeros(distance.max() + 1)
    for ring in range(1, middle + 1):
        profile[ring] = max(0.0, float(np.quantile(values[distance == ring], limits.rank)))
    is_noise = profile >= limits.most
    profile[is_noise] = 0.0
    farther = limits.farther
    if is_noise[1] and middle > farther.stop and not is_noise[farther].any():
        fall = np.maximum(1.0 - np.arange(middle) / limits.reach, 0.0)
        strength = (fall[farther] @ profile[farther]) / np.square(fall[farther]).sum()
        nearer = slice(farther.start)
        profile[nearer] = np.minimum(strength * fall[nearer], limits.most)
    else:
        # a parabola through the lags 1 and 2 that is flat at 0
        profile[0] = max(0.0, profile[1] + (profile[1] - profile[2]) / 3.0)
    leak: NDArray[np.float64] = profile[distance]
    return leak


def _cleaned(
    values: NDArray[np.float64], error: NDArray[np.float64], limits: NoiseLimits
) -> NDArray[np.float64]:
    """Noise model (H, W) for a simulation: lags indistinguishable from zero are set to zero."""
    return np.where(np.abs(values) > limits.significance.least_clear(error), values, 0.0)


def off_center_maximum(values: NDArray[np.float64]) -> float:
    """Largest value of (H, W) other than that in the center."""
    middle = values.size // 2
    return float(np.delete(values.ravel(), middle).max())


def is_structure_alone(
    fields: Sequence[NoiseField],
    threshold: float,
    values: NDArray[np.float64],
    sums: LagSums,
    limits: NoiseLimits,
) -> bool:
    """Whether correlation that is equal in all directions may be that of structure.

    It may where the flattest places are far from noise, where few pixels can be used, and where
    the local variance is more uneven than that of noise alone.

    Parameters
    ----------
    fields : sequence of NoiseField
        The images.
    threshold : float
        Score below which pixels count as background.
    values : (H, W) float64
        Autocorrelation that was measured there.
    sums : LagSums
        What it was measured from.
    limits : NoiseLimits
        When it may be structure.
    """
    isotropy, scale = limits.isotropy, limits.background.local_scale
    error = sums.standard_error() / center_of(sums.covariance())
    simulated = as_noise_field(noise_like(_cleaned(values, error, limits)), limits)
    n_usable = sum(int(np.isfinite(field.structure).sum()) for field in fields)
    is_far = threshold > isotropy.far_from_noise * float(np.median(simulated.structure))
    if is_far or n_usable < limits.selection.small:
        return True
    n_windows = max(1.0, float(center_of(sums.counts.sum(0))) / limits.background.local_area)
    error_of_spread = 1.0 / np.sqrt(2.0 * n_windows)  # relative, of a standard deviation
    by_chance = limits.significance.clear_errors * error_of_spread
    # two independent reasons for unevenness: their squares add
    tolerance = 1.0 + float(np.hypot(isotropy.evenness.most_above, by_chance))
    everything = float(np.quantile(simulated.structure, max(FRACTIONS)))
    of_noise = _unevenness([simulated], max(threshold, everything), scale)
    return bool(_unevenness(fields, threshold, scale) > tolerance * of_noise)


def _unevenness(fields: Sequence[NoiseField], threshold: float, scale: float) -> float:
    """Relative spread of the local variance over the background; noise alone has little.

    The variance is local within a Gaussian of standard deviation ``scale``, in pixels.
    """
    spreads = []
    for field in fields:
        mask = field.structure < threshold
        if mask.any():
            cover = np.maximum(blur(mask.astype(np.float32), scale), _LEAST_COVER)
            local = (blur(np.square(field.residual) * mask, scale) / cover)[mask]
            spreads.append(float(local.std() / max(float(local.mean()), 1e-12)))
    return float(np.median(spreads)) if spreads else np.inf


def center_of(values: NDArray[np.float64]) -> float:
    """Value in the center of (H, W)."""
    return float(values[values.shape[0] // 2, values.shape[1] // 2])
