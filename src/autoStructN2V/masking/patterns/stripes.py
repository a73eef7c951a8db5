"""Find and remove stripes along rows or columns that end within the image, as curtains do.

Curtains are streaks behind hard places of a sample that an ion beam mills. They are long, exactly
parallel to the lines, and nearly everywhere. Structure is somewhere parallel to the lines too, but
not everywhere, and seldom exactly; or it is so from end to end, as flat layers are, where curtains
fade and end; or it is all that is in the image, where curtains lie over something stronger.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from autoStructN2V.masking.patterns.line_offsets import MIN_SHARE
from autoStructN2V.masking.patterns.line_profile import (
    MAD_TO_STD,
    Image,
    Profile,
    center,
    covariance,
    integrated,
    upright,
)
from autoStructN2V.masking.patterns.stripe_separation import separated_stripes
from autoStructN2V.vocabulary import Lines

_PIECE_LENGTH = 32  # px along the lines
_PLACE_WIDTH = 64  # px across: where the steps of two pieces are compared
_FEWEST_PLACES = 16
_SMOOTH_WIDTH = 15  # steps: slower changes are shading
_TYPICAL_WIDTH = 65  # steps: over which it is measured what is usual
_CLIP = 6.0  # times the usual step: what is larger counts no more
_LEAST_CORRELATION = 0.3  # of the steps of two pieces
_FARTHEST_SHIFT = 8  # px
_STRIPE_WIDTH = 3  # px: shift at which stripes agree no more
_LEAST_SHARE = 0.5  # of very many places, in which neighboring pieces have the same stripes
_ERROR_OF_SHARE = 1.0  # by how much more it has to be, times the root of the places of an image
_LEAST_SHARE_OF_QUARTER = 0.2  # of those in each quarter of the images
_LEAST_SHARE_OF_IMAGES = 0.75  # with at least half as many such places
_LEAST_LONG = 0.6  # pieces with one between them that have the same stripes, for each such place
_MOST_ENDLESS = 0.6  # correlation of distant pieces, relative to that of neighbors
_LARGEST_TILT = 2.5  # degrees from the lines, up to which layers are looked for
_MOST_OF_STRUCTURE = 1.0  # variance of stripes, relative to that of all else but noise
_PADDING_RADIUS = 3  # px
_TILTS = (-12.0, 12.0)  # degrees from the lines: there is structure, but no stripe
_BANDWIDTH = 0.15  # relative width of the bands in which powers are compared
_SHADING_SCALE = 24.0  # px across the lines: what is smoother than this is shading and stays


def find_stripes(images: Sequence[NDArray[np.floating]], lines: Lines) -> float:
    """Find stripes that cover images.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.
    lines : {'rows', 'columns'}
        Direction of the stripes.

    Returns
    -------
    float
        Standard deviation of the stripes in units of the images; 0 if there are none, they do not
        cover the images, or these are too small to tell (below about 220 px).
    """
    if not _are_striped(images, lines):
        return 0.0
    std = stripe_std(images, lines)
    turned = [upright(image, lines) for image in images]
    detail = np.mean([np.diff(image, axis=1).var(dtype=np.float64) / 2.0 for image in turned])
    structure = np.mean([_structure_variance(image) for image in turned]) - std**2
    is_plausible = MIN_SHARE * detail < std**2 <= _MOST_OF_STRUCTURE * structure
    return std if is_plausible else 0.0


def _structure_variance(image: NDArray[np.floating]) -> float:
    """Variance of an upright image without that of its noise, which differs along the lines."""
    noise = MAD_TO_STD * float(np.median(np.abs(np.diff(image, axis=0))))
    return float(image.var(dtype=np.float64)) - noise**2 / 2.0


def _are_striped(images: Sequence[NDArray[np.floating]], lines: Lines) -> bool:
    """Tell whether there are stripes in most places, in each quarter, and in most images."""
    all_steps = [_typical(pieces) for pieces in _pieces_of(images, lines)]
    measured = [(pieces, _striped_places(pieces)) for pieces in all_steps]
    steps = [pieces for pieces, found in measured if found.size]
    places = [found for _, found in measured if found.size]
    if sum(found.size for found in places) < _FEWEST_PLACES:
        return False
    beyond = [_striped_places(pieces, 2, slack=1) for pieces in steps]
    share, share_beyond = (np.concatenate([f.ravel() for f in p]).mean() for p in (places, beyond))
    quarters = np.mean([_shares_of_quarters(found) for found in places], axis=0)
    striped = np.mean([found.mean() >= _LEAST_SHARE / 2.0 for found in places])
    # slices may show the same structure, so that more of them are no more evidence
    places_of_one = float(np.mean([found.size for found in places]))
    return bool(
        share >= _LEAST_SHARE + _ERROR_OF_SHARE / np.sqrt(places_of_one)
        and striped >= _LEAST_SHARE_OF_IMAGES
        and quarters.min() >= _LEAST_SHARE_OF_QUARTER
        and share_beyond >= _LEAST_LONG * share
        and _endlessness(steps) <= _MOST_ENDLESS
    )


def stripe_std(images: Sequence[NDArray[np.floating]], lines: Lines) -> float:
    """Measure how strong stripes are, from what neighboring pieces of the lines share.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.
    lines : {'rows', 'columns'}
        Direction of the stripes.

    Returns
    -------
    float
        Standard deviation in units of the images; 0 if the images are too small.
    """
    profiles = [integrated(steps) for steps in _pieces_of(images, lines)]
    shared = [covariance(a, b) for profile in profiles for a, b in pairwise(profile)]
    return float(np.sqrt(max(0.0, float(np.mean(shared))))) if shared else 0.0


def _pieces_of(images: Sequence[NDArray[np.floating]], lines: Lines) -> list[Profile]:
    """Centers of the steps across the lines (N, X - 1), for N pieces of their length."""
    turned = [upright(image, lines) for image in images]
    large = [image for image in turned if len(image) >= 3 * _PIECE_LENGTH and image.shape[1] >= 16]
    return [_pieces(image) for image in large]


def _pieces(image: NDArray[np.floating]) -> Profile:
    steps = np.diff(image, axis=1)
    starts = range(0, len(image) - _PIECE_LENGTH + 1, _PIECE_LENGTH)
    return np.stack([center(steps[start : start + _PIECE_LENGTH]) for start in starts])


def _typical(pieces: Profile) -> Profile:
    """Return the steps without shading, relative to those around, so that edges do not stand out.

    Most steps may be noise and still be told from stripes by their size, not only by their sign.
    """
    steps = pieces - ndimage.uniform_filter1d(pieces, _SMOOTH_WIDTH, axis=1)
    usual = ndimage.median_filter(np.abs(steps), (1, _TYPICAL_WIDTH))
    relative = np.divide(steps, usual, out=np.zeros_like(steps), where=usual > 0.0)
    clipped: Profile = np.clip(relative, -_CLIP, _CLIP)
    return clipped


def _striped_places(steps: Profile, distance: int = 1, slack: int = 0) -> NDArray[np.bool_]:
    """Tell for each place whether pieces at this distance have the same stripes.

    Stripes are exactly along the lines; structure agrees as well at other shifts. With `slack`,
    they may be shifted by so many pixels.
    """
    correlations = _correlations(steps, distance)
    middle, width = _FARTHEST_SHIFT, _STRIPE_WIDTH + slack
    straight = correlations[middle - slack : middle + slack + 1].max(axis=0)
    aside = np.abs(np.delete(correlations, slice(middle - width + 1, middle + width), axis=0))
    striped: NDArray[np.bool_] = (straight > _LEAST_CORRELATION) & (straight > aside.max(axis=0))
    return striped


def _endlessness(images: Sequence[Profile]) -> float:
    """Correlation of pieces half an image apart, relative to that of neighbors.

    Layers may be tilted or bent a little, so the shift at which they agree best counts.
    """
    near = [float(_correlations(steps, 1)[_FARTHEST_SHIFT].mean()) for steps in images]
    far = []
    for steps in images:
        half = (len(steps) + 1) // 2
        farthest = int(np.ceil(half * _PIECE_LENGTH * np.tan(np.radians(_LARGEST_TILT))))
        farthest = max(1, min(farthest, (steps.shape[1] - _PLACE_WIDTH) // 2))
        distances = [d for d in (half, half + 1) if d < len(steps)]
        found = [_correlations(steps, d, farthest).mean(axis=(1, 2)).max() for d in distances]
        far.append(float(max(found)))
    return float(np.mean(far) / max(float(np.mean(near)), 1e-300))


def _correlations(
    steps: Profile, distance: int, margin: int = _FARTHEST_SHIFT
) -> NDArray[np.float64]:
    """Correlate the steps of pieces at this distance, for each shift (first axis) and place."""
    n_across = max(0, int(steps.shape[1]) - 2 * margin) // _PLACE_WIDTH
    shape = (max(0, len(steps) - distance), n_across, _PLACE_WIDTH)

    def places(shift: int, rows: slice) -> Profile:
        start = margin + shift
        return steps[rows, start : start + n_across * _PLACE_WIDTH].reshape(shape)

    upper = places(0, slice(0, shape[0]))
    lower = [places(s, slice(distance, None)) for s in range(-margin, margin + 1)]
    products = np.stack([(upper * other).sum(axis=-1) for other in lower])
    powers = np.stack([np.square(other).sum(axis=-1) for other in lower])
    scale = np.sqrt(powers * np.square(upper).sum(axis=-1))
    correlations: NDArray[np.float64] = products / np.maximum(scale, 1e-300)
    return correlations


def _shares_of_quarters(places: NDArray[np.bool_]) -> list[float]:
    """Share of the places in each quarter of an image; 1 where there is none."""
    quarters = [q for half in np.array_split(places, 2) for q in np.array_split(half, 2, axis=1)]
    return [float(quarter.mean()) if quarter.size else 1.0 for quarter in quarters]


def without_stripes(image: NDArray[np.floating], lines: Lines) -> Image:
    """Return a new image without stripes.

    Structure is about as strong in directions near that of the lines, where no stripes are. At each
    frequency across the lines, only what exceeds it is subtracted.

    Parameters
    ----------
    image : (Y, X) array
        Finite values, any units.
    lines : {'rows', 'columns'}
        Direction of the stripes.

    Returns
    -------
    (Y, X) float32
        Padding, that is, places of a single value, stays as it is.
    """
    turned = upright(image, lines)
    spectrum = _spectrum(turned)
    structure = np.mean([_power(_spectrum(_tilted(turned, tilt))) for tilt in _TILTS], axis=0)
    gain = _gain(_power(spectrum), structure)
    stripes = fft.idct(spectrum * gain.astype(np.float32), axis=1, norm="ortho")
    stripes = stripes.T if lines == "rows" else stripes
    return np.asarray(image - np.where(_is_constant(image), 0.0, stripes), np.float32)


def _spectrum(image: NDArray[np.floating]) -> Image:
    """Cosine transform across the columns of the stripes of an upright image."""
    return np.asarray(fft.dct(separated_stripes(image), axis=1, norm="ortho"), np.float32)


def _power(spectrum: Image) -> Profile:
    power: Profile = np.square(spectrum).mean(axis=0, dtype=np.float64)
    return power


def _gain(total: Profile, structure: Profile) -> Profile:
    """Share (0..1) of the power at each frequency that is that of stripes, and not of shading."""
    n = len(total)
    frequency = np.arange(n)
    first = (frequency * (1.0 - _BANDWIDTH)).astype(int)
    last = np.minimum(n, (frequency * (1.0 + _BANDWIDTH)).astype(int) + 2)
    sums = [np.concatenate([[0.0], np.cumsum(power)]) for power in (total, structure)]
    of_all, of_structure = (values[last] - values[first] for values in sums)
    share = np.clip(1.0 - of_structure / np.maximum(of_all, 1e-300), 0.0, 1.0)
    shading = np.exp(-0.5 * np.square(np.pi * frequency / n * _SHADING_SCALE))
    gain: Profile = share * (1.0 - shading)
    return gain


def _tilted(image: NDArray[np.floating], degrees: float) -> NDArray[np.floating]:
    """Shift rows so that structure of this tilt becomes upright; mirrored at the sides."""
    height, width = image.shape
    shift = np.rint(np.arange(height) * np.tan(np.radians(degrees))).astype(int)
    place = (np.arange(width) + shift[:, None]) % (2 * width)
    return np.take_along_axis(image, np.minimum(place, 2 * width - 1 - place), axis=1)


def _is_constant(image: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell where an image is padding: of one value all around."""
    size = 2 * _PADDING_RADIUS + 1
    lowest, highest = (f(image, size) for f in (ndimage.minimum_filter, ndimage.maximum_filter))
    is_constant: NDArray[np.bool_] = ndimage.maximum_filter(lowest == highest, size)
    return is_constant
