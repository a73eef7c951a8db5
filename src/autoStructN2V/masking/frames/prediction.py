"""How well a frame of a movie predicts the next one, beyond noise.

What two frames have in common is structure that stayed where it was, because their noise is
independent. Compared with all the structure of a frame, its variance less that of the noise at that
brightness, it is the share that a frame shows of the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.frames.limits import FRAME_LIMITS, FrameLimits
from autoStructN2V.masking.noise.resolution import significant
from autoStructN2V.quantities import percent_text
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation


def predicted_share(
    movies: Sequence[ImageSource], noise: Autocorrelation, *, limits: FrameLimits = FRAME_LIMITS
) -> float | None:
    """Return how much of the structure of frames the ones before have.

    Parameters
    ----------
    movies : sequence of ImageSource
        Stacks (t, y, x); a few pairs of consecutive frames are read.
    noise : Autocorrelation
        What was measured of their noise.
    limits : FrameLimits
        What is compared.

    Returns
    -------
    float or None
        About 1 of a sample that does not move, 0 of one of which every frame is new; None where
        there is too little structure to tell.
    """
    common, whole, n_squares = 0.0, 0.0, 0
    relative_error = limits.clear_errors * _error_of_variance(noise, limits.side)
    for movie in movies:
        for t in evenly(movie.shape[0] - 1, limits.most_pairs):
            first, second = (_squares(movie.read_slice(z), limits.side) for z in (t, t + 1))
            brightness = (first.mean(axis=1) + second.mean(axis=1)) / 2.0
            a, b = (frame - frame.mean(axis=1, keepdims=True) for frame in (first, second))
            of_noise = noise.variance_at(brightness)
            structure = (np.square(a).mean(axis=1) + np.square(b).mean(axis=1)) / 2.0 - of_noise
            clear = structure > relative_error * of_noise
            common += float((a * b).mean(axis=1)[clear].sum())
            whole += float(structure[clear].sum())
            n_squares += int(clear.sum())
    if n_squares < limits.fewest_squares or whole <= 0.0:
        return None
    return float(np.clip(common / whole, 0.0, 1.0))


def movement_sentence(share: float | None, *, limits: FrameLimits = FRAME_LIMITS) -> str:
    """Say that a sample moves fast, if it does; else nothing.

    Parameters
    ----------
    share : float or None
        Of :func:`predicted_share`.
    limits : FrameLimits
        What counts as fast.
    """
    if share is None or share >= limits.least_predicted:
        return ""
    return (
        f"The sample moves fast: a frame shows {percent_text(share)} of the structure of the next "
        "one, noise left aside, so that neighboring frames help little; compare the result with 2D."
    )


def _error_of_variance(noise: Autocorrelation, side: int) -> float:
    """Return the standard error of the mean of two variances of noise in a square, in units of it.

    Pixels that share noise count as fewer.
    """
    correlation = significant(noise)[len(noise.values) // 2]
    n_independent = side**2 / max(float(np.square(correlation).sum()), 1.0)
    return float(np.sqrt((2.0 + max(noise.scaled_kurtosis, 0.0)) / n_independent / 2.0))


def _squares(frame: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Cut a frame (y, x) into squares, each a row of pixels; what is left over is not used."""
    n_y, n_x = (size // side for size in frame.shape)
    cut = frame[: n_y * side, : n_x * side].reshape(n_y, side, n_x, side).astype(np.float64)
    return cut.swapaxes(1, 2).reshape(n_y * n_x, side**2)
