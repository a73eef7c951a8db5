"""Training, validation and test parts, for one image as well as for a thousand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.patches import PatchRegion

if TYPE_CHECKING:
    from collections.abc import Mapping

_FEWEST_SLICES = 7


@dataclass(frozen=True)
class Split:
    """Where patches of each part may start.

    Attributes
    ----------
    training, validation, test : PatchRegion
        Patches of different parts share no pixel, unless ``is_shared``.
    is_shared : bool
        True when the images are too small to hold pixels out; validation and test then use the
        training pixels, with blind spots of their own.
    """

    training: PatchRegion
    validation: PatchRegion
    test: PatchRegion
    is_shared: bool

    def restricted(self, region: PatchRegion) -> Split:
        """Return this split with training patches from ``region`` only, where that leaves any."""
        training = region.clipped(self.training)
        return replace(self, training=training) if training.n_corners else self

    def limited_to(self, region: PatchRegion | None) -> Split:
        """Return this split with the patches of each part from ``region`` only.

        A part without any stays as it is; None stands for everything.
        """
        if region is None:
            return self
        training, validation, test = (
            clipped if clipped.n_corners else part
            for part in (self.training, self.validation, self.test)
            for clipped in [region.clipped(part)]
        )
        return Split(training, validation, test, self.is_shared)


def split_patches(
    shapes: Mapping[int, tuple[int, int]],
    patch_size: int,
    ratio: tuple[float, float, float],
    generator: np.random.Generator,
) -> Split:
    """Divide the data into training, validation and test part.

    With at least seven slices whole slices are held out, chosen at random; with fewer, each slice
    is cut into strips along its longer side, the held-out ones in its middle.

    Parameters
    ----------
    shapes : mapping of slice to (height, width)
        Size of each slice in pixels, none smaller than a patch.
    patch_size : int
        Side of a patch in pixels.
    ratio : (training, validation, test)
        Shares, summing to 1. A share above zero gets at least one slice or one strip.
    generator : numpy.random.Generator
        Source of randomness.
    """
    if len(shapes) >= _FEWEST_SLICES:
        return _by_slices(shapes, patch_size, ratio, generator)
    strips = {i: _strips(shape, patch_size, ratio) for i, shape in shapes.items()}
    if any(strip is None for strip in strips.values()):
        whole = _region(shapes, patch_size)
        return Split(whole, whole, whole, is_shared=True)
    parts = [
        PatchRegion(
            np.array(
                [[i, *bounds] for i, strip in strips.items() if strip for bounds in strip[part]],
                dtype=np.int64,
            )
        )
        for part in range(3)
    ]
    return Split(parts[0], parts[1], parts[2], is_shared=False)


def _by_slices(
    shapes: Mapping[int, tuple[int, int]],
    patch_size: int,
    ratio: tuple[float, float, float],
    generator: np.random.Generator,
) -> Split:
    order = generator.permutation(list(shapes)).tolist()
    most = (len(shapes) - 1) // 2  # something is left to train on
    n_validation, n_test = (min(most, max(1, round(len(shapes) * s))) for s in ratio[1:])
    parts = [
        _region({i: shapes[i] for i in sorted(chosen)}, patch_size)
        for chosen in (
            order[n_validation + n_test :],
            order[:n_validation],
            order[n_validation : n_validation + n_test],
        )
    ]
    return Split(parts[0], parts[1], parts[2], is_shared=False)


def _region(shapes: Mapping[int, tuple[int, int]], patch_size: int) -> PatchRegion:
    rows = [
        [i, 0, height - patch_size, 0, width - patch_size] for i, (height, width) in shapes.items()
    ]
    return PatchRegion(np.array(rows, dtype=np.int64))


def _strips(
    shape: tuple[int, int], patch_size: int, ratio: tuple[float, float, float]
) -> tuple[list[list[int]], ...] | None:
    """Return corner bounds (4,) of the strips of each part, None if the slice is too small.

    Validation and test lie in the middle, which shows what the image shows; an edge may not.
    """
    axis = int(np.argmax(shape))
    lengths = [max(patch_size, round(shape[axis] * share)) for share in ratio[1:]]
    n_training = shape[axis] - sum(lengths)
    if n_training < max(patch_size, shape[axis] // 2):
        return None
    before = n_training // 2 if n_training >= 2 * patch_size else n_training
    ends = np.cumsum([0, before, *lengths, n_training - before]).tolist()

    def strip(start: int, end: int) -> list[list[int]]:
        bounds = [[0, size - patch_size] for size in shape]
        bounds[axis] = [start, end - patch_size]
        return [bounds[0] + bounds[1]] if end > start else []

    first, validation, test, last = (strip(start, end) for start, end in pairwise(ends))
    return first + last, validation, test
