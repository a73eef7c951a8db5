"""What results will not hold of what their inputs say, told before the work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.formats.mrc.writing import mrc_dtype
from autoStructN2V.datasets.images.formats.registry import MRC, TIFF, result_ending
from autoStructN2V.datasets.images.formats.result import Result
from autoStructN2V.datasets.images.offset import offset_note
from autoStructN2V.datasets.images.tiff.trial import left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import OutputDtype

_MOST_TOLD = 3


def header_notes(
    sources: Sequence[ImageSource], output_dtype: OutputDtype, outputs: Sequence[Path] = ()
) -> list[str]:
    """Say what results will not hold of what their sources say; every header is tried.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images that are to be denoised.
    output_dtype : {"float32", "input"}
        Data type of the results.
    outputs : sequence of Path
        A file for each; default: files of the formats of the sources.

    Returns
    -------
    list of str
        Sentences for what is left out, and for values or types that cannot be held.
    """
    endings = [file.name for file in outputs] or [result_ending(s.metadata) for s in sources]
    rounded = offset_note(sources, np.dtype(np.float32) if output_dtype == "float32" else None)
    results = [Result.of(source, output_dtype, {}) for source in sources]
    told = [_type_note(s, r, e) for s, r, e in zip(sources, results, endings, strict=True)]
    flawed = [
        (source.name, entries)
        for source, result, ending in zip(sources, results, endings, strict=True)
        if (entries := _left_out(result, ending))
    ]
    notes = [note for note in (rounded, next((t for t in told if t), None)) if note]
    return notes + _flawed_note(flawed)


def _left_out(result: Result, ending: str) -> list[str]:
    is_tiff = TIFF.has(Path(ending))
    return left_out(result) if is_tiff else list(result.metadata.ignored)


def _type_note(source: ImageSource, result: Result, ending: str) -> str | None:
    """Say that a file cannot hold the wanted data type."""
    if not MRC.has(Path(ending)) or mrc_dtype(result.dtype) == result.dtype:
        return None
    return (
        f"MRC has no data type {result.dtype}, so the result of {source.name} is written as "
        f"{mrc_dtype(result.dtype)}."
    )


def _flawed_note(flawed: Sequence[tuple[str, list[str]]]) -> list[str]:
    if not flawed:
        return []
    name, entries = flawed[0]
    told = ", ".join(entries[:_MOST_TOLD]) + (", ..." if len(entries) > _MOST_TOLD else "")
    n_more = len(flawed) - 1
    more = f" The same holds for {n_more} more image{'s' * (n_more > 1)}." if n_more else ""
    return [
        f"Some metadata of {name} are not valid and will be missing in the result ({told}); the "
        f"pixels are not affected.{more}"
    ]
