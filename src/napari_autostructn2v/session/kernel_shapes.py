"""Small boolean arrays: figures of the mask editor, and how they are put in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.masking import Kernel

Shape = Literal["horizontal", "vertical", "falling", "rising", "cross", "square"]
_Value = TypeVar("_Value", bound=np.generic)


def empty(shape: tuple[int, ...]) -> Kernel:
    """Return a kernel of this shape that hides its center alone."""
    kernel = np.zeros(shape, bool)
    kernel[tuple(side // 2 for side in shape)] = True
    return kernel


def drawn(shape: Shape, length: int) -> Kernel:
    """Draw a shape whose longer side has ``length`` cells, in the smallest array that fits."""
    line = np.ones(length, bool)
    middle = np.arange(length) == length // 2
    figures: dict[Shape, Kernel] = {
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
