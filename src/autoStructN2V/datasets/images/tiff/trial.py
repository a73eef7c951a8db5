"""Try the header of a result before the work: what cannot be written must not cost the pixels."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import tifffile

from autoStructN2V.datasets.images.tiff.layout import TiffLayout

if TYPE_CHECKING:
    from autoStructN2V.datasets.images.formats.result import Result


def layout_for(result: Result) -> TiffLayout:
    """Return the layout of a result, without what cannot be written.

    Parameters
    ----------
    result : Result
        What the file is to hold.

    Returns
    -------
    TiffLayout
        A header of it has been written, into memory.
    """
    wanted = TiffLayout(result.axes, result.shape, result.dtype, result.metadata, result.history)
    if _can_be_written(wanted):
        return wanted
    names = frozenset(wanted.entries())
    alone = {name: replace(wanted, left_out=names - {name}) for name in names}
    flawed = frozenset(name for name, layout in alone.items() if not _can_be_written(layout))
    partial = replace(wanted, left_out=flawed)
    # entries that are right one by one can still contradict each other
    return partial if _can_be_written(partial) else replace(wanted, left_out=names)


def left_out(result: Result) -> list[str]:
    """Return what a file states that its result cannot, each as the name of an entry."""
    return [*result.metadata.ignored, *sorted(layout_for(result).left_out)]


def _can_be_written(layout: TiffLayout) -> bool:
    """Write a file of a few pixels with the same header into memory."""
    try:
        arguments = layout.tifffile_arguments()
        n_leading = len(layout.shape) - 2
        leading, sides = arguments["shape"][:n_leading], arguments["shape"][n_leading:]
        arguments["shape"] = (*leading, *(min(side, 2) for side in sides))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tifffile.imwrite(io.BytesIO(), **arguments)
    except Exception:
        # what a file says can be anything, and so can the error that it leads to
        return False
    return True
