"""Turn the autocorrelation of the noise into a kernel, and say what it means.

The steps are the documented ones: crop the autocorrelation to a window, give each concentric
ring a threshold, keep what is connected to the center and its strongest pixels. The
slow part, measuring, is in :mod:`.autocorrelation`; what is here takes milliseconds, so that a
person can move sliders.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autoStructN2V.masking.kernels.advice import Advice, advise
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE, center_of
from autoStructN2V.masking.kernels.config import (
    MOST_KERNEL_PIXELS,
    MOST_PERCENTILE,
    ExtractorConfig,
)
from autoStructN2V.masking.kernels.description import KernelStatistics
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.kernels.limits import EXTRACTION_LIMITS, ExtractionLimits
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.limits import NOISE_LIMITS
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.patterns.pattern import Pattern
from autoStructN2V.vocabulary import Mode

_DEFAULTS = ExtractorConfig()
_FULL_CONNECTIVITY = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class KernelProposal:
    """A kernel with the evidence it rests on.

    Attributes
    ----------
    kernel : Kernel
        As large as the window it was looked for in.
    autocorrelation : Autocorrelation
    thresholds : (S, R) float64
        Threshold of each ring 0..R-1 of each slice; ring 0 is the center pixel. NaN where no
        threshold applies (center of the middle slice).
    advice : Advice
    n_cut : int
        Pixels that share noise but exceeded the limit on masked pixels.
    """

    kernel: Kernel
    autocorrelation: Autocorrelation
    thresholds: NDArray[np.float64]
    advice: Advice
    n_cut: int = 0

    @property
    def statistics(self) -> KernelStatistics:
        """What the kernel hides, in words and numbers."""
        return self.kernel.description


def extract_kernel(
    images: Sequence[NDArray[np.floating]],
    config: ExtractorConfig,
    *,
    mode: Mode = "2D",
) -> KernelProposal:
    """Find which neighboring pixels share noise, from noisy images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Noisy images, any units; shapes may differ. In 2D slices are independent images.
    config : ExtractorConfig
        Parameters of measuring and thresholding.
    mode : {'2D', '2.5D'}
        In 2.5D the kernel has a slice for each of z-1, z, z+1.

    Returns
    -------
    KernelProposal

    Raises
    ------
    InputError
        If the images cannot be used to measure noise.
    """
    autocorrelation = measure_noise_autocorrelation(
        images, mode=mode, equalize=config.norm_autocorr
    )
    return propose_kernel(autocorrelation, config)


def propose_kernel(
    autocorrelation: Autocorrelation,
    config: ExtractorConfig,
    *,
    periodic_patterns: Sequence[Pattern] | None = None,
    limits: ExtractionLimits = EXTRACTION_LIMITS,
) -> KernelProposal:
    """Threshold a measured autocorrelation; fast enough to follow a slider.

    Parameters
    ----------
    autocorrelation : Autocorrelation
        What was measured.
    config : ExtractorConfig
        Parameters of thresholding.
    periodic_patterns : sequence of Pattern, optional
        Patterns to name in the advice; by default those of the autocorrelation.
    limits : ExtractionLimits
        Other limits than the usual ones, for a trial.

    Returns
    -------
    KernelProposal
    """
    if periodic_patterns is None:
        periodic_patterns = autocorrelation.periodic_patterns
    size = _first_window(autocorrelation, config)
    cells, thresholds, n_cut = _cells_in_window(autocorrelation, config, size, limits)
    while config.grow_window and _reaches_edge(cells) and size < _largest(autocorrelation):
        size = min(size + limits.window_step, _largest(autocorrelation))
        cells, thresholds, n_cut = _cells_in_window(autocorrelation, config, size, limits)
    kernel = Kernel(cells, autocorrelation.grid_share)
    return KernelProposal(
        kernel=kernel,
        autocorrelation=autocorrelation,
        thresholds=thresholds,
        advice=advise(kernel, autocorrelation, periodic_patterns, n_cut),
        n_cut=n_cut,
    )


def _largest(autocorrelation: Autocorrelation) -> int:
    return min(MAX_KERNEL_SIZE, 2 * autocorrelation.max_lag + 1)


def _first_window(autocorrelation: Autocorrelation, config: ExtractorConfig) -> int:
    largest = _largest(autocorrelation)
    return min(config.center_size, largest) if config.crop_autocorr else largest


def _reaches_edge(cells: NDArray[np.bool_]) -> bool:
    """Whether any of (S, H, W) cells at the edge of the window is hidden."""
    inner = cells[:, 1:-1, 1:-1]
    return bool(cells.sum() > inner.sum())


def _cropped(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Cut the middle (S, size, size) out of an autocorrelation (S, H, W)."""
    margin = (values.shape[-1] - size) // 2
    return values[:, margin : margin + size, margin : margin + size]


