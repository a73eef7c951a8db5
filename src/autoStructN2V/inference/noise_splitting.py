"""The error of any denoiser against the truth, estimated from noisy images alone.

To an image y of noise n, noise z of the same covariance is added: y1 = y + a z. The noise of
y2 = y - z / a is uncorrelated with that of y1, so that the squared difference between a denoised y1
and y2 is on average the squared error against the truth, plus a constant that is the same for all
denoisers. Unlike the error at hidden pixels it also counts what a network makes of the pixels that
it sees.

What the squares of z add is known and left out, and z is added with either sign, which takes away
most of the chance: the score of a result D is the mean of (D - y)^2 + 2 D z / a. It is the squared
error of D plus the variance of the noise, which is that of z. Where noise depends on brightness, z
is as strong as the noise is at each pixel.

References
----------
Oliveira, Lei, Tibshirani: Unbiased risk estimation in the normal means problem via coupled
bootstrap techniques. arXiv:2111.09447 (2021).
Pang et al.: Recorrupted-to-Recorrupted. CVPR (2021). doi:10.1109/CVPR46437.2021.00208
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.inference.verdict import GAUSSIAN, NoVerdict, Verdict
from autoStructN2V.masking.limits import limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.inference.predictor import Predictor
    from autoStructN2V.masking.recorruption import NoiseSampler


@dataclass(frozen=True)
class SplittingLimits:
    """How noise is split."""

    strength: float = limit(
        0.25,
        unit="of the standard deviation of the noise of the images",
        separates="added noise so weak that it drowns in chance from noise that blurs the result",
        source="the less is added, the more repetitions are needed: Oliveira et al. (2021)",
        kind="budget",
    )
    most_clipped: float = limit(
        0.02,
        unit="of the pixels of a square",
        separates="squares whose noise is added to the image from those where it was cut off",
        source="noise of a bell shape that is cut off there has lost 3 % of its variance",
        kind="theory",
    )
    least_judged: float = limit(
        0.25,
        unit="of the squares",
        separates="images that can be judged from those that are clipped almost everywhere",
        source="four times less than all doubles the error",
        kind="budget",
    )
    fewest_photons: float = limit(
        0.1,
        unit="photons, mean",
        separates="counts of few photons, most of which are none, from values that were cut off",
        source="where so few are counted, one photon is a tenth as frequent as none",
        kind="theory",
    )
    block: int = limit(
        32,
        unit="px",
        separates="squares whose scatter gives the standard error from what is correlated",
        source="longer than any kernel",
        kind="theory",
    )


SPLITTING_LIMITS = SplittingLimits()

CLIPPED = NoVerdict(
    "Nearly everywhere, most pixels have one and the same lowest or highest value, as where hardly "
    "any photon is counted or values were cut off; judge by eye, and add up frames if counts are "
    "that low."
)
"""What is said of images that are clipped nearly everywhere."""

SIGMAS = (0.0, *np.geomspace(0.4, 9.0, 17).round(3).tolist())
"""Standard deviations of the Gaussian filters, in pixels, of which the best one counts."""


def judge(
    windows: Sequence[NDArray[np.float32]],
    predictors: Mapping[str, Predictor],
    noises: Sequence[NoiseSampler],
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    scales: Sequence[Scale | None] | None = None,
) -> Verdict | NoVerdict | None:
    """Estimate the errors of networks and of the best Gaussian filter.

    Parameters
    ----------
    windows : sequence of (C, P, P) float32
        Normalized noisy squares, of as many slices as the networks see; the middle one counts.
    predictors : mapping of str to Predictor
        Networks by the name that the verdict gives them.
    noises : sequence of NoiseSampler
        Each draws noise like that of a window, for squares of its size.
    seed : int
        Seed of the draws.
    should_stop : callable
        True ends the work.
    scales : sequence of Scale or None, optional
        How each window follows from the images in which noise was measured, of tensors that fit
        to (1, C, P, P); None and the default: it is these, normalized.

    Returns
    -------
    Verdict, NoVerdict or None
        None if stopped; none is possible where the images are clipped nearly everywhere: noise that
        was cut off is not added to them, so that it cannot be split.
    """
    used = [_unclipped(window[len(window) // 2]) for window in windows]
    if _is_clipped(used):
        return CLIPPED
    generator = torch.Generator(noises[0].device).manual_seed(seed)
    scores: dict[str, list[NDArray[np.float64]]] = {}
    variances = []
    of_windows = zip(windows, noises, scales or [None] * len(windows), used, strict=True)
    for window, noise, scale, is_used in of_windows:
        drawn = _drawn(window, noise, generator, scale)
        variances.append(_block_means(np.square(drawn[len(drawn) // 2]))[is_used])
        for sign in (1.0, -1.0):
            if should_stop():
                return None
            found = _scores(window, np.float32(sign) * drawn, predictors, should_stop)
            if found is None:
                return None
            for name, values in found.items():
                scores.setdefault(name, []).append(values[is_used])
    blocks = {name: _paired(values) for name, values in scores.items()}
    return _verdict(blocks, list(predictors), float(np.concatenate(variances).mean()))


def are_clipped(windows: Sequence[NDArray[np.float32]]) -> bool:
    """Whether images (C, P, P) are clipped nearly everywhere, so that no noise is added to them."""
    return _is_clipped([_unclipped(window[len(window) // 2]) for window in windows])


def _is_clipped(unclipped: Sequence[NDArray[np.bool_]]) -> bool:
    """Whether of the blocks of images (N,) too few are unclipped."""
    return bool(np.concatenate(unclipped).mean() < SPLITTING_LIMITS.least_judged)


def _drawn(
    window: NDArray[np.float32],
    noise: NoiseSampler,
    generator: torch.Generator,
    scale: Scale | None,
) -> NDArray[np.float32]:
    """Draw noise (C, P, P) as strong as that of a window is at its brightness."""
    patch: Tensor = torch.from_numpy(window)[None].to(noise.device)
    drawn: NDArray[np.float32] = noise.draw(patch, generator, scale)[0].cpu().numpy()
    return drawn


def _scores(
    window: NDArray[np.float32],
    drawn: NDArray[np.float32],
    predictors: Mapping[str, Predictor],
    should_stop: Callable[[], bool],
) -> dict[str, NDArray[np.float64]] | None:
    """Return the mean score of each candidate in each block, (N,) float64; None if stopped."""
    middle = len(window) // 2
    noisy, added = window[middle], drawn[middle]
    noisier = window + np.float32(SPLITTING_LIMITS.strength) * drawn
    scores = {}
    for name, predictor in predictors.items():
        raw = predictor.normalization.denormalize(noisier)
        denoised = predictor.denoise_slice(ArraySource(raw), middle, should_stop)
        if denoised is None:
            return None
        normalized = predictor.normalization.normalize(denoised)
        scores[name] = _score(normalized, noisy, added)
    for sigma in SIGMAS:
        filtered = ndimage.gaussian_filter(noisier[middle], sigma)
        scores[f"{GAUSSIAN} {sigma}"] = _score(filtered, noisy, added)
    return scores


def _score(
    denoised: NDArray[np.float32], noisy: NDArray[np.float32], added: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the mean score in each block of (P, P) images, (N,) float64."""
    squared = np.square(denoised - noisy)
    return _block_means(squared + (2.0 / SPLITTING_LIMITS.strength) * denoised * added)


