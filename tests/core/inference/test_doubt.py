"""Places where not only noise was removed are found without the truth, and hold the error."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.inference.doubt import CLEAR, doubt_of
from autoStructN2V.masking import measure_noise_autocorrelation

MARKED = 0.05  # of the area
GAIN, OFFSET = 5.0, 20.0


@cache
def specks(seed=7, shape=(4, 192, 192)):
    """A few bright specks on a dark background, (z, y, x), 0 to 1."""
    generator = np.random.default_rng(seed)
    image = ndimage.gaussian_filter((generator.random(shape) < 0.001).astype(float), (0, 2.5, 2.5))
    return image / image.max()


def with_noise(kind, strength=1.0, seed=1):
    """Return noisy slices, their truth and the noise that is measured in them."""
    generator = np.random.default_rng(seed)
    if kind == "counted":
        photons = 60.0 * (0.05 + specks())
        clean, noisy = GAIN * photons + OFFSET, GAIN * generator.poisson(photons) + OFFSET
    else:
        white = generator.standard_normal(specks().shape)
        noise = ndimage.uniform_filter1d(white, 3, axis=2) * 3**0.5 if kind == "lines" else white
        clean = 100.0 * specks()
        noisy = clean + 10.0 * strength * noise
    return noisy.astype(np.float32), clean, measure_noise_autocorrelation([noisy])


def share_in_marked(doubt, squared_error):
    """Return the share of the squared error in the area of the highest values of a map."""
    is_marked = doubt > np.quantile(doubt, 1.0 - MARKED)
    return squared_error[is_marked].sum() / squared_error.sum()


@pytest.mark.parametrize("kind", ["random", "lines", "counted"])
def test_noise_alone_is_not_doubted(kind):
    noisy, clean, noise = with_noise(kind)
    doubts = [doubt_of(*pair, noise) for pair in zip(noisy, clean, strict=True)]
    variance = np.stack([doubt.variance for doubt in doubts])
    assert abs(variance.mean()) < 0.5
    assert 0.7 < variance.std() < 1.3  # z-scores
    assert max(doubt.area for doubt in doubts) < 0.005


@pytest.mark.parametrize("kind", ["random", "lines", "counted"])
@pytest.mark.parametrize(
    "denoised",
    [
        lambda image: ndimage.gaussian_filter(image, 2.0),
        lambda image: ndimage.median_filter(image, 7),
        lambda image: ndimage.uniform_filter(image, 7),
    ],
    ids=["gaussian", "median", "mean"],
)
def test_what_is_marked_holds_the_error_of_lost_structure(kind, denoised):
    """A quarter of the squared error in 5 % of the area, five times what chance would find."""
    noisy, clean, noise = with_noise(kind)
    shares = []
    for image, truth in zip(noisy, clean, strict=True):
        result = denoised(image)
        shares.append(share_in_marked(doubt_of(image, result, noise).map, (result - truth) ** 2))
    assert np.mean(shares) >= 0.25


def test_a_lost_speck_is_found_where_it_was():
    noisy, clean, noise = with_noise("random")
    y, x = np.unravel_index(np.argmax(clean[0]), clean[0].shape)
    result = clean[0].copy()
    result[y - 8 : y + 9, x - 8 : x + 9] = clean[0].min()
    doubt = doubt_of(noisy[0], result, noise)
    assert doubt.variance[y, x] > CLEAR
    far = np.hypot(*np.ogrid[-y : 192 - y, -x : 192 - x]) > 30
    assert doubt.score[far].max() < doubt.score[y, x]
    assert 0.0 < doubt.area < 0.05


@pytest.mark.parametrize(("factor", "sign"), [(0.7, 1.0), (1.3, -1.0)])
def test_the_sign_says_whether_structure_came_out_too_weak(factor, sign):
    noisy, clean, noise = with_noise("random", strength=0.5)
    doubt = doubt_of(noisy[0], factor * clean[0], noise)
    assert sign * doubt.likeness[np.unravel_index(np.argmax(clean[0]), clean[0].shape)] > CLEAR


def test_noise_that_was_kept_is_doubted_too():
    noisy, _, noise = with_noise("random")
    kept = ndimage.gaussian_filter(noisy[0], 0.4)
    assert np.median(doubt_of(noisy[0], kept, noise).variance) < -CLEAR


def test_doubt_counts_more_where_noise_is_stronger():
    noisy, clean, noise = with_noise("counted")
    weight = doubt_of(noisy[0], clean[0], noise).weight
    assert weight.mean() == pytest.approx(1.0, abs=1e-3)
    assert weight[clean[0] > 150.0].min() > 3.0 * weight[clean[0] < 40.0].max()


def test_pixels_that_are_no_signal_are_not_compared():
    noisy, clean, noise = with_noise("random")
    bad = noisy[0].copy()
    bad[50:90, 50:90] = np.nan
    bad[140, 140] = 1e5
    invalid = np.zeros(bad.shape, bool)
    invalid[140, 140] = True
    doubt = doubt_of(bad, clean[0], noise, invalid)
    assert np.isfinite(doubt.map).all()
    assert (doubt.map[50:90, 50:90] == 0.0).all()
    assert doubt.area < 0.005


def test_other_shapes_are_refused():
    noisy, _, noise = with_noise("random")
    with pytest.raises(ValueError, match="same shape"):
        doubt_of(noisy[0], noisy[0, 1:], noise)
    with pytest.raises(ValueError, match="One slice"):
        doubt_of(noisy, noisy, noise)
