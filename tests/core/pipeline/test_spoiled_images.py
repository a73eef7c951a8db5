"""What is no signal costs nothing: the result is as good as that of the same images without it."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.pipeline import finish, pipeline_events

STAGE = {
    "features": 8,
    "num_layers": 2,
    "patch_size": 32,
    "batch_size": 8,
    "steps_per_epoch": 60,
    "learning_rate": 2e-3,
    "refinement": 0.0,
    "average_turns": False,
}
CONFIG = {"preset": "documented", "num_epochs": 2, "method": "n2v", "n2v": STAGE}
CONFIG |= {"device": "cpu", "random_seed": 1}
STD = 20.0
SHAPE = (4, 64, 64)


@cache
def truth():
    """Smooth structure between about 100 and 300."""
    draws = np.random.default_rng(0).normal(size=SHAPE)
    smooth = ndimage.gaussian_filter(draws, (0, 4, 4))
    return (200.0 + 40.0 * smooth / smooth.std()).astype(np.float32)


def noisy():
    noise = np.random.default_rng(1).normal(0.0, STD, SHAPE)
    return (truth() + noise).astype(np.float32)


def error(images, gain=1.0, offset=0.0, valid=None):
    """Return the error of the result against the truth, in units of that."""
    result = finish(pipeline_events(images, CONFIG)).stage1.denoised
    difference = (np.concatenate(result) - offset) / gain - truth()
    valid = np.ones(SHAPE, bool) if valid is None else valid
    return float(np.sqrt(np.mean(np.square(difference[valid]))))


@cache
def error_without():
    return error(noisy())


def spoiled(kind):
    """Return images, and at which pixels the result counts."""
    stack, valid = noisy(), np.ones(SHAPE, bool)
    rng = np.random.default_rng(2)
    if kind == "hot pixels":
        hot = rng.random(SHAPE) < 0.001
        stack[hot], valid = 4095.0, ~hot
    elif kind == "salt and pepper":
        draw = rng.random(SHAPE)
        stack[draw < 0.02], stack[draw > 0.98] = 0.0, 4095.0
    elif kind == "stuck line":
        stack[:, :, 30], valid[:, :, 30] = 65535.0, False
    elif kind == "blank slice":
        stack[1], valid[1] = 0.0, False
    elif kind == "margin":
        stack[:, :12], valid[:, :12] = 0.0, False
    elif kind == "margin of NaN":
        stack[:, :, -12:], valid[:, :, -12:] = np.nan, False
    return stack, valid


def test_the_images_are_denoised():
    assert error_without() < 0.5 * STD


@pytest.mark.parametrize(
    "kind",
    ["hot pixels", "salt and pepper", "stuck line", "blank slice", "margin", "margin of NaN"],
)
def test_the_result_is_as_good_as_without(kind):
    stack, valid = spoiled(kind)
    assert error(stack, valid=valid) < 1.2 * error_without()


def test_an_offset_with_little_variance_changes_nothing():
    gain = 1.0 / STD
    assert gain * error(gain * noisy() + 1e4, gain, 1e4) < 1.05 * gain * error_without()


def test_images_of_another_gain_are_denoised_as_well():
    gains = np.array([1.0, 1.0, 0.02, 0.02], np.float32)[:, None, None]
    images = list(gains * noisy())
    assert error(images, gains) < 1.2 * error_without()
