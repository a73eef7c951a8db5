"""A stack whose pixels that are no signal are found when it is read, left out, and filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.masking.invalid.filling import filled
from autoStructN2V.masking.invalid.limits import INVALID_LIMITS, InvalidLimits
from autoStructN2V.masking.invalid.missing import find_missing
from autoStructN2V.masking.invalid.outliers import find_outliers
from autoStructN2V.sampling import affordable, evenly, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Flaws:
    """Which pixels of a slice are no signal.

    Attributes
    ----------
    outliers, missing : (Y, X) bool, or None
        None if there are none.
    """

    outliers: Mask | None = None
    missing: Mask | None = None

    @property
    def invalid(self) -> Mask | None:
        """Both together."""
        if self.outliers is None or self.missing is None:
            return self.missing if self.outliers is None else self.outliers
        return self.outliers | self.missing

    @property
    def is_blank(self) -> bool:
        """Whether the whole slice is missing."""
        return self.missing is not None and bool(self.missing.all())


@dataclass
class PlaceMemory:
    """Room for places that are kept, eight pixels in a byte; shared by the stacks of a run.

    Attributes
    ----------
    n_bytes_left : int
        What may still be kept.
    """

    n_bytes_left: int = INVALID_LIMITS.most_kept


@dataclass(frozen=True)
class _Kept:
    """Flaws of a slice in eight pixels to a byte, and how many there are."""

    n_outliers: int
    n_missing: int
    packed: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None] | None


class SignalSource(SourceView):
    """A stack that knows which of its pixels are no signal.

    They are found slice by slice, when a slice is read first; where room is left, their places are
    kept. Slices that have none are read as they are.

    Parameters
    ----------
    source : ImageSource
        The stack as it is.
    should_stop : callable
        Asked before slices are read for what they have in common; True leaves that out.
    repairs : bool
        Whether outliers are looked for; missing pixels always are.
    memory : PlaceMemory
        Shared by the stacks of a run.
    limits : InvalidLimits
        What counts as no signal.
    """

    def __init__(
        self,
        source: ImageSource,
        memory: PlaceMemory,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        repairs: bool = True,
        limits: InvalidLimits = INVALID_LIMITS,
    ) -> None:
        super().__init__(source)
        self._memory = memory
        self._should_stop = should_stop
        self._repairs = repairs
        self._limits = limits
        self._kept: dict[int, _Kept] = {}
        self._own: dict[int, tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]] = {}
        self._fixed: Mask | None = None
        self._is_fixed_known = False

    def __getstate__(self) -> dict[str, object]:
        """Travel to another process with what all slices have in common, and without the rest."""
        self._fixed_outliers()
        forgotten = {"_kept": {}, "_own": {}, "_memory": PlaceMemory(), "_should_stop": never}
        return {**self.__dict__, **forgotten}

    @property
    def counts(self) -> tuple[int, int, int]:
        """Outliers, missing pixels, and all pixels of the slices that were looked at."""
        kept = self._kept.values()
        n_pixels = len(kept) * int(np.prod(self.shape[1:]))
        return sum(k.n_outliers for k in kept), sum(k.n_missing for k in kept), n_pixels

    @property
    def n_fixed(self) -> int:
        """Outliers that are the same pixels in all slices, as far as that is known."""
        return 0 if self._fixed is None else int(self._fixed.sum())

    def read_slice(self, z: int) -> Image:
        """Read a slice (y, x) float32, filled where it is no signal.

        A slice without any signal is that of the nearest one that has some.
        """
        image = self._source.read_slice(z)
        flaws = self._flaws(z, image)
        if flaws.is_blank:
            other = self._nearest_with_signal(z)
            return image if other is None else self.read_slice(other)
        invalid = flaws.invalid
        return image if invalid is None else filled(image, invalid)

    def invalid_pixels(self, z: int) -> Mask | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""
        return self._flaws(z).invalid

    def missing_pixels(self, z: int) -> Mask | None:
        """Return which of them are missing; None if no pixel is."""
        return self._flaws(z).missing

    def put_back(self, z: int, image: Image) -> Image:
        """Return a result (y, x) of a slice with what is missing as it is stored."""
        missing = self._flaws(z).missing
        return image if missing is None else np.where(missing, self._source.read_slice(z), image)

    def _flaws(self, z: int, image: Image | None = None) -> Flaws:
        """Return the flaws of a slice, which is given if it was read."""
        if z in self._kept:
            kept = self._kept[z]
            if not kept.n_outliers and not kept.n_missing:
                return Flaws()
            if kept.packed is not None:
                return Flaws(*(self._unpacked(bits) for bits in kept.packed))
        fixed = self._fixed_outliers()
        own = self._own.pop(z, None)
        if own is not None:
            flaws = Flaws(*(self._unpacked(bits) for bits in own))
        else:
            flaws = self._found(self._source.read_slice(z) if image is None else image)
        if fixed is not None and not flaws.is_blank:
            both = fixed if flaws.outliers is None else flaws.outliers | fixed
            flaws = Flaws(both if flaws.missing is None else both & ~flaws.missing, flaws.missing)
        self._keep(z, flaws)
        return flaws

    def _found(self, image: Image) -> Flaws:
        """Find the flaws of a slice that it shows by itself."""
        if np.isinf(image.min()) or np.isinf(image.max()):
            return Flaws()  # the checks refuse it
        missing = find_missing(image, self._limits.missing)
        if not self._repairs or (missing is not None and missing.all()):
            return Flaws(None, missing)
        seen = image if missing is None else filled(image, missing)
        outliers = find_outliers(seen, missing, self._limits.outliers)
        return Flaws(outliers if outliers.any() else None, missing)

    def _fixed_outliers(self) -> Mask | None:
        """Find what stands out in the mean of slices, in which each hides in noise."""
        if self._is_fixed_known:
            return self._fixed
        self._is_fixed_known = True
        if not self._repairs or self.shape[0] < self._limits.fewest_slices_of_mean:
            return None
        total = np.zeros(self.shape[1:], np.float64)
        n_slices = 0
        n_read = affordable(
            self._limits.most_slices_of_mean, self.shape, self._limits.fewest_slices_of_mean
        )
        for z in evenly(self.shape[0], n_read):
            if self._should_stop():
                return None
            image = self._source.read_slice(z)
            flaws = self._found(image)
            self._own[z] = _packed(flaws)  # soon asked for
            if flaws.is_blank or not np.isfinite(image.max()):
                continue
            total += image if flaws.invalid is None else filled(image, flaws.invalid)
            n_slices += 1
        if n_slices >= self._limits.fewest_slices_of_mean:
            mean = (total / n_slices).astype(np.float32)
            found = find_outliers(mean, None, self._limits.outliers)
            self._fixed = found if found.any() else None
        return self._fixed

    def _nearest_with_signal(self, z: int) -> int | None:
        n_slices = self.shape[0]
        for distance in range(1, n_slices):
            for other in (z - distance, z + distance):
                if 0 <= other < n_slices and not self._flaws(other).is_blank:
                    return other
        return None

    def _keep(self, z: int, flaws: Flaws) -> None:
        masks = (flaws.outliers, flaws.missing)
        counts = [0 if mask is None else int(mask.sum()) for mask in masks]
        packed = None
        n_bytes = sum(-(-mask.size // 8) for mask in masks if mask is not None)
        if z not in self._kept and n_bytes <= self._memory.n_bytes_left:
            self._memory.n_bytes_left -= n_bytes
            packed = _packed(flaws)
        self._kept[z] = _Kept(counts[0], counts[1], packed)

    def _unpacked(self, bits: NDArray[np.uint8] | None) -> Mask | None:
        if bits is None:
            return None
        rows, columns = self.shape[1:]
        mask: Mask = np.unpackbits(bits, count=rows * columns).reshape(rows, columns).astype(bool)
        return mask


def _packed(flaws: Flaws) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Return which pixels are outliers, and which are missing, in an eighth of the memory."""
    outliers, missing = (
        None if mask is None else np.packbits(mask) for mask in (flaws.outliers, flaws.missing)
    )
    return outliers, missing
