"""What is decided while patterns are found and removed, as data: limits for each detector.

Where a source names a commit, the value was chosen in it, on the images of its tests and of
``benchmarks/curtains.py`` or ``benchmarks/tasks.py``; no table of alternatives was kept.
"""

from dataclasses import dataclass, field
from statistics import NormalDist

from autoStructN2V.masking.limits import limit

MAD_TO_STD = round(1.0 / NormalDist().inv_cdf(0.75), 4)
"""Standard deviation of Gaussian noise over its median absolute deviation."""

WINDOW_REACH = 2
"""Bins to each side over which a Hann window spreads a sharp line: half of its main lobe."""

# correlation of the powers of noise one and two bins apart, under a Hann window
_NEIGHBOR, _NEXT = (2.0 / 3.0) ** 2, (1.0 / 6.0) ** 2

_HALVES = "test_halves.py, b031484, 2026-11-21"
_LINES = "test_offsets.py, a121c74, 2026-11-21"
_WAVES = "test_sinusoids.py and benchmarks/tasks.py, d696e94, 2026-11-21"


def _independent(n: int) -> float:
    """Count how many independent bins so many neighboring ones are worth."""
    products = n + 2.0 * ((n - 1) * _NEIGHBOR + (n - 2) * _NEXT)
    return n**2 / products


@dataclass(frozen=True)
class SpectrumLimits:
    """How much of the images is averaged, and what stands out of their spectrum."""

    largest_side: int = limit(
        512,
        unit="px",
        separates="side of the blocks whose spectra are averaged; larger images are cut up",
        source="bounds the memory",
        kind="budget",
    )
    most_pixels: int = limit(
        4_000_000,
        unit="px",
        separates="the blocks that are averaged from those that are left out",
        source="bounds the time",
        kind="budget",
    )
    false_alarm: float = limit(
        1e-5,
        unit="probability that a smooth spectrum shows a pattern",
        separates="patterns from chance",
        source="one in 100,000 images; the limit follows from the distribution of powers",
        kind="theory",
    )
    safety: float = limit(
        3.0,
        unit="times the power that occurs by chance",
        separates="patterns from structure, whose spectra are rougher than theory says",
        source=_WAVES,
    )


@dataclass(frozen=True)
class ShadingLimits:
    """What changes so slowly that it is shading, of the sample or of a pattern itself."""

    scale: float = limit(
        24.0,
        unit="px, standard deviation of a Gaussian",
        separates="patterns from shading, which stays, and from their own drift, which is followed",
        source="benchmarks/curtains.py, 83e5a2b, 2026-11-22; " + _WAVES,
    )

    @property
    def line_scale(self) -> int:
        """Scale of the shading of single lines in px: they hardly drift, so half of it will do."""
        return round(self.scale / 2.0)


@dataclass(frozen=True)
class CoverageLimits:
    """Whether a pattern is everywhere, as one that a detector or a beam makes."""

    least: float = limit(
        0.75,
        unit="of the pixels of all slices, or of the slices",
        separates="patterns of a detector, everywhere, from structure, in some places",
        source="halves, corners and disks of test_removal.py, c984ea8, 2026-11-21; layers and "
        "fibers of test_stripes.py, 3b3af5a, 2026-11-22",
    )


@dataclass(frozen=True)
class TiltLimits:
    """What is so nearly parallel to rows or columns that it counts as such."""

    largest: float = limit(
        3.0,
        unit="degrees from the rows or columns",
        separates="sinusoids and layers along lines, which are no stripes, from oblique ones",
        source="tilted layers of test_stripes.py, 263872e, 2026-11-22",
    )


@dataclass(frozen=True)
class SinusoidLimits:
    """What counts as a sinusoid in the spectrum of images."""

    spectrum: SpectrumLimits = field(default_factory=SpectrumLimits)
    tilt: TiltLimits = field(default_factory=TiltLimits)
    smallest_side: int = limit(
        32,
        unit="px",
        separates="images that are looked at from those too small to tell",
        source="less holds too few cycles of any period",
        kind="budget",
    )
    least_cycles: float = limit(
        8.0,
        unit="cycles within a block",
        separates="sinusoids from shading and structure, which are slow or repeat a few times",
        source=_WAVES + "; 8 in a block of 512 px are periods of 64 px",
    )
    least_excess: float = limit(
        30.0,
        unit="times the power of the bins around",
        separates="sharp peaks from correlated noise and structure, which are broad",
        source=_WAVES,
    )
    least_share: float = limit(
        0.003,
        unit="of the images' variance",
        separates="sinusoids that matter from those too weak to be seen",
        source=_WAVES,
    )
    peak_radius: int = limit(
        WINDOW_REACH,
        unit="bins",
        separates="a peak from the bins around it",
        source="half of the main lobe of a Hann window",
        kind="theory",
    )
    background_radius: int = limit(
        8,
        unit="bins",
        separates="the bins that a peak is compared with from those farther away",
        source="some 50 bins, of which the median is known to a fifth",
        kind="budget",
    )
    most_patterns: int = limit(
        4,
        unit="sinusoids",
        separates="the sharpest from those that are left in",
        source="bounds the time of the removal",
        kind="budget",
    )
    most_candidates: int = limit(
        200,
        unit="peaks",
        separates="peaks that are looked at from those that are not",
        source="bounds the time of the search",
        kind="budget",
    )


