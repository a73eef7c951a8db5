"""How a result was made, read back from its file."""

from __future__ import annotations

import html
import json
import math
from typing import TYPE_CHECKING, Any

import tifffile

from autoStructN2V.datasets.images.tiff.layout import HISTORY_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tifffile import TiffFile

    from autoStructN2V.datasets.images.sources import ImageSource


def is_result_of(path: Path, source: ImageSource, history: dict[str, object]) -> bool:
    """Tell whether a file is the result of an image, made as a history says.

    A result appears under its name when it is complete, so one that says so of itself is finished.

    Parameters
    ----------
    path : Path
        Any file.
    source : ImageSource
        Image whose result it would be.
    history : dict
        How the result would be made, as :class:`StackWriter` writes it.
    """
    wanted = json.loads(json.dumps(history, default=str))
    try:
        with tifffile.TiffFile(path) as tif:
            is_like = tif.series[0].size == math.prod(source.shape)
            return is_like and any(found == wanted for found in _histories(tif))
    except Exception:
        # what a file says can be anything, and so can the error that it leads to
        return False


def _histories(tif: TiffFile) -> Iterator[Any]:
    """Yield what the texts of a file say of how it was made."""
    texts = [str((tif.imagej_metadata or {}).get("Info", ""))]
    texts.append(html.unescape(tif.ome_metadata or ""))
    texts += [str(entries.get("history", "")) for entries in tif.shaped_metadata or ()]
    for text in texts:
        _, mark, told = text.rpartition(HISTORY_MARK)
        if mark:
            yield json.JSONDecoder().raw_decode(told)[0]
