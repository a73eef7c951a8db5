"""How single planes of a TIFF file are read that are stored in its pages."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPageSeries


class PagedPlanes:
    """Planes stored in the pages of TIFF files, usually compressed.

    The files are open only while a plane is read: a folder may hold more files than a program
    may keep open.

    Parameters
    ----------
    tif : TiffFile
        File whose structure has been read.
    series : sequence of TiffPageSeries
        Image series whose pages are read one after the other.
    plane_shape : tuple of int
        Rows and columns, and samples where these come last.
    """

    def __init__(
        self, tif: TiffFile, series: Sequence[TiffPageSeries], plane_shape: tuple[int, ...]
    ) -> None:
        self._tif = tif
        self._pages = [page for one in series for page in one]
        self._plane_shape = plane_shape
        self._lock = threading.Lock()

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return one plane in the stored data type."""
        first = self._pages[0]
        assert first is not None
        n_pixels, n_on_page = math.prod(self._plane_shape), math.prod(first.shape)
        if n_on_page < n_pixels:
            n_pages = n_pixels // n_on_page
            pages = [self._page(plane * n_pages + i) for i in range(n_pages)]
            return np.concatenate([page.ravel() for page in pages]).reshape(self._plane_shape)
        planes_per_page = n_on_page // n_pixels
        values = self._page(plane // planes_per_page)
        selected: NDArray[np.generic] = values.reshape(-1, *self._plane_shape)[
            plane % planes_per_page
        ]
        return selected

    def _page(self, number: int) -> NDArray[np.generic]:
        page = self._pages[number]
        assert page is not None
        with self._lock, _reopened(page.parent):
            values: NDArray[np.generic] = page.asarray(maxworkers=1)
        return values


@contextmanager
def _reopened(tif: TiffFile) -> Iterator[None]:
    tif.filehandle.open()
    try:
        yield
    finally:
        tif.filehandle.close()
