"""Images of different gain or offset in one run: each is normalized for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.matching import MatchedSource
from autoStructN2V.datasets.normalization import estimate_normalization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization

MATCHING_SWITCH = "Match intensities"
_CLEAR = 4.0
"""Ratio of ranges, and of noise levels. Fields of one exposure differ by what they show, which
changes the range alone, or the noise by the square root of that; another gain changes both."""


def scales_differ(sources: Sequence[ImageSource]) -> list[Normalization] | None:
    """Measure the intensities of each image, and tell whether they are on different scales.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.

    Returns
    -------
    list of Normalization or None
        Of each stack; None if all are on one scale, or there is one stack.
    """
    if len(sources) < 2:
        return None
    found = [estimate_normalization([source]) for source in sources]
    shown = [s for s in found if s.high > s.low]  # a blank image is on no scale
    ranges = [s.high - s.low for s in shown]
    noise = [s.noise_level for s in found if s.noise_level > 0.0]
    if not ranges or not noise:
        return None
    is_gain = all(max(values) > _CLEAR * min(values) for values in (ranges, noise))
    is_apart = max(s.low for s in shown) > min(s.high for s in shown)
    return found if is_gain or is_apart else None


def matched(
    sources: Sequence[ImageSource], scales: Sequence[Normalization], common: Normalization
) -> list[ImageSource]:
    """Return stacks that are read with the mean and standard deviation of a common scale.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    scales : sequence of Normalization
        Of each.
    common : Normalization
        That all are to have.
    """
    gains = [common.std / scale.std for scale in scales]
    return [
        MatchedSource(source, gain, common.mean - gain * scale.mean)
        for source, scale, gain in zip(sources, scales, gains, strict=True)
    ]


def middle_scale(scales: Sequence[Normalization]) -> Normalization:
    """Return that one of the scales whose standard deviation is in the middle."""
    return sorted(scales, key=lambda scale: scale.std)[len(scales) // 2]


MATCHED_SENTENCE = (
    "The images differ in gain or offset (another bit depth, exposure or instrument?): each is "
    f"normalized for itself, and its result has its own intensities; train with {MATCHING_SWITCH} "
    "off to normalize all alike. Figures of the noise are those of an image in the middle."
)
