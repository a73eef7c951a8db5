"""What there is to know about a model, in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoStructN2V.inference.trained_model import TrainedModel

_SHOWN_IMAGES = 3


def trained_at(model: TrainedModel) -> str:
    """Say when a model was trained, in local time; empty if the file does not tell."""
    return _local(model.provenance.get("created"))


def _local(moment: Any) -> str:
    """Return a date and time as a person reads it."""
    text = str(moment or "")
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # no date, or one that the clock does not know
        return text


def trained_on(model: TrainedModel) -> str:
    """Say what images a model was trained on: names, and slices, rows and columns of the first."""
    text, shapes = images_seen(model), _listed(model, "shapes")
    if not shapes or not isinstance(shapes[0], list | tuple) or len(shapes[0]) != 3:
        return text
    z, y, x = shapes[0]
    planes = "frames" if model.is_along_time else "slices"
    return f"{text} ({'1 image' if z == 1 else f'{z} {planes}'}, {y} x {x})"


def images_seen(model: TrainedModel, n_shown: int = _SHOWN_IMAGES) -> str:
    """Name the images that a model was trained on, and say how many there are beyond the first."""
    names = _listed(model, "images")
    more = f" and {len(names) - n_shown} more" if len(names) > n_shown else ""
    return ", ".join(map(str, names[:n_shown])) + more


def comes_from(model: TrainedModel) -> str:
    """Say which models a model was continued or fine-tuned from, the last first; empty if none."""
    found = [one for one in _listed(model, "ancestors") if isinstance(one, dict)]
    parts = []
    for ancestor in reversed(found):
        images = ancestor.get("images")
        first = str(images[0]) if isinstance(images, list) and images else "other images"
        how = "continued" if ancestor.get("went_on_as") == "continue" else "fine-tuned"
        parts.append(f"{how} from a model of {_local(ancestor.get('created'))} ({first})")
    return ", which was ".join(parts)


def noise_seen(model: TrainedModel) -> str:
    """Say how strong the noise was that a model has seen, and which intensities."""
    seen = model.normalization
    # models of older versions know only a quick estimate
    std = model.provenance.get("noise", f"about {seen.noise_level:.3g}")
    noise = "not measured" if std is None else f"standard deviation {std}"
    return f"{noise}, intensities {seen.low + seen.offset:.4g} to {seen.high + seen.offset:.4g}"


def kernel_seen(model: TrainedModel) -> str:
    """Say what the kernel of a model hides, and on which grid."""
    parts = (model.kernel.description.sentence, model.kernel.grid_sentence)
    return ". ".join(part for part in parts if part)


def _listed(model: TrainedModel, name: str) -> list[Any]:
    """Return a list of the notes on how a model was made; files may hold anything."""
    listed = model.provenance.get(name)
    return listed if isinstance(listed, list) else []