def rings(size: int) -> NDArray[np.intp]:
    """Return the number of the square ring around the center, for each of (size, size) cells."""
    distance = np.abs(np.arange(size) - size // 2)
    ring: NDArray[np.intp] = np.maximum.outer(distance, distance)
    return ring


def _cells_in_window(
    autocorrelation: Autocorrelation, config: ExtractorConfig, size: int, limits: ExtractionLimits
) -> tuple[NDArray[np.bool_], NDArray[np.float64], int]:
    """Find cells (S, size, size), ring thresholds (S, R) and number of pixels cut off."""
    values = _cropped(autocorrelation.values, size)
    error = _cropped(autocorrelation.standard_error, size)
    ring = rings(size)
    thresholds = np.stack([_ring_thresholds(plane, ring, config) for plane in values])
    chosen = values > thresholds[:, ring]
    if config.use_center_proximity:
        chosen |= values >= config.center_proximity_threshold
    demanded = _demanded_errors(ring, config, limits)
    chosen &= values > demanded * error
    middle = len(values) // 2
    thresholds[middle, 0] = np.nan
    chosen[middle, size // 2, size // 2] = True
    roots = chosen
    if config.keep_center_component_only:
        is_beyond_doubt = values > limits.times_beyond_doubt * demanded[ring == 1].max() * error
        roots = _roots(chosen, is_beyond_doubt & (not autocorrelation.resembles_structure))
        chosen = _reached(chosen, roots)
    limit = min(
        MOST_KERNEL_PIXELS, round(config.max_true_pixels * max(1.0, size / config.center_size))
    )
    cells = _limited(chosen, values, limit, roots)
    return cells, thresholds, int(chosen.sum() - cells.sum())


def _demanded_errors(
    ring: NDArray[np.intp], config: ExtractorConfig, limits: ExtractionLimits
) -> NDArray[np.float64]:
    """Return by how many standard errors each cell (H, W) must exceed zero."""
    first = limits.errors_of_first_ring * config.adapt_CB / _DEFAULTS.adapt_CB
    decayed = first * config.adapt_DF ** np.maximum(ring - 1.0, 0.0)
    demanded: NDArray[np.float64] = np.maximum(
        decayed, min(first, NOISE_LIMITS.significance.clear_errors)
    )
    return demanded


def _ring_thresholds(
    plane: NDArray[np.float64], ring: NDArray[np.intp], config: ExtractorConfig
) -> NDArray[np.float64]:
    """Threshold of each ring of one (H, W) slice."""
    least = config.min_correlation * config.base_percentile / _DEFAULTS.base_percentile
    n_rings = int(ring.max()) + 1
    if not config.adapt_autocorr:
        strongest = float(plane[ring > 0].max())
        return np.full(n_rings, max(config.center_ratio_threshold * strongest, least))
    thresholds = np.full(n_rings, least)
    for k in range(1, n_rings):
        percentile = config.base_percentile * config.percentile_decay ** (k - 1)
        level = _percentile_above_zero(plane[ring == k], min(percentile, MOST_PERCENTILE), config)
        thresholds[k] = max(level, least)
    return thresholds


def _percentile_above_zero(
    values: NDArray[np.float64], percentile: float, config: ExtractorConfig
) -> float:
    """Percentile of values (N,) taken together with as many zeros.

    The zeros stand for uncorrelated pixels. Without them, half of a ring would always lie below
    its median, and noise that is correlated in all directions could not be hidden.
    """
    pool = np.concatenate([np.maximum(values, 0.0), np.zeros(values.size)])
    if config.log_autocorr:
        return float(np.expm1(np.percentile(np.log1p(pool), percentile)))
    return float(np.percentile(pool, percentile))


def _roots(chosen: NDArray[np.bool_], is_beyond_doubt: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells (S, H, W) that need no way from the center.

    Read-outs with two taps, or line by line to and fro, share noise with every second pixel only.
    """
    center = np.zeros_like(chosen)
    center[center_of(chosen)] = True
    return center | (chosen & is_beyond_doubt & ~_reached(chosen, center))


def _reached(chosen: NDArray[np.bool_], roots: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep those of (S, H, W) cells that are connected to a root, also across a corner."""
    labels, _ = ndimage.label(chosen, structure=_FULL_CONNECTIVITY)
    reached: NDArray[np.bool_] = chosen & np.isin(labels, labels[roots])
    return reached


def _limited(
    chosen: NDArray[np.bool_],
    values: NDArray[np.float64],
    limit: int,
    roots: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keep at most ``limit`` cells of each slice: the strongest, and all on the way to them.

    Cells, their values, and the roots that ways begin at are (S, H, W).
    """
    if chosen.sum(axis=(1, 2)).max() <= limit:
        return chosen
    strength = _strength_of_way(chosen, values, roots)
    kept = np.stack([_first(*plane, limit) for plane in zip(chosen, strength, strict=True)])
    return _reached(kept, roots & kept)


def _strength_of_way(
    chosen: NDArray[np.bool_], values: NDArray[np.float64], roots: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the weakest value on the best way from a root to each cell (S, H, W)."""
    allowed = np.where(chosen, values, -np.inf)
    allowed[center_of(chosen)] = np.inf
    strength = np.where(roots, allowed, -np.inf)
    while True:
        around = ndimage.maximum_filter(
            strength, footprint=_FULL_CONNECTIVITY, mode="constant", cval=-np.inf
        )
        grown = np.minimum(around, allowed)
        if np.array_equal(grown, strength):
            return strength
        strength = grown


def _first(
    plane: NDArray[np.bool_], strength: NDArray[np.float64], limit: int
) -> NDArray[np.bool_]:
    """Keep at most ``limit`` cells of a slice (H, W): the strongest, of equal ones the nearest.

    Of two equals at the limit, as opposite offsets are, both are dropped.
    """
    if plane.sum() <= limit:
        return plane
    half = plane.shape[-1] // 2
    distance = np.hypot(*(np.indices(plane.shape) - half))
    last = np.lexsort((distance[plane], -strength[plane]))[limit]
    weakest, farthest = strength[plane][last], distance[plane][last]
    kept: NDArray[np.bool_] = plane & (
        (strength > weakest) | ((strength == weakest) & (distance < farthest))
    )
    return kept
