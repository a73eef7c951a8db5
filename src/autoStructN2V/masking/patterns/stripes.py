"""Find stripes along rows or columns that end within the image, as curtains do.

Curtains are streaks behind hard places of a sample that an ion beam mills. They are long, exactly
parallel to the lines, and nearly everywhere. Structure is somewhere parallel to the lines too, but
not everywhere, and seldom exactly; or it is so from end to end, as flat layers are, where curtains
fade and end; or it is all that is in the image, where curtains lie over something stronger.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autoStructN2V.masking.patterns.limits import MAD_TO_STD
from autoStructN2V.masking.patterns.lines.offsets import mean_variance
from autoStructN2V.masking.patterns.lines.profile import (
    Profile,
    center,
    covariance,
    integrated,
    upright,
)
from autoStructN2V.masking.patterns.pattern import Sinusoid, Stripes, share_of
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.stripe_limits import StripeLimits
from autoStructN2V.sampling import evenly
from autoStructN2V.vocabulary import LINES, Lines, StripeRemoval

_LIMITS = PATTERN_LIMITS.stripes
_MOST_PIXELS = 2**24  # that are searched: four slices of 2048 x 2048 have thousands of places


def detect_stripes(
    images: Sequence[NDArray[np.floating]],
    waves: Sequence[Sinusoid] = (),
    remove_stripes: StripeRemoval = "auto",
    *,
    limits: StripeLimits = _LIMITS,
) -> list[Stripes]:
    """Find stripes along rows or columns that end within slices.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Slices without offsets of whole lines.
    waves : sequence of Sinusoid
        Sinusoids that are still in them: lines of periodic structure, which are not looked at.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        'auto' looks for them. Where a direction is named, there are some, and they are measured.
    limits : StripeLimits
        What counts as stripes.

    Returns
    -------
    list of Stripes
        At most one for each direction.
    """
    if remove_stripes == "off":
        return []
    if remove_stripes != "auto":
        found = [(remove_stripes, stripe_std(images, remove_stripes, limits=limits))]
    else:
        periodic = {wave.parallel_lines for wave in waves}
        looked_at = [lines for lines in LINES if lines not in periodic]
        searched = _some_of(images)
        all_of = [(lines, find_stripes(searched, lines, limits=limits)) for lines in looked_at]
        found = [(lines, std) for lines, std in all_of if std > 0.0]
    variance = mean_variance(images)
    return [Stripes(lines, std, share_of(std, variance)) for lines, std in found]


def _some_of(images: Sequence[NDArray[np.floating]]) -> list[NDArray[np.floating]]:
    """Choose images from all over, in which to search."""
    n_pixels = sum(image.size for image in images)
    most = max(1, int(len(images) * _MOST_PIXELS / max(n_pixels, 1)))
    return [images[i] for i in evenly(len(images), most)]


def find_stripes(
    images: Sequence[NDArray[np.floating]], lines: Lines, *, limits: StripeLimits = _LIMITS
) -> float:
    """Find stripes that cover images.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.
    lines : {'rows', 'columns'}
        Direction of the stripes.
    limits : StripeLimits
        What counts as stripes.

    Returns
    -------
    float
        Standard deviation of the stripes in units of the images; 0 if there are none, they do not
        cover the images, or these are too small to tell (below about 220 px).
    """
    if not _are_striped(images, lines, limits):
        return 0.0
    std = stripe_std(images, lines, limits=limits)
    turned = [upright(image, lines) for image in images]
    detail = np.mean([np.diff(image, axis=1).var(dtype=np.float64) / 2.0 for image in turned])
    structure = np.mean([_structure_variance(image) for image in turned]) - std**2
    least, most = limits.lines.least_share * detail, limits.most_of_structure * structure
    return std if least < std**2 <= most else 0.0


def _structure_variance(image: NDArray[np.floating]) -> float:
    """Variance of an upright image (Y, X) without that of noise, which differs along y."""
    noise = MAD_TO_STD * float(np.median(np.abs(np.diff(image, axis=0))))
    return float(image.var(dtype=np.float64)) - noise**2 / 2.0


def _are_striped(
    images: Sequence[NDArray[np.floating]], lines: Lines, limits: StripeLimits
) -> bool:
    """Tell whether most places, each quarter and most of the (Y, X) images are striped."""
    all_steps = [_typical(pieces, limits) for pieces in _pieces_of(images, lines, limits)]
    measured = [(pieces, _striped_places(pieces, limits)) for pieces in all_steps]
    steps = [pieces for pieces, found in measured if found.size]
    places = [found for _, found in measured if found.size]
    if sum(found.size for found in places) < limits.fewest_places:
        return False
    beyond = [_striped_places(pieces, limits, 2, slack=1) for pieces in steps]
    share, share_beyond = (np.concatenate([f.ravel() for f in p]).mean() for p in (places, beyond))
    quarters = np.mean([_shares_of_quarters(found) for found in places], axis=0)
    striped = np.mean([found.mean() >= limits.least_share_of_each for found in places])
    # slices may show the same structure, so that more of them are no more evidence
    places_of_one = float(np.mean([found.size for found in places]))
    return bool(
        share >= limits.least_share + limits.error_of_share / np.sqrt(places_of_one)
        and striped >= limits.coverage.least
        and quarters.min() >= limits.least_share_of_each
        and share_beyond >= limits.likeness * share
        and _endlessness(steps, limits) <= limits.likeness
    )


def stripe_std(
    images: Sequence[NDArray[np.floating]], lines: Lines, *, limits: StripeLimits = _LIMITS
) -> float:
    """Measure how strong stripes are, from what neighboring pieces of the lines share.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.
    lines : {'rows', 'columns'}
        Direction of the stripes.
    limits : StripeLimits
        What counts as stripes.

    Returns
    -------
    float
        Standard deviation in units of the images; 0 if the images are too small.
    """
    profiles = [
        integrated(steps, limits.lines.profile) for steps in _pieces_of(images, lines, limits)
    ]
    shared = [covariance(a, b) for profile in profiles for a, b in pairwise(profile)]
    return float(np.sqrt(max(0.0, float(np.mean(shared))))) if shared else 0.0


def _pieces_of(
    images: Sequence[NDArray[np.floating]], lines: Lines, limits: StripeLimits
) -> list[Profile]:
    """Centers (N, X - 1) of the steps across the lines, for N pieces of their length."""
    turned = [upright(image, lines) for image in images]
    least = 3 * limits.piece_length, limits.narrowest
    large = [image for image in turned if len(image) >= least[0] and image.shape[1] >= least[1]]
    return [_pieces(image, limits) for image in large]


def _pieces(image: NDArray[np.floating], limits: StripeLimits) -> Profile:
    """Centers (N, X - 1) of the steps in an upright image (Y, X)."""
    steps, length = np.diff(image, axis=1), limits.piece_length
    starts = range(0, len(image) - length + 1, length)
    pieces = [steps[start : start + length] for start in starts]
    return np.stack([center(piece, limits.lines.profile) for piece in pieces])


def _typical(pieces: Profile, limits: StripeLimits) -> Profile:
    """Return the steps (N, X) without shading, relative to those around: edges are cut off.

    Most steps may be noise and still be told from stripes by their size, not only by their sign.
    """
    steps = pieces - ndimage.uniform_filter1d(pieces, limits.smooth_width, axis=1)
    # line by line: SciPy has a faster algorithm for one axis
    usual = np.stack([ndimage.median_filter(line, limits.typical_width) for line in np.abs(steps)])
    relative = np.divide(steps, usual, out=np.zeros_like(steps), where=usual > 0.0)
    most = limits.lines.profile.clip * MAD_TO_STD
    clipped: Profile = np.clip(relative, -most, most)
    return clipped


def _striped_places(
    steps: Profile, limits: StripeLimits, distance: int = 1, slack: int = 0
) -> NDArray[np.bool_]:
    """Tell for each place (N - distance, M) whether pieces (N, X) have the same stripes there.

    Stripes are exactly along the lines; structure agrees as well at other shifts. With `slack`,
    they may be shifted by so many pixels.
    """
    middle, width = limits.farthest_shift, limits.stripe_width + slack
    correlations = _correlations(steps, distance, middle, limits.place_width)
    straight = correlations[middle - slack : middle + slack + 1].max(axis=0)
    aside = np.abs(np.delete(correlations, slice(middle - width + 1, middle + width), axis=0))
    is_strong = straight > limits.lines.least_correlation
    striped: NDArray[np.bool_] = is_strong & (straight > aside.max(axis=0))
    return striped


def _endlessness(images: Sequence[Profile], limits: StripeLimits) -> float:
    """Correlation of pieces (N, X) half an image apart, relative to that of neighbors.

    Layers may be tilted or bent a little, so the shift at which they agree best counts.
    """
    middle, width = limits.farthest_shift, limits.place_width
    near = [float(_correlations(steps, 1, middle, width)[middle].mean()) for steps in images]
    far, slope = [], np.tan(np.radians(limits.tilt.largest))
    for steps in images:
        half = (len(steps) + 1) // 2
        farthest = int(np.ceil(half * limits.piece_length * slope))
        farthest = max(1, min(farthest, (steps.shape[1] - width) // 2))
        distances = [d for d in (half, half + 1) if d < len(steps)]
        found = [
            _correlations(steps, d, farthest, width).mean(axis=(1, 2)).max() for d in distances
        ]
        far.append(float(max(found)))
    return float(np.mean(far) / max(float(np.mean(near)), 1e-300))


def _correlations(steps: Profile, distance: int, margin: int, width: int) -> NDArray[np.float64]:
    """Correlate pieces (N, X) at this distance: (shifts, N - distance, M) for M places across."""
    n_across = max(0, int(steps.shape[1]) - 2 * margin) // width
    shape = (max(0, len(steps) - distance), n_across, width)

    def places(shift: int, rows: slice) -> Profile:
        """Cut the steps of some pieces, shifted, into places (N, M, width)."""
        start = margin + shift
        return steps[rows, start : start + n_across * width].reshape(shape)

    upper = places(0, slice(0, shape[0]))
    lower = [places(s, slice(distance, None)) for s in range(-margin, margin + 1)]
    products = np.stack([(upper * other).sum(axis=-1) for other in lower])
    powers = np.stack([np.square(other).sum(axis=-1) for other in lower])
    scale = np.sqrt(powers * np.square(upper).sum(axis=-1))
    correlations: NDArray[np.float64] = products / np.maximum(scale, 1e-300)
    return correlations


def _shares_of_quarters(places: NDArray[np.bool_]) -> list[float]:
    """Share of the places (N, M) in each quarter of an image; 1 where there is none."""
    quarters = [q for half in np.array_split(places, 2) for q in np.array_split(half, 2, axis=1)]
    return [float(quarter.mean()) if quarter.size else 1.0 for quarter in quarters]
