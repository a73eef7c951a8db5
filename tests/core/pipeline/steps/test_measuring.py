"""What a run knows of the noise is measured once."""

import numpy as np

from autoStructN2V.datasets import ArraySource
from autoStructN2V.masking import ExtractorConfig
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.pipeline.steps import measuring


def test_images_are_compared_once_and_a_stop_decides_nothing(monkeypatch):
    compared = []

    def differs(sources, noise, should_stop):
        compared.append(len(sources))
        return not should_stop()

    monkeypatch.setattr(measuring, "noise_differs", differs)
    values = np.random.default_rng(0).normal(100.0, 5.0, (2, 96, 96)).astype(np.float32)
    noise = measuring.NoiseMeasurement(
        [ArraySource(values)], PatternRemoval(), "2D", ExtractorConfig()
    )
    assert not noise.differs(lambda: True)
    assert noise.differs() and noise.differs(lambda: True)
    assert compared == [1, 1]