@dataclass(frozen=True)
class DemodulationLimits:
    """How a sinusoid is followed through an image, and when it covers images."""

    shading: ShadingLimits = field(default_factory=ShadingLimits)
    coverage: CoverageLimits = field(default_factory=CoverageLimits)
    drift_periods: float = limit(
        2.0,
        unit="periods; the scale is no smaller",
        separates="drift from the wave itself",
        source=_WAVES,
    )
    least_amplitude: float = limit(
        0.5,
        unit="of the amplitude over all images",
        separates="places where the sinusoid is from places where it is not",
        source="halfway",
        kind="theory",
    )


@dataclass(frozen=True)
class ProfileLimits:
    """How the offset of each line is measured."""

    shading: ShadingLimits = field(default_factory=ShadingLimits)
    fewest: int = limit(
        8,
        unit="lines, and px along them",
        separates="images that are measured from those too small to tell offset from noise",
        source="less than one scale of shading, which the ends are extrapolated over",
        kind="budget",
    )
    truncate: int = limit(
        4,
        unit="such scales",
        separates="the Gaussian from what is left out of it",
        source="default of scipy.ndimage",
        kind="budget",
    )
    clip: float = limit(
        3.0,
        unit="standard deviations",
        separates="steps between lines from edges of structure, which are left out",
        source="0.3 % of the steps of noise alone are larger",
        kind="theory",
    )
    n_clips: int = limit(
        2,
        unit="rounds of leaving out",
        separates="the rounds that are done from those that would change little",
        source="bounds the time",
        kind="budget",
    )


@dataclass(frozen=True)
class LineLimits:
    """What counts as offsets of whole rows or columns."""

    spectrum: SpectrumLimits = field(default_factory=SpectrumLimits)
    profile: ProfileLimits = field(default_factory=ProfileLimits)
    smallest_side: int = limit(
        64,
        unit="px",
        separates="images that are looked at from those too small to tell",
        source="leaves 16 of the fastest frequencies",
        kind="budget",
    )
    least_share: float = limit(
        0.001,
        unit="of the variance of noise and fine detail",
        separates="offsets, and stripes, that matter from those too weak to be seen",
        source=_LINES,
    )
    least_correlation: float = limit(
        0.3,
        unit="correlation of the steps, or of their signs, in two pieces of the lines",
        separates="the same lines in both from chance, and from edges, which are in a few lines",
        source=_LINES + "; benchmarks/curtains.py, 83e5a2b, 2026-11-22",
    )
    n_segments: int = limit(
        4,
        unit="segments of each line",
        separates="offsets, the same in all segments, from structure",
        source="the more, the noisier each",
        kind="budget",
    )
    most_measured: int = limit(
        8,
        unit="images",
        separates="images whose steps are compared from those that are not",
        source="bounds the time",
        kind="budget",
    )
    first_background: int = limit(
        WINDOW_REACH + 1,
        unit="bins from zero frequency along the lines",
        separates="what the window spreads of the lines from the background",
        source="half of the main lobe of a Hann window, and one",
        kind="theory",
    )
    n_background: int = limit(
        4,
        unit="bins",
        separates="the background of the lines from structure at higher frequencies",
        source=_LINES,
    )

    @property
    def background_freedom(self) -> float:
        """Independent bins among those of the background: degrees of freedom of an F distribution.

        A Hann window correlates the power of neighbors by 4/9, and that of the next by 1/36.
        """
        return _independent(self.n_background)

    @property
    def least_agreement(self) -> float:
        """Share of the signs of the steps that are equal in two segments; 0.5 by chance."""
        return (1.0 + self.least_correlation) / 2.0


@dataclass(frozen=True)
class HalfLimits:
    """What counts as offsets that differ between the two halves of the lines."""

    lines: LineLimits = field(default_factory=LineLimits)
    safety: float = limit(
        1.0,
        unit="times the power that occurs by chance",
        separates="weak offsets from chance; the place of the change tells structure from them",
        source="the limit of chance itself",
        kind="theory",
    )
    most_off: int = limit(
        2,
        unit="px from the middle of the lines",
        separates="offsets, which change in the middle, from structure",
        source=_HALVES,
    )
    n_strips: int = limit(
        16,
        unit="strips of the lines",
        separates="offsets, everywhere in their half, from structure",
        source="the more, the noisier each",
        kind="budget",
    )
    least_evenness: float = limit(
        0.5,
        unit="of the mean of the half, in the strip where they are weakest",
        separates="offsets, everywhere in their half, from structure",
        source="halfway between nowhere and everywhere",
        kind="theory",
    )

    @property
    def most_like_next(self) -> float:
        """Correlation of a step with the next, above which optics blurred the lines.

        It is -0.5 of lines that are independent, and grows the more neighbors are alike.
        """
        return -self.lines.least_correlation
