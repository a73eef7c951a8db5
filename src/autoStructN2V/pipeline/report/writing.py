"""A report as a file: one page that needs nothing beside it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from autoStructN2V.files import atomic_write, write_bytes
from autoStructN2V.pipeline.report.content import content
from autoStructN2V.pipeline.report.pictures import before_after
from autoStructN2V.pipeline.report.record import shown_slices

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Template

    from autoStructN2V.pipeline.report.record import RunRecord


def render(record: RunRecord) -> str:
    """Return the report of a run as HTML, complete with style, pictures and diagrams."""
    return _page().render(content(record))


@cache
def _page() -> Template:
    """Return the empty page, which takes as long to compile as most reports take to fill in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("autoStructN2V.pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup  # diagrams are made here and hold no text of others
    return environment.get_template("report.html")


def write_report(record: RunRecord, path: Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    record : RunRecord
        A run that is over.
    path : Path
        File; what is there is replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # names of files that are not UTF-8 are shown with question marks
    write_bytes(path, render(record).encode(errors="replace"))


def write_picture(record: RunRecord, path: Path) -> None:
    """Write a picture of one slice, noisy and denoised, by which a model is recognized.

    Parameters
    ----------
    record : RunRecord
        A run that is over; of one that denoised nothing there is no picture.
    path : Path
        PNG file; what is there is replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    slices = shown_slices(record)
    if slices:
        shown = slices[len(slices) // 2]
        with atomic_write(path) as temporary:
            before_after(shown.noisy, shown.denoised).save(temporary, format="PNG")
