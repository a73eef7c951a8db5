"""The noise report: what was removed is measured as it is, and what is left of it is told."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets import ArraySource
from autoStructN2V.inference import StageReport, removed_covariance, share_left
from autoStructN2V.inference.noise_report import (
    InputNoise,
    StageComparison,
    at_lags,
    shared_noise_sentence,
)
from autoStructN2V.masking.kernels.kernel import Kernel

LINE = Kernel.from_array(np.ones((1, 3), bool))


def sources(*stacks):
    return [ArraySource(stack) for stack in stacks]


def line_noise(shape=(3, 128, 128), seed=0):
    white = np.random.default_rng(seed).standard_normal(shape)
    return ndimage.uniform_filter1d(white, 3, axis=2, mode="wrap") * 3**0.5


def test_the_covariance_equals_brute_force():
    noise = np.random.default_rng(0).standard_normal((1, 20, 30))
    clean = np.zeros_like(noise)
    found = removed_covariance(sources(noise), sources(clean), max_lag=4)
    plain = noise[0].astype(np.float32).astype(float)
    plain -= plain.mean()
    for dy in range(-4, 5):
        for dx in range(-4, 5):
            first = plain[max(0, -dy) : 20 - max(0, dy), max(0, -dx) : 30 - max(0, dx)]
            second = plain[max(0, dy) : 20 - max(0, -dy), max(0, dx) : 30 - max(0, -dx)]
            assert found[4 + dy, 4 + dx] == pytest.approx((first * second).mean(), abs=1e-6)


def test_several_stacks_of_several_sizes_count_by_their_pixels():
    small, large = np.zeros((1, 8, 8)), np.random.default_rng(0).standard_normal((2, 64, 64))
    found = removed_covariance(sources(small, large), sources(small, 0 * large), max_lag=2)
    share = large.size / (large.size + small.size)
    assert found[2, 2] == pytest.approx(large.var() * share, rel=0.02)


def test_images_smaller_than_the_lags_are_no_problem():
    tiny = np.random.default_rng(0).standard_normal((1, 4, 3))
    found = removed_covariance(sources(tiny), sources(0 * tiny), max_lag=15)
    assert found.shape == (31, 31)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("left", [0.0, 0.25, 1.0])
def test_the_share_that_is_left_is_found(left):
    """Leave a share of the line noise's covariance and remove the rest."""
    clean, noise = np.full((3, 128, 128), 7.0), line_noise()
    covariance = removed_covariance(sources(clean + noise), sources(clean), max_lag=3)
    kept = (1 - (1 - left) ** 0.5) * noise
    removed = removed_covariance(sources(clean + noise), sources(clean + kept), max_lag=3)
    assert share_left(removed, covariance, LINE) == pytest.approx(left, abs=0.01)


def test_nothing_is_told_where_nothing_can_be_known():
    covariance = np.ones((7, 7))
    assert share_left(covariance, covariance, Kernel.center_only()) is None
    assert share_left(covariance, -covariance, LINE) is None


def test_the_share_stays_between_0_and_1():
    noise = np.ones((7, 7))
    assert share_left(5 * noise, noise, LINE) == 0
    assert share_left(-noise, noise, LINE) == 1


def test_a_kernel_larger_than_the_measurement_is_cut():
    noise = np.ones((3, 3))
    assert share_left(0.5 * noise, noise, Kernel.center_only(size=9)) == pytest.approx(0.5)


def test_of_ruined_images_nothing_is_said_to_be_free_of_noise():
    """Who removes structure as well removes all of the noise, which is no praise."""
    ruined = StageReport(InputNoise(2.0, False, {}), 3.0, {"x1": 0.5}, 0.3, 3)
    assert "more than the noise" in ruined.sentence
    assert ruined.sentence.endswith("How much structured noise is left could not be measured.")


def test_a_report_is_plain_values():
    noise = InputNoise(2.5, False, {"x1": 0.6})
    values = StageReport(noise, 2.0, {"x1": 0.5}, 0.3, 9).to_dict()
    assert values["input_noise"] == {
        "std": 2.5,
        "is_upper_limit": False,
        "autocorrelation": {"x1": 0.6},
    }
    assert values["removed_std"] == 2.0
    assert values["structured_noise_left"] is None


