"""Durations, amounts of memory and shares in words, and the axes that quantities need."""

from collections.abc import Sequence

_DWARFED = 3.0  # times the usual value, from which on others would be flat beside it


def duration_text(seconds: float) -> str:
    """Say a duration as a person would: "under 10 s", "40 s", "3 min", "1 h 20 min"."""
    if seconds < 10:
        return "under 10 s"
    if seconds < 90:
        return f"{round(seconds, -1):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def about_text(seconds: float) -> str:
    """Say a duration that is not exact: "under 10 s", "about 3 min"."""
    duration = duration_text(seconds)
    return duration if duration.startswith("under") else f"about {duration}"


def memory_text(n_bytes: float) -> str:
    """Say how much memory: "less than 0.1 GB", "2.3 GB"."""
    return "less than 0.1 GB" if n_bytes < 1e8 else f"{n_bytes / 1e9:.1f} GB"


def percent_text(share: float, n_decimals: int = 0) -> str:
    """Say a share of 0..1 in percent, on one line: "74 %"."""
    return f"{100 * share:.{n_decimals}f}\N{NO-BREAK SPACE}%"


def needs_logarithm(values: Sequence[float], usual: float) -> bool:
    """Tell whether some values dwarf a usual one, so that only a logarithmic axis shows both.

    Parameters
    ----------
    values : sequence of float
        All that an axis has to show.
    usual : float
        What most of them are like.
    """
    return min(values, default=0.0) > 0.0 and max(values) > _DWARFED * usual
