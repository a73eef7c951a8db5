"""Noise that all directions share is equally strong everywhere; structure is not."""

import numpy as np
import pytest

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.masking import measure_noise_autocorrelation

SIDE, FIELD = 192, 24  # px: a small image, and the squares in which it is stronger or weaker


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("unevenness", "is_unsure"), [(0.0, False), (0.25, True)])
def test_in_a_small_image_a_quarter_more_and_less_variance_is_not_noise_alone(
    seed, unevenness, is_unsure
):
    """As of filaments that fill a square of a confocal image, which must not be hidden as noise."""
    sample = make_sample("blob", seed, (1, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE] // FIELD
    variance = 1.0 + unevenness * np.where((x + y) % 2, 1.0, -1.0)
    shared = ((sample.noisy - sample.clean) * np.sqrt(variance)).astype(np.float32)
    assert measure_noise_autocorrelation([shared]).resembles_structure is is_unsure
