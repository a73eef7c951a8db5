"""Images that were enlarged are told by where their noise ends, and denoised on a coarser grid."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.images.resampling import resampled
from autoStructN2V.datasets.samples import synthetic
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.resolution import noise_on_grid, recorded_share


def enlarged(side=100, seed=0):
    """A wave with independent noise, enlarged twice after it was added, and read out."""
    rng = np.random.default_rng(seed)
    wave = 100.0 + 10.0 * np.sin(np.arange(side) / 12.0)
    recorded = wave + rng.normal(0.0, 10.0, (2, side, side))
    full = ndimage.zoom(recorded, (1, 2, 2), order=3, mode="mirror", grid_mode=True)
    return (full + rng.normal(0.0, 0.3, full.shape)).astype(np.float32)


def white(share_of_blurred=0.0, sigma=1.5):
    """Autocorrelation of white noise, of which a share was blurred."""
    lag = np.arange(-15, 16)
    blurred = np.exp(-np.add.outer(lag**2, lag**2) / (4.0 * sigma**2))
    values = share_of_blurred * blurred
    values[15, 15] = 1.0
    return Autocorrelation(values[None], np.zeros((1, 31, 31)), values[None], 0.5, 10_000, 4.0)


def test_means_of_pixels_are_not_skewed():
    assert noise_on_grid(replace(white(1.0), asymmetry=3.0), 0.5).asymmetry == 0.0


def test_noise_of_an_enlarged_image_tells_by_how_much():
    found = measure_noise_autocorrelation([enlarged()])
    assert recorded_share(found) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("kind", [*synthetic.SAMPLE_KINDS])
def test_noise_of_every_pixel_is_left_on_its_grid(kind):
    found = measure_noise_autocorrelation([synthetic.make_sample(kind, 3, (2, 128, 128)).noisy])
    assert recorded_share(found) == 1.0


def test_blurred_noise_beside_white_noise_is_left_on_its_grid():
    """T7: two thirds of the variance are blurred, and the rest reaches the fastest changes."""
    assert recorded_share(white(0.64)) == 1.0
    assert recorded_share(white(1.0)) < 0.75


def test_noise_that_is_not_told_from_structure_decides_nothing():
    assert recorded_share(replace(white(1.0), is_strength_known=False)) == 1.0


@pytest.mark.parametrize("share", [0.5, 0.4])
def test_the_noise_on_the_coarser_grid_is_what_is_found_there(share):
    """Computed from the lags of the finer grid, against drawn noise that is resampled."""
    rng = np.random.default_rng(0)
    drawn = ndimage.gaussian_filter(rng.standard_normal((24, 200, 200)), (0, 1.0, 1.0))
    drawn /= drawn.std()
    computed = noise_on_grid(white(1.0, sigma=1.0), share)
    side = round(share * 200)
    coarse = np.stack([resampled(plane, (side, side)) for plane in drawn]).astype(float)
    assert computed.noise_variance / 4.0 == pytest.approx(coarse.var(), rel=0.03)
    reach = computed.max_lag
    for dy, dx in ((0, 1), (1, 0), (1, 1), (0, 2)):
        pairs = coarse[:, dy:, dx:] * coarse[:, : side - dy, : side - dx]
        expected = pairs.mean() / coarse.var()
        assert computed.values[0, reach + dy, reach + dx] == pytest.approx(expected, abs=0.02)