@pytest.mark.parametrize(
    ("noise", "left", "sentence"),
    [
        (
            InputNoise(0.1, False, {}),
            0.742,
            "Standard deviation of the noise: 0.0872 removed, 0.1 in the input. 74\xa0% of the "
            "structured noise is left: most of it is still there.",
        ),
        (
            InputNoise(12.0, True, {}),
            None,
            "Standard deviation of the noise: 0.0872 removed, at most 12 in the input. How "
            "much structured noise is left could not be measured.",
        ),
        (
            InputNoise(0.1, False, {}),
            None,
            "Standard deviation of the noise: 0.0872 removed, 0.1 in the input. No structured "
            "noise was measured.",
        ),
        (
            None,
            0.05,
            "Standard deviation of the noise: 0.0872 removed. 5\xa0% of the structured noise is "
            "left: almost all of it was removed.",
        ),
    ],
)
def test_a_report_in_words(noise, left, sentence):
    assert StageReport(noise, 0.0872, {}, 0.3, 9, left).sentence == sentence


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (0.04, "almost all of it was removed"),
        (0.25, "most of it was removed"),
        (0.8, "most of it is still there"),
        (1.0, "100\xa0% of the structured noise is left: hardly any of it was removed"),
    ],
)
def test_what_is_left_is_judged(left, words):
    assert words in StageReport(None, 0.1, {}, 0.3, 9, left).sentence


def test_removing_more_than_the_noise_is_said():
    noise = InputNoise(0.1, False, {})
    for removed, is_said in ((0.105, False), (0.13, True)):
        sentence = StageReport(noise, removed, {}, 0.3, 9, 0.1).sentence
        assert ("more than the noise" in sentence) is is_said


def test_lags_outside_of_what_was_measured_are_zero():
    assert at_lags(np.array([[0.1, 0.2, 0.1], [0.5, 1.0, 0.5], [0.1, 0.2, 0.1]])) == {
        "x1": 0.5,
        "x2": 0.0,
        "y1": 0.2,
        "y2": 0.0,
    }


def test_the_stage_of_lower_error_is_the_better_one():
    better = StageComparison(0.50, 0.45, 9)
    assert better.better_stage == 2
    assert "10.0\xa0% lower" in better.sentence
    worse = StageComparison(0.50, 0.55, 9)
    assert worse.better_stage == 1
    assert "does not predict hidden pixels better" in worse.sentence
    assert worse.to_dict()["better_stage"] == 1


def test_a_better_score_is_doubted_where_noise_may_be_structure():
    assert "compare both by eye" not in StageComparison(0.5, 0.4, 9).sentence
    doubtful = StageComparison(0.5, 0.4, 9, is_noise_known=False)
    assert doubtful.sentence.endswith("compare both by eye.")
    same_for_both = StageComparison(0.5, 0.4, 1, is_noise_known=False)
    assert "by eye" not in same_for_both.sentence


@pytest.mark.parametrize(
    ("x", "y", "shape", "named"),
    [
        (0.0, 0.02, (1, 1), None),
        (-0.13, -0.21, (1, 1), None),
        (-0.34, -0.35, (1, 1), ("along x and y", "3 x 3")),
        (-0.4, 0.0, (1, 1), ("along x", "3 x 1")),
        (0.0, -0.3, (1, 5), ("along y", "1 x 3")),
        (-0.3, 0.0, (1, 5), None),
        (-0.3, -0.3, (3, 3), None),
    ],
)
def test_noise_shared_outside_of_the_kernel_is_named(x, y, shape, named):
    kernel = Kernel.from_array(np.ones(shape, bool))
    sentence = shared_noise_sentence({"x1": x, "y1": y}, kernel)
    if named is None:
        assert sentence is None
    else:
        assert all(f"{text} " in sentence for text in named)


def test_the_best_prediction_from_around_keeps_what_neighbors_share():
    """Of noise shared in all directions it removes what alternates; of independent noise all."""
    white = np.random.default_rng(0).normal(size=(128, 128))
    kernel = Kernel.center_only()
    for noise, is_named in ((ndimage.gaussian_filter(white, 0.6), True), (white, False)):
        around = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if (y, x) != (0, 0)]
        seen = np.stack([np.roll(noise, offset, (0, 1)).ravel() for offset in around], 1)
        predicted = seen @ np.linalg.lstsq(seen, noise.ravel(), rcond=None)[0]
        stacks = [noise[None], predicted.reshape(1, 128, 128)]
        removed = removed_covariance(sources(stacks[0]), sources(stacks[1]), 2)
        lags = {"x1": removed[2, 3] / removed[2, 2], "y1": removed[3, 2] / removed[2, 2]}
        assert (shared_noise_sentence(lags, kernel) is not None) == is_named
