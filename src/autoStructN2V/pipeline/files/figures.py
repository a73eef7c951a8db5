"""Pictures for people: the kernel over its evidence, and before / after panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from autoStructN2V.masking.patterns.fourier.picture import gray_levels, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.patterns.pattern import Pattern
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.masking.patterns.spectrum import Spectrum

_CELL = 28  # pixels of the picture per kernel cell
_GAP = 16
_TITLE = 26
_TEXT_SIZE = 15
_INK, _PAPER = (30, 30, 34), (250, 250, 250)
_STAYS = (66, 135, 214)
_MARK = 7  # px: radius of the mark around a wave
_STROKE = 0.2  # of half the spectrum: length of the marks of lines
_LEAST_WIDTH = 300  # px: of the title above a spectrum
_HIDDEN, _CENTER = (214, 69, 65), (20, 20, 20)
_PANEL_SIDE = 360
_LOW, _HIGH = 0.5, 99.5  # percentiles shown black and white


def draw_evidence(
    kernel: Kernel, evidence: NDArray[np.float64] | None, removal: PatternRemoval | None
) -> Image.Image:
    """Draw a kernel beside the spectrum of the noisy images, with the patterns in it.

    Parameters
    ----------
    kernel, evidence
        As of :func:`draw_kernel`.
    removal : PatternRemoval or None
        What is removed first has red marks, what stays blue ones.
    """
    drawn = draw_kernel(kernel, evidence)
    if removal is None or removal.spectrum is None:
        return drawn
    spectrum = _draw_spectrum(removal.spectrum, removal)
    both = _canvas(drawn.width + spectrum.width, max(drawn.height, spectrum.height))
    both.paste(drawn, (0, 0))
    both.paste(spectrum, (drawn.width, 0))
    return both


def _draw_spectrum(spectrum: Spectrum, removal: PatternRemoval) -> Image.Image:
    """Draw a spectrum with the patterns that were found in it."""
    gray = gray_levels(spectrum.whole, _PANEL_SIDE)
    scale = max(1, _PANEL_SIDE // len(gray))
    pixels = np.kron(gray, np.ones((scale, scale), np.uint8))
    side = len(pixels)
    canvas = _canvas(max(side, _LEAST_WIDTH) + _GAP, side + _TITLE + _GAP)
    canvas.paste(Image.fromarray(pixels), (0, _TITLE))
    draw = ImageDraw.Draw(canvas)
    marked = "; red: removed first, blue: stays" if removal.all_patterns else ""
    draw.text((0, 4), f"spectrum{marked}", fill=_INK, font=_font())
    for pattern in removal.all_patterns:
        color = _HIDDEN if pattern in removal.patterns else _STAYS
        for fy, fx in places_of(pattern):
            _draw_mark(draw, pattern, (fx * side, fy * side), side / 2, color)
    return canvas


def _draw_mark(
    draw: ImageDraw.ImageDraw,
    pattern: Pattern,
    place: tuple[float, float],
    middle: float,
    color: tuple[int, int, int],
) -> None:
    """Draw a circle around a wave, or a stroke at the end of a line, (x, y) from the middle."""
    x, y = place[0] + middle, place[1] + middle + _TITLE
    if pattern.lines is None:
        box = (x - _MARK, y - _MARK, x + _MARK, y + _MARK)
        draw.ellipse(box, outline=color, width=2)
        return
    inwards = (x - _STROKE * place[0], y - _STROKE * place[1])
    draw.line([(x, y), inwards], fill=color, width=3)


def draw_kernel(kernel: Kernel, evidence: NDArray[np.float64] | None = None) -> Image.Image:
    """Draw a kernel: hidden pixels outlined red, the center black, shaded by the evidence.

    Parameters
    ----------
    kernel : Kernel
        Pixels that share noise with the center.
    evidence : (1 or 3, H, W) float64, optional
        Noise autocorrelation, -1 to 1, zero lag in the center; at least as large as the kernel.
    """
    planes = kernel.cells
    shades = _shades(evidence, planes.shape)
    height, width = planes.shape[1] * _CELL, planes.shape[2] * _CELL
    canvas = _canvas(len(planes) * (width + _GAP) + _GAP, height + _TITLE + _GAP)
    draw = ImageDraw.Draw(canvas)
    titles = ["z - 1", "z", "z + 1"] if len(planes) == 3 else ["kernel"]
    for i, title in enumerate(titles):
        left = _GAP + i * (width + _GAP)
        draw.text((left, 4), title, fill=_INK, font=_font())
        is_middle = i == len(planes) // 2
        _draw_plane(draw, planes[i], shades[i], (left, _TITLE), is_middle=is_middle)
    return canvas


def _shades(evidence: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return gray levels (S, h, w), 0 to 1, of the evidence under a kernel."""
    if evidence is None:
        return np.zeros(shape)
    margins = [(have - want) // 2 for have, want in zip(evidence.shape[1:], shape[1:], strict=True)]
    if min(margins) < 0 or evidence.shape[0] != shape[0]:
        return np.zeros(shape)
    (top, left), (height, width) = margins, shape[1:]
    shades: NDArray[np.float64] = np.clip(
        evidence[:, top : top + height, left : left + width], 0, 1
    )
    return shades


def _draw_plane(
    draw: ImageDraw.ImageDraw,
    plane: NDArray[np.bool_],
    shades: NDArray[np.float64],
    origin: tuple[int, int],
    *,
    is_middle: bool,
) -> None:
    center = (plane.shape[0] // 2, plane.shape[1] // 2)
    for (y, x), is_hidden in np.ndenumerate(plane):
        left, top = origin[0] + x * _CELL, origin[1] + y * _CELL
        gray = round(255 * (1 - 0.75 * float(shades[y, x])))
        box = (left, top, left + _CELL - 2, top + _CELL - 2)
        is_center = is_middle and (y, x) == center
        fill = _CENTER if is_center else (gray, gray, gray)
        draw.rectangle(box, fill=fill, outline=(205, 205, 208))
        if is_hidden and not is_center:
            draw.rectangle(box, outline=_HIDDEN, width=4)


def draw_panels(panels: Sequence[tuple[str, NDArray[np.float32]]]) -> Image.Image:
    """Draw images (y, x) side by side under their titles, all with the gray scale of the last.

    Parameters
    ----------
    panels : sequence of (title, image)
        Images of equal shape, in one intensity unit.
    """
    low, high = np.percentile(panels[-1][1], [_LOW, _HIGH])
    scale = max(1, round(_PANEL_SIDE / max(panels[0][1].shape)))
    height, width = (n * scale for n in panels[0][1].shape)
    canvas = _canvas(len(panels) * (width + _GAP) + _GAP, height + _TITLE + _GAP)
    draw = ImageDraw.Draw(canvas)
    for i, (title, image) in enumerate(panels):
        left = _GAP + i * (width + _GAP)
        draw.text((left, 4), title, fill=_INK, font=_font())
        gray = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
        pixels = np.kron(np.round(gray * 255).astype(np.uint8), np.ones((scale, scale), np.uint8))
        canvas.paste(Image.fromarray(pixels), (left, _TITLE))
    return canvas


def _canvas(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), _PAPER)


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(_TEXT_SIZE)
