"""Both stages and a Gaussian filter are compared with each other, without clean images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.matching import Scale
from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.datasets.patches import neighbor_slices, slice_scales
from autoStructN2V.inference.noise_splitting import SPLITTING_LIMITS, are_clipped, judge
from autoStructN2V.inference.predictor import Predictor
from autoStructN2V.inference.verdict import NoVerdict, Verdict
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.pipeline.steps.uneven_noise import MOST_INVALID, noise_of
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.vocabulary import Mode

LARGEST_SIDE = 384  # px: of the squares that are judged; more take longer and vary less
_SMALLEST_SIDE = 48  # px: the scatter in less says nothing
MOST_WINDOWS = 2
_NO_SQUARES = NoVerdict(
    f"The middle of the images holds no square of {_SMALLEST_SIDE} px in which nearly all pixels "
    "are signal; judge by eye."
)
_UNKNOWN_NOISE = NoVerdict(
    "The images were stretched one by one, and those that would be judged do not tell how strong "
    "their own noise is; judge by eye."
)
_UNKNOWN_STRENGTH = NoVerdict(
    "Noise and structure could not be told apart in the images, so that nothing is known of how "
    "strong the noise is; judge by eye."
)


@dataclass(frozen=True)
class _Place:
    """A part of a slice of one of several stacks."""

    index: int
    z: int
    rows: slice
    columns: slice

    def of(self, sources: Sequence[ImageSource]) -> NDArray[np.float32]:
        """Return the pixels (P, P) there."""
        return sources[self.index].read_slice(self.z)[self.rows, self.columns]


@dataclass(frozen=True)
class _Square:
    """What is judged: normalized pixels (1 or 3, P, P), and the scales of their slices.

    Scales as :func:`slice_scales` returns them, (2, 1 or 3), or None.
    """

    place: _Place
    window: NDArray[np.float32]
    scales: Tensor | None


def judge_stages(
    models: Mapping[str, tuple[TrainedModel, FlexibleUNet]],
    sources: Sequence[ImageSource],
    normalization: Normalization,
    noise: Autocorrelation,
    differing: Sequence[ImageSource] | None,
    device: torch.device,
    seed: int,
    should_stop: Callable[[], bool],
    *,
    is_learned: bool = False,
    is_without_patterns: bool = False,
) -> Verdict | NoVerdict | None:
    """Estimate how far the results of a run are from the truth.

    Parameters
    ----------
    models : mapping of str to TrainedModel and its network
        What was trained, by the name that the verdict gives it; all of one mode and grid.
    sources : sequence of ImageSource
        Noisy stacks without the patterns that are removed first.
    normalization : Normalization
        Of the networks' input.
    noise : Autocorrelation
        What is known of the noise of all images.
    differing : sequence of ImageSource, optional
        If noise differs between them: the stacks as it was measured in them, in the units that they
        were stored in. Its strength is measured anew in each image that is judged.
    device : torch.device
        Where the networks compute.
    seed : int
        Seed of all draws.
    should_stop : callable
        True ends the work.
    is_learned : bool
        Whether no pixels were held out from the training.
    is_without_patterns : bool
        Whether patterns were removed from the stacks.

    Returns
    -------
    Verdict, NoVerdict or None
        Why there is none where noise and structure could not be told apart, or the images are too
        small, have too few pixels that are signal, or are mostly clipped. None if it was stopped.
    """
    if not models:
        return None
    if not noise.is_strength_known:
        return _UNKNOWN_STRENGTH
    first, _ = next(iter(models.values()))
    found = _windows(sources, first.mode, normalization)
    if not found:
        return _NO_SQUARES
    predictors = {name: Predictor.of_model(*trained) for name, trained in models.items()}
    is_coarse = first.grid_share < 1.0
    noises: list[Autocorrelation | None] = [noise] * len(found)
    if differing is not None and not is_coarse:
        noises = [noise_of(square.place.of(differing), noise) for square in found]
    pairs = [(square, own) for square, own in zip(found, noises, strict=True) if own is not None]
    if not pairs:
        return _UNKNOWN_NOISE
    windows = [square.window for square, _ in pairs]
    samplers = [
        NoiseSampler(
            known,
            None,
            (normalization.mean, normalization.std),
            windows[0].shape[-1],
            device,
            by_levels=known.is_drawn_by_levels(is_coarse=is_coarse),
            added=SPLITTING_LIMITS.strength,
        )
        for _, known in pairs
    ]
    scales = [square.scales for square, _ in pairs]
    on_device = [
        None if scale is None else Scale(*scale.to(device)[..., None, None]) for scale in scales
    ]
    verdict = judge(windows, predictors, samplers, seed, should_stop, on_device)
    if not isinstance(verdict, Verdict):
        return verdict
    # in pixels of the images, whatever grid they were worked on
    sigma = verdict.gaussian_sigma / first.grid_share
    # noise that is as coarse as structure: what was found to be structure may be half of it
    doubt = noise.leak if is_coarse else 0.0
    return replace(
        verdict,
        gaussian_sigma=sigma,
        doubt=doubt,
        is_learned=is_learned,
        is_without_patterns=is_without_patterns,
    )


def noise_is_cut_off(
    sources: Sequence[ImageSource], mode: Mode, normalization: Normalization
) -> bool:
    """Whether images are clipped nearly everywhere: what was cut off cannot be drawn."""
    found = _windows(sources, mode, normalization) if sources else []
    windows = [square.window for square in found]
    return bool(windows) and are_clipped(windows)


def _windows(
    sources: Sequence[ImageSource], mode: Mode, normalization: Normalization
) -> list[_Square]:
    """Cut squares of equal size from the middle of a few slices."""
    side = min(LARGEST_SIDE, *(min(source.shape[1:]) for source in sources))
    if side < _SMALLEST_SIDE:
        return []
    slices = [(index, z) for index, source in enumerate(sources) for z in range(source.shape[0])]
    squares = []
    for index, z in (slices[i] for i in evenly(len(slices), MOST_WINDOWS)):
        source = sources[index]
        y, x = ((length - side) // 2 for length in source.shape[1:])
        place = _Place(index, z, slice(y, y + side), slice(x, x + side))
        invalid = invalid_pixels(source, z)
        if invalid is not None and invalid[place.rows, place.columns].mean() > MOST_INVALID:
            continue
        around = [(source, int(i)) for i in neighbor_slices(source.shape[0], mode)[z]]
        images = [replace(place, z=i).of(sources) for _, i in around]
        window = np.stack([normalization.normalize(image) for image in images])
        scales = slice_scales(around, normalization)
        squares.append(_Square(place, window, None if scales is None else scales.T))
    return squares