def _unclipped(noisy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell in which blocks (N,) of an image (P, P) hardly any value was cut off."""
    is_clipped = np.zeros(noisy.shape, np.float32)
    values, counts = np.unique(noisy, return_counts=True)
    for extreme, inward in ((0, 1), (-1, -2)):
        # noise that is not cut off has values beside its extreme that are as frequent
        is_pile = (
            len(values) > 1 and counts[inward] < SPLITTING_LIMITS.fewest_photons * counts[extreme]
        )
        if is_pile:
            is_clipped[noisy == values[extreme]] = 1.0
    unclipped: NDArray[np.bool_] = _block_means(is_clipped) <= SPLITTING_LIMITS.most_clipped
    return unclipped


def _block_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of an image (P, P) in each block, (N,)."""
    side = values.shape[0] // SPLITTING_LIMITS.block * SPLITTING_LIMITS.block or values.shape[0]
    block = min(SPLITTING_LIMITS.block, side)
    cut = values[:side, :side].reshape(side // block, block, side // block, block)
    means: NDArray[np.float64] = cut.mean(axis=(1, 3), dtype=np.float64).ravel()
    return means


def _paired(scores: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Average the scores of both signs of a window, and join those of all windows."""
    return np.concatenate([(a + b) / 2.0 for a, b in zip(scores[::2], scores[1::2], strict=True)])


def _verdict(
    blocks: Mapping[str, NDArray[np.float64]], stages: Sequence[str], variance: float
) -> Verdict:
    """Sum up scores (N,) of blocks in squared normalized units, given the noise variance."""
    filters = [name for name in blocks if name not in stages]
    best = min(filters, key=lambda name: blocks[name].mean())
    of_filter = blocks[best]
    errors = {name: float(blocks[name].mean()) / variance - 1.0 for name in stages}
    differences = {name: blocks[name] - of_filter for name in stages}
    deviations = {
        name: float(values.std() / np.sqrt(len(values))) / variance
        for name, values in differences.items()
    }
    return Verdict(
        {**errors, GAUSSIAN: float(of_filter.mean()) / variance - 1.0},
        {**deviations, GAUSSIAN: 0.0},
        float(best.removeprefix(f"{GAUSSIAN} ")),
    )
