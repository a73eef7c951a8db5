"""Small boolean arrays: figures of the mask editor, and how they are put in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from autoStructN2V.masking import Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shape = Literal["horizontal", "vertical", "falling", "rising", "cross", "square"]
_Value = TypeVar("_Value", bound=np.generic)


def empty(side: int) -> Kernel:
    """Return a 2D kernel of ``side`` x ``side`` pixels that hides its center alone."""
    cells = np.zeros((1, side, side), bool)
    return Kernel(centered(cells, Kernel.center_only().cells))


def drawn(shape: Shape, length: int) -> NDArray[np.bool_]:
    """Draw a shape whose longer side has ``length`` cells, in the smallest array that fits."""
    line = np.ones(length, bool)
    middle = np.arange(length) == length // 2
    figures: dict[Shape, NDArray[np.bool_]] = {
        "horizontal": line[None],
        "vertical": line[:, None],
        "falling": np.diag(line),
        "rising": np.diag(line)[::-1],
        "cross": middle[None] | middle[:, None],
        "square": line[None] & line[:, None],
    }
    return figures[shape]


def centered(target: NDArray[_Value], source: NDArray[_Value]) -> NDArray[_Value]:
    """Copy ``source`` into the middle of a copy of ``target``, as far as it fits."""
    result = target.copy()
    sides = [min(pair) for pair in zip(target.shape, source.shape, strict=True)]
    inside, outside = (
        tuple(slice((have - n) // 2, (have - n) // 2 + n) for have, n in zip(s, sides, strict=True))
        for s in (target.shape, source.shape)
    )
    result[inside] = source[outside]
    return result
