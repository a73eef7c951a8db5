"""What is decided while noise is measured, as data: one dataclass of limits for each detector."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.limits import limit

_UNKNOWN = "chosen on synthetic images in November 2026, not re-derived"
_COARSE_SCALE = 6.0


@dataclass(frozen=True)
class SignificanceLimits:
    """From when on a measured correlation or slope is more than chance."""

    clear_errors: float = limit(
        3.0,
        unit="standard errors",
        separates="what is taken for real from what chance brings in 0.3 % of the cases",
        source="normal distribution",
        kind="theory",
    )

    def least_clear(self, error: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest correlation that is no chance, for errors of any shape (...)."""
        return self.clear_errors * error


@dataclass(frozen=True)
class BackgroundLimits:
    """What counts as structure, and which pixels show neither structure nor noise."""

    coarse_scale: float = limit(
        _COARSE_SCALE,
        unit="px, standard deviation of a Gaussian",
        separates="structure, which is subtracted, from noise; all other scales follow from it",
        source="3.6 to 7.2 px fail in no case of benchmarks/limits.py; 6 px find most of what is "
        "shared in widefield images of FMD, 5.2 px a third less",
    )
    clipped_density: float = limit(
        0.4,
        unit="of the pixels around",
        separates="pixels that clipping changes from those that show their noise",
        source="a corner that is clipped, and images of few photons, of benchmarks/limit_cases.py",
    )
    filled_density: float = limit(
        0.9,
        unit="of the pixels around, without any fine noise",
        separates="what lies outside of a rotated or registered image from dim background",
        source="commit 2cbd70d, on images filled with a value between the others",
    )
    still_variance: float = limit(
        1e-3,
        unit="of the median variance of the noise",
        separates="noise from constant places, by which nothing can be divided",
        source="guards a division",
        kind="budget",
    )

    @property
    def gradient_scales(self) -> tuple[float, float]:
        """Blur before gradients are taken, px: leaves structure and removes most noise."""
        return self.coarse_scale / 4.0, self.coarse_scale / 2.0

    @property
    def brightness_scale(self) -> float:
        """Radius over which brightness, and noise that depends on it, are averaged, px."""
        return 2.0 / 3.0 * self.coarse_scale

    @property
    def local_scale(self) -> float:
        """Radius over which shares of pixels and variances are averaged, px."""
        return self.coarse_scale / 2.0

    @property
    def beside_filled(self) -> float:
        """Share of filled pixels around one that is ``coarse_scale`` away from their straight edge.

        Nearer ones are not used, since the filled pixels change what is blurred there.
        """
        return NormalDist().cdf(-self.coarse_scale / self.local_scale)

    @property
    def local_area(self) -> float:
        """Pixels over which a Gaussian of ``local_scale`` averages independent noise."""
        return 4.0 * math.pi * self.local_scale**2


@dataclass(frozen=True)
class SelectionLimits:
    """Which pixels are flat enough to measure noise in."""

    more_spread: float = limit(
        0.15,
        unit="of the spread of the scores of noise alone, beyond it",
        separates="background from background with some structure",
        source=_UNKNOWN,
    )
    least_fraction: float = limit(
        0.26,
        unit="of the usable pixels",
        separates="the flattest pixels, taken even if none is flat, from the others",
        source=_UNKNOWN,
    )
    small: int = limit(
        10_000,
        unit="usable px",
        separates="small images, of which a larger share is taken, and in which uniform texture "
        "cannot be told from noise, from others",
        source="recall of lines in one image of 64 px is 0.83, without this 0.72 (15 seeds)",
    )
    most_of_small: float = limit(
        0.4,
        unit="of the usable pixels",
        separates="the flattest pixels of small images from their structure",
        source=_UNKNOWN,
    )
    fewest_pixels: int = limit(
        500,
        unit="px",
        separates="images that noise can be measured in from those that are refused",
        source="at 500 px the error of a correlation is 0.045",
        kind="budget",
    )

    def fewest_of(self, n_pixels: int) -> float:
        """Return the share of the usable pixels that is taken at least."""
        return self.most_of_small if n_pixels < self.small else self.least_fraction


@dataclass(frozen=True)
class CorrectionLimits:
    """How selection and high-pass are undone."""

    together: float = limit(
        0.3,
        unit="of the strongest unexplained value",
        separates="lags that are explained in the same round from those that wait for the next",
        source="pace of the search: no other kernel at 0.21 and at 0.42 (benchmarks/limits.py)",
        kind="budget",
    )
    most_selection: float = limit(
        0.25,
        unit="of the variance",
        separates="effects of the selection that are of first order from larger ones",
        source="the neglected second order is half of its square, 3 %",
        kind="theory",
    )
    most_undone: float = limit(
        2.0,
        unit="corrected variance over the measured one",
        separates="noise with a slow part from slow structure",
        source="commit e02a45f",
    )


@dataclass(frozen=True)
class LeakLimits:
    """What part of a correlation that is common to all directions is a remainder of structure.

    Where noise hides it, it is extrapolated along a straight line from lags in the farther half of
    its reach, where blurred noise has ended.
    """

    most: float = limit(
        0.12,
        unit="correlation",
        separates="noise that is shared in all directions from a remainder of structure",
        source="commit 2ddd080; just above the smallest correlation that a kernel hides (0.11)",
    )
    rank: float = limit(
        0.4,
        unit="of the lags at one distance",
        separates="structure, which all of them hold, from noise, which some hold",
        source=_UNKNOWN,
    )
    reach: float = limit(
        round(math.sqrt(2.0) * _COARSE_SCALE, 1),
        unit="px",
        separates="distances at which high-passed structure is correlated from farther ones",
        source="standard deviation of the widest Gaussian that the high-pass subtracts; between "
        "where the correlation of edges and that of soft structure cross zero, 6 and 9 px",
        kind="theory",
    )

    @property
    def farther(self) -> slice:
        """Distances in px from which the remainder is extrapolated."""
        return slice(int(self.reach / 2.0) + 1, int(self.reach) + 1)


