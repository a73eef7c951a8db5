"""Try the header of a result before the work: what cannot be written must not cost the pixels."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from autoStructN2V.datasets.images.offset import offset_note
from autoStructN2V.datasets.images.tiff.layout import TiffLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import OutputDtype

_MOST_TOLD = 3


def layout_for(
    source: ImageSource, output_dtype: OutputDtype, history: dict[str, object]
) -> TiffLayout:
    """Return the layout of the result of an image, without what cannot be written.

    Parameters
    ----------
    source : ImageSource
        Image that the result is made of.
    output_dtype : {"float32", "input"}
        Data type of the pixels.
    history : dict
        How the result is made.

    Returns
    -------
    TiffLayout
        A header of it has been written, into memory.
    """
    axes, shape = source.original_axes_shape
    dtype = np.dtype(np.float32) if output_dtype == "float32" else source.dtype
    wanted = TiffLayout(axes, shape, dtype.newbyteorder("="), source.metadata, history)
    if _can_be_written(wanted):
        return wanted
    names = frozenset(wanted.entries())
    alone = {name: replace(wanted, left_out=names - {name}) for name in names}
    flawed = frozenset(name for name, layout in alone.items() if not _can_be_written(layout))
    partial = replace(wanted, left_out=flawed)
    # entries that are right one by one can still contradict each other
    return partial if _can_be_written(partial) else replace(wanted, left_out=names)


def header_notes(sources: Sequence[ImageSource], output_dtype: OutputDtype) -> list[str]:
    """Say what results will not hold of what their sources say; every header is tried.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images that are to be denoised.
    output_dtype : {"float32", "input"}
        Data type of the results.

    Returns
    -------
    list of str
        A sentence for what is left out, and one for values that the type cannot hold.
    """
    found = [(source.name, _left_out(source, output_dtype)) for source in sources]
    flawed = [(name, entries) for name, entries in found if entries]
    rounded = offset_note(sources, np.dtype(np.float32) if output_dtype == "float32" else None)
    notes = [rounded] if rounded else []
    if not flawed:
        return notes
    name, entries = flawed[0]
    told = ", ".join(entries[:_MOST_TOLD]) + (", ..." if len(entries) > _MOST_TOLD else "")
    n_more = len(flawed) - 1
    more = f" The same holds for {n_more} more image{'s' * (n_more > 1)}." if n_more else ""
    return [
        *notes,
        f"What {name} says about itself is not valid in part, and the result will not say it "
        f"({told}); the pixels are not concerned.{more}",
    ]


def _left_out(source: ImageSource, output_dtype: OutputDtype) -> list[str]:
    layout = layout_for(source, output_dtype, {})
    return [*source.metadata.ignored, *sorted(layout.left_out)]


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
