"""Diagrams as vector graphics whose colors and letters are those of the page around them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.kernels.cells import center_of
from autoStructN2V.quantities import needs_logarithm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.trainers.events import EpochFinished

INK, MUTED, LINE, PAPER = "#010203", "#010204", "#010205", "#010206"
NOISY, REMOVED, DENOISED, EXPECTED = "#010207", "#010208", "#010209", "#01020a"
POSITIVE, NEGATIVE = "#01020b", "#01020c"
_IN_PAGE = {
    **{INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper"},
    **{NOISY: "noisy", REMOVED: "removed", DENOISED: "denoised", EXPECTED: "muted"},
    **{POSITIVE: "positive", NEGATIVE: "negative"},
}
"""Colors that stand for those of the page, which are others in the dark."""

_SIZE = 4.6, 2.9  # inches: as wide as a phone shows it, so that letters keep their size there
_LETTERS = 9  # points
_CELL = 0.27  # inches: side of a cell of a kernel
_MARGIN = 2  # cells of evidence around a kernel
_FEWEST_CELLS = 9  # of evidence that is shown, along a side
_MOST_NUMBERED = 15  # cells along a side in which numbers can be read
_LEAST_NUMBERED = 0.05  # smaller correlations stay without a number


def spectra_plot(
    frequencies: NDArray[np.float64],
    spectra: Mapping[str, NDArray[np.float64]],
    expected: NDArray[np.float64] | None = None,
) -> str:
    """Draw power over frequency.

    Parameters
    ----------
    frequencies : (N,) float64
        Cycles per pixel.
    spectra : mapping of str to (N,) float64
        Squared intensities of ``"noisy"``, ``"removed"`` and ``"denoised"``.
    expected : (N,) float64, optional
        That of the measured noise.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    from matplotlib.ticker import NullLocator

    figure, axes = _figure()
    colors = {"noisy": NOISY, "removed": REMOVED, "denoised": DENOISED}
    for name, values in spectra.items():
        axes.plot(frequencies, values, color=colors[name], linewidth=1.8, label=name)
    if expected is not None:
        label = "noise as measured"
        axes.plot(frequencies, expected, ":", color=EXPECTED, linewidth=1.4, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0, 0.5)
    axes.set_xlabel("spatial frequency (cycles per pixel)")
    axes.set_ylabel("power (squared intensity)")
    _legend(axes)
    return _svg(figure, "spectra")


def loss_plot(history: Sequence[EpochFinished], name: str) -> str:
    """Draw the losses of a stage over its epochs; the best one is marked.

    Parameters
    ----------
    history : sequence of EpochFinished
        At least one.
    name : str
        Tells the diagrams of a page apart.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure, axes = _figure()
    epochs = [event.epoch for event in history]
    marker = "o" if len(history) == 1 else ""
    losses = {
        "training": [event.train_loss for event in history],
        "validation": [event.val_loss for event in history],
    }
    for (label, values), color in zip(losses.items(), (NOISY, DENOISED), strict=True):
        axes.plot(epochs, values, f"{marker}-", color=color, linewidth=1.8, label=label)
    best = int(np.argmin(losses["validation"]))
    axes.plot(epochs[best], losses["validation"][best], "o", color=DENOISED, markersize=5)
    if needs_logarithm([*losses["training"], *losses["validation"]], losses["validation"][-1]):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error, normalized")
    _legend(axes)
    return _svg(figure, f"loss-{name}")


def kernel_plot(
    kernel: Kernel, evidence: NDArray[np.float64] | None, *, along_time: bool = False
) -> str:
    """Draw a kernel on the autocorrelation of the noise: what is hidden has a frame.

    Parameters
    ----------
    kernel : Kernel
        Pixels that share noise with the center.
    evidence : (1 or 3, H, W) float64 or None
        Autocorrelation, -1..1, zero lag in the center of each slice.
    along_time : bool
        Whether the slices are frames.

    Returns
    -------
    str
        An ``<svg>`` element; in 2.5D with the slices above and below side by side.
    """
    cells, values = _of_equal_size(kernel.cells, evidence)
    n_slices, height, width = cells.shape
    figure, panels = _panels(n_slices, height, width)
    axis = "t" if along_time else "z"
    titles = [f"{axis} - 1", axis, f"{axis} + 1"] if n_slices == 3 else [""]
    for i, axes in enumerate(panels):
        is_middle = i == n_slices // 2
        _draw_cells(axes, cells[i], values[i], is_middle=is_middle)
        axes.set_title(titles[i], color=MUTED, fontsize=_LETTERS)
    return _svg(figure, "kernel")


def _of_equal_size(
    cells: NDArray[np.bool_], evidence: NDArray[np.float64] | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return cells and evidence (S, H, W) with some of what lies around the kernel."""
    sides = [max(side + 2 * _MARGIN, _FEWEST_CELLS) for side in cells.shape[1:]]
    values = np.zeros(cells.shape) if evidence is None else evidence
    if values.shape[0] != cells.shape[0]:
        values = np.zeros(cells.shape)
    hidden = np.zeros((len(cells), *sides), bool)
    shown = np.zeros(hidden.shape)
    for source, target in ((cells, hidden), (values, shown)):
        (_, y, x), (_, own_y, own_x) = center_of(target), center_of(source)
        up, left = min(y, own_y), min(x, own_x)
        target[:, y - up : y + up + 1, x - left : x + left + 1] = source[
            :, own_y - up : own_y + up + 1, own_x - left : own_x + left + 1
        ]
    return hidden, shown