@dataclass(frozen=True)
class EvennessLimits:
    """Whether something is equally strong everywhere, as noise is."""

    most_above: float = limit(
        0.3,
        unit="of what noise alone has, beyond it",
        separates="structure, which is stronger in some places, from noise",
        source="commit 5082793, on the EM stack of ISBI 2012",
    )


@dataclass(frozen=True)
class IsotropyLimits:
    """Whether correlation of equal strength in all directions is noise or structure."""

    evenness: EvennessLimits = EvennessLimits()
    far_from_noise: float = limit(
        5.0,
        unit="times the median structure score of noise alone",
        separates="images without any background from noise",
        source=_UNKNOWN,
    )


@dataclass(frozen=True)
class BlurredLimits:
    """Whether the power at the highest frequencies is that of blurred noise."""

    evenness: EvennessLimits = EvennessLimits()
    slowest: float = limit(
        0.3,
        unit="cycles/px",
        separates="frequencies that are taken for noise from those that optics pass",
        source="commit 5082793, on the EM stack of ISBI 2012",
    )
    steep: float = limit(
        3.4,
        unit="times that the power falls within the band",
        separates="blurred noise from white noise (1) with a share of blurred noise (< 2.5)",
        source="commit 5082793, as above; middle of 2.4 to 4.8, between which nothing changes",
    )
    share: float = limit(
        0.2,
        unit="of the blocks",
        separates="the flattest and the most structured blocks from those between",
        source="the fewer, the noisier their power: 12 of 60 blocks",
        kind="budget",
    )
    least_groups: float = limit(
        0.3,
        unit="of the groups of slices",
        separates="stacks with blurred slices from those in which a slice seems blurred",
        source="commit 5082793, as above; half of its slices are blurred",
    )


@dataclass(frozen=True)
class StrengthLimits:
    """How strong noise is at each brightness."""

    least_share: float = limit(
        0.1,
        unit="of the mean variance",
        separates="variances that noise can have from those of a line that falls below zero",
        source="guards a square root",
        kind="budget",
    )
    gaussian_kurtosis: float = limit(
        0.5,
        unit="excess kurtosis",
        separates="noise of the same strength everywhere from noise that is as strong as its place "
        "is bright; and counts from fine structure, beyond what their skewness explains",
        source="0.36 in widefield images of FMD, 0.8 in an image of photons on a two-photon "
        "microscope, 0.8 in a photograph whose texture was taken for noise",
    )
    gaussian_skewness: float = limit(
        0.3,
        unit="third moment over the variance to the power of 1.5",
        separates="symmetric noise from noise whose strong values are bright, as of few photons",
        source="that of counts of 11 photons; 0.07 in T8_poisson, 0.15 in widefield images of FMD, "
        "0.6 in one of W2S whose bright pixels came back as spots where that was left out",
        kind="theory",
    )
    steepest: float = limit(
        1.08,
        unit="power of second differences over that of eighth ones, or the other way round",
        separates="white noise from structure, and from noise that neighbors share",
        source="1 for white noise; reached where neighbors share 0.08 along both axes, of which "
        "second differences hold 20 % too little; 1.04 to 1.06 in confocal frames of FMD that are "
        "full of structure, 1.11 and more in photographs whose noise seemed too strong",
        kind="theory",
    )


@dataclass(frozen=True)
class ResolutionLimits:
    """Whether images were enlarged after they were recorded, and by how much."""

    fastest: float = limit(
        0.8,
        unit="of the fastest change that pixels can show along an axis, 0.5 cycles/px",
        separates="the fastest changes, which enlarged images hardly have, from slower ones",
        source="widefield images of FMD, docs/decisions.md (recorded resolution)",
    )
    most_of_fastest: float = limit(
        0.2,
        unit="of the mean power",
        separates="enlarged images (0.12 in FMD) from blurred noise beside white (0.36 in T7)",
        source="as above",
    )
    ended: float = limit(
        0.5,
        unit="of the power at slow changes",
        separates="frequencies that were recorded from those that were not",
        source="halfway",
        kind="theory",
    )
    coarsest: float = limit(
        1.0 / 3.0,
        unit="of rows and columns",
        separates="what cameras enlarge by from what is blurred otherwise",
        source="bounds what a mistake can do",
        kind="budget",
    )
    finest: float = limit(
        0.75,
        unit="of rows and columns",
        separates="grids that are worked on from those that would save too little",
        source="about half of the pixels",
        kind="budget",
    )

    @property
    def plateau(self) -> float:
        """Cycles/px, below which all power is there, also on the coarsest grid."""
        return self.coarsest / 2.0 * self.finest


@dataclass(frozen=True)
class NoiseLimits:
    """All limits of measuring noise."""

    significance: SignificanceLimits = SignificanceLimits()
    background: BackgroundLimits = BackgroundLimits()
    selection: SelectionLimits = SelectionLimits()
    correction: CorrectionLimits = CorrectionLimits()
    leak: LeakLimits = LeakLimits()
    isotropy: IsotropyLimits = IsotropyLimits()
    blurred: BlurredLimits = BlurredLimits()
    strength: StrengthLimits = StrengthLimits()
    resolution: ResolutionLimits = ResolutionLimits()


NOISE_LIMITS = NoiseLimits()
