"""What a person should know before a training starts: how long it takes, and what is shorter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V import models, pipeline
from autoStructN2V.pipeline import configuration
from autoStructN2V.quantities import about_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoStructN2V.pipeline.forecast.estimate import Shape

_LONG = 300.0  # seconds
_MUCH_SHORTER = 0.5  # of the time


def forecast(fields: Mapping[str, Any], shapes: Sequence[Shape]) -> str:
    """Say how long a training takes, which preset that is for, and whether fast is much shorter.

    Parameters
    ----------
    fields : mapping
        Configuration as given, without the values of its preset.
    shapes : sequence of (z, y, x)
        Sizes of the stacks in pixels.

    Returns
    -------
    str
        One to three sentences; the preset is named if nobody chose one.
    """
    config = pipeline.validate_config(fields)
    device = models.choose_device(config.device)
    speed = pipeline.measure_speed(device, config.threads)
    estimate = pipeline.estimate_run(config, shapes, device, speed, is_in_files=True)
    said = [estimate.sentence()]
    if "preset" not in fields:
        said.append(f"The preset is {config.preset}, since none was chosen.")
    if estimate.seconds > _LONG:
        short = pipeline.validate_config(configuration.merged(fields, {"preset": "fast"}))
        fast = pipeline.estimate_run(short, shapes, device, speed)
        if fast.seconds < _MUCH_SHORTER * estimate.seconds:
            said.append(f"With --preset fast it takes {about_text(fast.seconds)}.")
    return " ".join(said)
