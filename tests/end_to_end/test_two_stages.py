"""The promise of the project, on data with known truth: stage 2 removes what stage 1 cannot."""

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import make_sample
from autoStructN2V.pipeline import finish, pipeline_events

# stage 1 is trained long enough to keep the lines: an image that is still blurred has lost them too
CONFIG = {
    "preset": "fast",
    "num_epochs": 4,
    "device": "cpu",
    "stage1": {"features": 16, "batch_size": 4, "steps_per_epoch": 30},
    "stage2": {"features": 16, "batch_size": 4, "steps_per_epoch": 30, "learning_rate": 3e-3},
}


def psnr(image, clean):
    return -10 * np.log10(np.square(image.astype(np.float64) - clean).mean())


@pytest.mark.slow
def test_lines_are_found_and_removed():
    sample = make_sample("horizontal_lines", seed=1, shape=(4, 128, 128))
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(2, before)))
    try:
        result = finish(pipeline_events(sample.noisy, CONFIG))
    finally:
        torch.set_num_threads(before)
    statistics = result.kernel.description
    assert statistics.pattern_type == "horizontal"
    assert statistics.n_active >= 3
    noisy = psnr(sample.noisy, sample.clean)
    first, second = (psnr(s.denoised[0], sample.clean) for s in (result.stage1, result.stage2))
    assert first > noisy + 0.5
    assert second > first + 2.0
    left = [stage.report.structured_noise_left for stage in (result.stage1, result.stage2)]
    reported = result.stage2.report.input_noise
    noise = sample.noisy - sample.clean
    to_the_right = (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()
    assert reported.std == pytest.approx(noise.std(), rel=0.05)
    assert reported.autocorrelation["x1"] == pytest.approx(to_the_right, abs=0.05)
    assert reported.autocorrelation["y1"] == pytest.approx(0.0, abs=0.05)
    assert left[1] < left[0] - 0.3, "the report, which knows no truth, tells the same"
