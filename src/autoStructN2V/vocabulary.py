"""Words that have a fixed set of values, used all over the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import JsonValue
    from pydantic.fields import FieldInfo

Mode = Literal["2D", "2.5D"]
"""What the network sees: a slice, or a triplet, a slice with the ones next to it."""

TripletsAlong = Literal["z", "time"]
"""What the three images of a triplet of 2.5D follow each other along."""

Method = Literal["n2v", "autostructn2v"]
"""Noise2Void alone, or two stages with a kernel between them."""

Lines = Literal["rows", "columns"]
"""What a pattern runs along."""

LINES: tuple[Lines, ...] = ("columns", "rows")
"""Both, in the order in which they are looked for."""

StripeRemoval = Literal["auto", Lines, "off"]
"""Where stripes are removed; "auto" looks for them."""

PresetName = Literal["fast", "balanced", "high_quality", "documented"]
"""Starting values of a configuration."""

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
"""What computes; "auto" takes a GPU when there is one."""

Channels = Literal["one", "each"]
"""Whether a model is trained on one channel, or one for each."""

OutputDtype = Literal["float32", "input"]
"""Data type of results: as computed, or that of the input, rounded and saturated."""

GoingOn = Literal["continue", "fine_tune"]
"""How a training goes on from a model: on the same images, or on others."""

_LOWEST = "lowest"


def lowest_means(words: str) -> dict[str, JsonValue]:
    """Return what a field of a configuration says of its lowest value, as its extra schema."""
    return {_LOWEST: words}


def meaning_of_lowest(field: FieldInfo) -> str:
    """Return what the lowest value of a field means; an empty text if it is a plain number."""
    extra = field.json_schema_extra
    return str(extra.get(_LOWEST, "")) if isinstance(extra, dict) else ""


def stage_in_words(method: str, stage: int) -> str:
    """Return what a stage is called in a sentence; its title has a capital letter.

    Parameters
    ----------
    method : Method
        Plain Noise2Void has a single one, which has its name.
    stage : {1, 2}
        Its number.
    """
    return "N2V" if method == "n2v" else f"stage {stage}"
