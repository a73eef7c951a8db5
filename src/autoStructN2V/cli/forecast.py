"""What a person should know before a training starts: how long it takes, and what is shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V.models.device import choose_device
from autoStructN2V.pipeline.configuration.models import validate_config
from autoStructN2V.pipeline.configuration.presets import merged
from autoStructN2V.pipeline.device_speed import measure_speed
from autoStructN2V.pipeline.estimate import estimate_run
from autoStructN2V.quantities import about_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoStructN2V.pipeline.estimate import Shape

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
    config = validate_config(fields)
    device = choose_device(config.device)
    speed = measure_speed(device)
    estimate = estimate_run(config, shapes, device, speed)
    if estimate.seconds > _LONG:
        short = validate_config(merged(fields, {"preset": "fast"}))
        fast = estimate_run(short, shapes, device, speed)
        if fast.seconds < _MUCH_SHORTER * estimate.seconds:
            offer = f"With --preset fast it takes {about_text(fast.seconds)}."
            return f"{estimate.sentence()} {offer}"
    return estimate.sentence()
