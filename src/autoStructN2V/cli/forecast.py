"""What a person should know before a training starts: how long it takes, and what is shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V import models, pipeline
from autoStructN2V.pipeline import configuration
from autoStructN2V.quantities import about_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoStructN2V.pipeline.forecast.estimate import Shape

_LONG = 600.0  # seconds
_MUCH_SHORTER = 0.5  # of the time


def forecast(fields: Mapping[str, Any], shapes: Sequence[Shape]) -> str:
    """Say how long a training takes, and name the preset fast if it takes much less than that.

    Parameters
    ----------
    fields : mapping
        Configuration as given, without the values of its preset.
    shapes : sequence of (z, y, x)
        Sizes of the stacks in pixels.

    Returns
    -------
    str
        One or two sentences.
    """
    config = pipeline.validate_config(fields)
    device = models.choose_device(config.device)
    speed = pipeline.measure_speed(device, config.threads)
    estimate = pipeline.estimate_run(config, shapes, device, speed, is_in_files=True)
    if estimate.seconds > _LONG:
        short = pipeline.validate_config(configuration.merged(fields, {"preset": "fast"}))
        fast = pipeline.estimate_run(short, shapes, device, speed)
        if fast.seconds < _MUCH_SHORTER * estimate.seconds:
            offer = f"With --preset fast it takes {about_text(fast.seconds)}."
            return f"{estimate.sentence()} {offer}"
    return estimate.sentence()
