"""Where the pixels of a layer lie in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

if TYPE_CHECKING:
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

    def last_axes(self, n: int) -> Geometry:
        """Return the geometry of images that lie along the last ``n`` axes only."""
        if n == len(self.scale):
            return self
        whole = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self._shear
        )
        # sliced as a matrix: slicing the parts loses elements of the shear
        own = Affine(linear_matrix=whole.linear_matrix[-n:, -n:], translate=self.translate[-n:])
        outer = np.eye(n + 1)
        outer[:n, :n] = self.affine[-n - 1 : -1, -n - 1 : -1]
        outer[:n, n] = self.affine[-n - 1 : -1, -1]
        return Geometry(
            np.array(own.scale),
            np.array(own.translate),
            np.array(own.rotate),
            np.array(own.shear),
            outer,
            self.units[-n:],
            self.axis_labels[-n:],
        )

    def to_kwargs(self) -> dict[str, Any]:
        """Return the keyword arguments of an image layer."""
        return {**vars(self), "shear": self._shear}

    @property
    def _shear(self) -> NDArray[np.float64] | None:
        # where there is none, napari returns a vector of a length that it does not accept
        return self.shear if self.shear.any() else None
