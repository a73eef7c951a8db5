"""Where the pixels of a layer lie in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Geometry:
    """Where pixels lie in space: all that napari needs besides the pixels.

    Attributes
    ----------
    scale, translate, rotate, shear, affine, units, axis_labels
        As of an image layer; ``affine`` is a matrix.
    """

    scale: NDArray[np.float64]
    translate: NDArray[np.float64]
    rotate: NDArray[np.float64]
    shear: NDArray[np.float64]
    affine: NDArray[np.float64]
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def of(cls, layer: Image) -> Geometry:
        """Return the geometry of a layer."""
        return cls(
            np.array(layer.scale),
            np.array(layer.translate),
            np.array(layer.rotate),
            np.array(layer.shear),
            np.array(layer.affine.affine_matrix),
            tuple(layer.units),
            tuple(layer.axis_labels),
        )

    def of_axes(self, kept: Sequence[int]) -> Geometry:
        """Return the geometry of images that lie along some of the axes only, in their order."""
        if list(kept) == list(range(len(self.scale))):
            return self
        both = np.ix_(kept, kept)
        whole = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self._shear
        )
        # sliced as a matrix: slicing the parts loses elements of the shear
        own = Affine(linear_matrix=whole.linear_matrix[both], translate=self.translate[list(kept)])
        outer = np.eye(len(kept) + 1)
        outer[:-1, :-1] = self.affine[both]
        outer[:-1, -1] = self.affine[list(kept), -1]
        return Geometry(
            np.array(own.scale),
            np.array(own.translate),
            np.array(own.rotate),
            np.array(own.shear),
            outer,
            tuple(self.units[i] for i in kept),
            tuple(self.axis_labels[i] for i in kept),
        )

    def to_kwargs(self) -> dict[str, Any]:
        """Return the keyword arguments of an image layer."""
        return {**vars(self), "shear": self._shear}

    @property
    def _shear(self) -> NDArray[np.float64] | None:
        # where there is none, napari returns a vector of a length that it does not accept
        return self.shear if self.shear.any() else None
