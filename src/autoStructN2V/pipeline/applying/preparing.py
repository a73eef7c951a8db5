"""A model and images made ready for each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.checks import check_each
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.mixed import matched
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.masking.fading import evened, fading_sentences
from autoStructN2V.masking.invalid.finding import invalid_sentences, only_signal
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.scanning.source import aligned, shift_sentences
from autoStructN2V.models.device import choose_device
from autoStructN2V.pipeline.cluster.denoising import ClusterDenoiser
from autoStructN2V.pipeline.forecast.enough_memory import require_memory
from autoStructN2V.pipeline.forecast.estimate import denoising_bytes
from autoStructN2V.pipeline.steps.denoising import Denoiser
from autoStructN2V.pipeline.suitability import differences
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import torch

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.invalid.source import SignalSource
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName


def known_images(
    sources: Sequence[ImageSource], model: TrainedModel, should_stop: Callable[[], bool]
) -> list[SignalSource]:
    """Return stacks that know which of their pixels are no signal; none is read."""
    repairs = bool(model.provenance.get("repair_outliers", True))
    return only_signal(without_offset(sources), should_stop, repair_outliers=repairs)


def usable_images(
    sources: Sequence[SignalSource], should_stop: Callable[[], bool]
) -> tuple[list[int], list[str], dict[int, InputError]]:
    """Return which images can be denoised, notes, and what is wrong with the others."""
    if not sources:
        raise InputError("There are no images; choose a file or folder that holds some.")
    notes, refused = check_each(sources, should_stop=should_stop)
    usable = [i for i in range(len(sources)) if i not in refused]
    if not usable:
        raise next(iter(refused.values()))
    return usable, notes + invalid_sentences([sources[i] for i in usable]), refused


def prepared_to_apply(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    device: DeviceName,
    should_stop: Callable[[], bool],
    notes: Sequence[str],
    client: Any = None,
) -> Generator[Event, Decision | None, tuple[list[ImageSource], Denoiser | ClusterDenoiser]]:
    """Prepare a model and images that can be denoised; yield what is to be said about these."""
    network = None if client is not None else _network(model, sources, choose_device(device))
    found = list(notes)
    is_wanted = bool(model.provenance.get("align_rows"))
    sources = aligned(sources, is_wanted=is_wanted, should_stop=should_stop)
    found += shift_sentences(sources)
    is_matched = bool(model.provenance.get("is_matched"))
    if is_matched:  # each image for itself, as in the training
        scales = [estimate_normalization([source]) for source in sources]
        sources = matched(sources, scales, model.normalization)
    removal = find_patterns(
        sources,
        remove_periodic=bool(model.provenance.get("remove_periodic")),
        remove_stripes=model.provenance.get("remove_stripes", "off"),
        edits=model.pattern_edits,
        should_stop=should_stop,
    )
    cleaned = [removal.applied_to(source) for source in sources]
    if removal.sentence:
        found.append(removal.sentence)
    is_wanted = bool(model.provenance.get("evens_slices"))
    images = evened(cleaned, is_wanted=is_wanted, should_stop=should_stop)
    found += fading_sentences(images)
    found += differences(images, model, should_stop, removal=removal)
    for message in found:
        yield Warned(message)
    offset = model.normalization.offset if is_matched else sources[0].metadata.offset
    fitted = replace(model, normalization=model.normalization.relative_to(offset))
    if network is None:
        return images, ClusterDenoiser(client, fitted, images, should_stop, device)
    return images, Denoiser(fitted, network, images, should_stop)


def _network(
    model: TrainedModel, sources: Sequence[ImageSource], device: torch.device
) -> FlexibleUNet:
    """Return the network of a model, if there is enough memory to apply it here."""
    shapes = [source.shape for source in sources]
    needed = denoising_bytes(model.network_config, model.mode, shapes, device)
    require_memory(needed, device, "Denoising these images")
    return model.build(device)
