"""How a result was made, read back from its file."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import tifffile

from autoStructN2V.datasets.images.tiff.layout import HISTORY_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tifffile import TiffFile


def told_by_tiff(path: Path) -> tuple[int, list[Any]]:
    """Return how many pixels a TIFF file has, and what it says of how it was made.

    Returns
    -------
    (int, list)
        0 and nothing of a file that cannot be read.
    """
    try:
        with tifffile.TiffFile(path) as tif:
            return tif.series[0].size, list(_histories(tif))
    except Exception:
        # what a file says can be anything, and so can the error that it leads to
        return 0, []


def _histories(tif: TiffFile) -> Iterator[Any]:
    """Yield what the texts of a file say of how it was made."""
    texts = [str((tif.imagej_metadata or {}).get("Info", ""))]
    texts.append(html.unescape(tif.ome_metadata or ""))
    texts += [str(entries.get("history", "")) for entries in tif.shaped_metadata or ()]
    for text in texts:
        _, mark, told = text.rpartition(HISTORY_MARK)
        if mark:
            yield json.JSONDecoder().raw_decode(told)[0]