def _draw_cells(
    axes: Axes, cells: NDArray[np.bool_], values: NDArray[np.float64], *, is_middle: bool
) -> None:
    """Draw a slice (H, W) of a kernel on its evidence."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    center = cells.shape[0] // 2, cells.shape[1] // 2
    squares, shades = [], []
    for (y, x), value in np.ndenumerate(values):
        is_center = is_middle and (y, x) == center
        squares.append(Rectangle((x, y), 1, 1))
        shades.append(to_rgba(INK) if is_center else _shade(float(value)))
        if max(cells.shape) <= _MOST_NUMBERED and not is_center and abs(value) >= _LEAST_NUMBERED:
            label = f"{value:.2f}".replace("0.", ".")
            axes.text(x + 0.5, y + 0.52, label, color=INK, fontsize=5.5, ha="center", va="center")
    axes.add_collection(
        PatchCollection(squares, facecolors=shades, edgecolors=LINE, linewidths=0.5)
    )
    frames = [Rectangle((x, y), 1, 1) for y, x in np.argwhere(cells)]
    axes.add_collection(PatchCollection(frames, facecolors="none", edgecolors=INK, linewidths=1.8))
    axes.set_xlim(-0.1, cells.shape[1] + 0.1)
    axes.set_ylim(cells.shape[0] + 0.1, -0.1)
    axes.set_aspect("equal")
    axes.axis("off")


def _shade(value: float) -> tuple[float, float, float, float]:
    """Return the color of a correlation: the stronger, the less of the page shines through."""
    from matplotlib.colors import to_rgba

    return to_rgba(POSITIVE if value >= 0 else NEGATIVE, 0.85 * min(abs(value), 1.0))


def _figure() -> tuple[Figure, Axes]:
    """Return an empty diagram in the style of all."""
    from matplotlib.figure import Figure

    figure = Figure(_SIZE)
    # as wide as numbers of four digits; a layout that measures them takes twice as long
    figure.subplots_adjust(left=0.155, right=0.985, bottom=0.165, top=0.965)
    figure.patch.set_visible(False)
    axes = figure.add_subplot(facecolor="none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=_LETTERS)
    axes.grid(color=LINE, linewidth=0.6)
    axes.xaxis.label.set(color=INK, fontsize=_LETTERS)
    axes.yaxis.label.set(color=INK, fontsize=_LETTERS)
    return figure, axes


def _panels(n: int, height: int, width: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of n panels of cells side by side."""
    from matplotlib.figure import Figure

    title = 0.25 if n > 1 else 0.0
    figure = Figure((n * (width + 0.6) * _CELL, height * _CELL + title))
    figure.patch.set_visible(False)
    top = 1.0 - title / (height * _CELL + title)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=top, wspace=0.05)
    return figure, [figure.add_subplot(1, n, i + 1) for i in range(n)]


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, labelcolor=INK, fontsize=_LETTERS, handlelength=1.4)


def _svg(figure: Figure, name: str) -> str:
    """Return a figure as an element of a page, which gives it letters and colors."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = io.StringIO()
    # letters stay letters; equal diagrams are equal text
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
            file, metadata={"Date": None}
        )
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<g id=\"[a-zA-Z0-9_.]+_\d+\">", "<g>", text)  # numbers that diagrams share
    width, height = (float(n) for n in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    text = re.sub(r"<svg [^>]*>", _opening(width, height), text, count=1)
    for color, variable in _IN_PAGE.items():
        text = text.replace(color, f"var(--{variable})")
    return text


def _opening(width: float, height: float) -> str:
    return (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}" '
        f'style="--width: {width * 4 / 3:.0f}px" aria-hidden="true" focusable="false">'
    )
