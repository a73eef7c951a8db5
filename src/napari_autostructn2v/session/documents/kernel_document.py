"""The kernel being edited, its evidence and its history; knows no Qt.

It belongs to the session, so that closing the mask editor loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from autoStructN2V.masking import ExtractorConfig, Kernel, propose_kernel
from napari_autostructn2v.session.documents.history import History
from napari_autostructn2v.session.documents.kernel_shapes import centered, drawn, empty

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.masking import (
        Advice,
        Autocorrelation,
        KernelProposal,
        KernelStatistics,
    )
    from autoStructN2V.vocabulary import Mode
    from napari_autostructn2v.session.documents.kernel_shapes import Shape

Cell = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class _State:
    """What one undo step restores."""

    kernel: Kernel
    proposal: KernelProposal | None
    extractor: ExtractorConfig


class KernelDocument:
    """A kernel, the evidence it rests on and the parameters that made it, all with undo.

    Cells are indices (z, y, x) into the cells of the kernel; z is 0 in 2D.

    Attributes
    ----------
    history : History
        Takes steps back, and makes several changes one step.
    """

    changed = Signal()
    """The kernel, its history or mirrored editing changed."""
    evidence_changed = Signal()
    """The proposal or the extractor's parameters changed."""

    def __init__(self, extractor: ExtractorConfig | None = None) -> None:
        extractor = extractor or ExtractorConfig()
        self.history = History(_State(empty(extractor.center_size), None, extractor))
        self.history.changed.connect(self._announce)
        self._is_mirrored = True

    @property
    def kernel(self) -> Kernel:
        """The kernel as it is now."""
        return self._state.kernel

    @property
    def planes(self) -> NDArray[np.bool_]:
        """Copy of the cells of the kernel, (1 or 3, h, w) bool."""
        return self.kernel.cells.copy()

    @property
    def mode(self) -> Mode:
        """Whether the kernel has one slice (2D) or three (2.5D)."""
        return self.kernel.mode

    @property
    def center(self) -> Cell:
        """Cell of the predicted pixel."""
        n_planes, height, width = self._plane_shape
        return n_planes // 2, height // 2, width // 2

    @property
    def proposal(self) -> KernelProposal | None:
        """What the extractor proposed last."""
        return self._state.proposal

    @property
    def autocorrelation(self) -> Autocorrelation | None:
        """Evidence that the proposal rests on."""
        return self._state.proposal.autocorrelation if self._state.proposal else None

    @property
    def advice(self) -> Advice | None:
        """What the evidence means for the person."""
        return self._state.proposal.advice if self._state.proposal else None

    @property
    def extractor(self) -> ExtractorConfig:
        """Parameters of the last proposal, and of the next."""
        return self._state.extractor

    @property
    def is_edited(self) -> bool:
        """Whether the kernel hides other pixels than the one proposed."""
        proposal = self._state.proposal
        return proposal is not None and proposal.kernel.trimmed() != self.kernel.trimmed()

    @property
    def is_on_measured_grid(self) -> bool:
        """Whether the evidence is about cells of the size that those of the kernel have."""
        measured = self.autocorrelation
        return measured is not None and measured.grid_share == self.kernel.grid_share

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was proposed or drawn yet."""
        return self.proposal is None and not (self.history.can_undo or self.history.can_redo)

    @property
    def statistics(self) -> KernelStatistics:
        """Size, number of hidden pixels, pattern and the sentence of the kernel."""
        return self.kernel.description

    @property
    def is_mirrored(self) -> bool:
        """Whether an edit also changes the cell opposite of the center."""
        return self._is_mirrored

    @is_mirrored.setter
    def is_mirrored(self, is_mirrored: bool) -> None:
        if is_mirrored != self._is_mirrored:
            self._is_mirrored = is_mirrored
            self.changed.emit()

    def correlations(self) -> NDArray[np.float64]:
        """Return the evidence under each cell, (1 or 3, h, w); NaN where nothing was measured."""
        values = np.full(self._plane_shape, np.nan)
        if self.autocorrelation is None or not self.is_on_measured_grid:
            return values
        return centered(values, self.autocorrelation.values)

    def mirrored(self, cell: Cell) -> Cell:
        """Return the cell opposite of the center: offset (dz, dy, dx) becomes (-dz, -dy, -dx)."""
        z, y, x = (side - 1 - index for index, side in zip(cell, self._plane_shape, strict=True))
        return z, y, x

    def set_cells(self, cells: Iterable[Cell], hidden: bool, name: str = "draw") -> None:
        """Hide or show cells, and their opposites if editing is mirrored.

        Parameters
        ----------
        cells : iterable of (z, y, x)
            Cells; the center stays hidden.
        hidden : bool
            Their new state.
        name : str
            What the undo button calls this step.
        """
        planes = self.planes
        for cell in cells:
            planes[cell] = hidden
            if self._is_mirrored:
                planes[self.mirrored(cell)] = hidden
        planes[self.center] = True
        self._set_planes(planes, name)

    def toggle(self, cell: Cell) -> None:
        """Hide a cell that was shown, or show one that was hidden."""
        self.set_cells([cell], not self.planes[cell])

    def clear(self) -> None:
        """Show every cell but the center."""
        planes = np.zeros(self._plane_shape, bool)
        planes[self.center] = True
        self._set_planes(planes, "clear")

    def add_shape(self, shape: Shape, length: int, z: int | None = None) -> None:
        """Hide the cells of a shape around the center; the kernel grows where it is too small.

        Parameters
        ----------
        shape : str
            ``'falling'`` is the diagonal from top left to bottom right, ``'rising'`` the other.
        length : int
            Side of the shape in cells, odd.
        z : int, optional
            Slice of the kernel; by default the middle one.
        """
        figure = drawn(shape, length)
        z = self.center[0] if z is None else z
        with self.history.stroke(
            shape.replace("falling", "diagonal").replace("rising", "diagonal")
        ):
            height, width = (
                max(have, want)
                for have, want in zip(self._plane_shape[1:], figure.shape, strict=True)
            )
            self.resize(height, width)
            _, middle_y, middle_x = self.center
            offsets = np.argwhere(figure) - [side // 2 for side in figure.shape]
            self.set_cells([(z, middle_y + int(y), middle_x + int(x)) for y, x in offsets], True)

    def resize(self, height: int, width: int) -> None:
        """Cut or pad the kernel around its center.

        Raises
        ------
        KernelError
            If a side is even or larger than 31.
        """
        cells = self.kernel.cells
        self._set_planes(centered(np.zeros((len(cells), height, width), bool), cells), "resize")

    def set_mode(self, mode: Mode) -> None:
        """Add two empty slices around a 2D kernel, or keep the middle of a 2.5D one."""
        if mode == self.mode:
            return
        planes = np.zeros((1 if mode == "2D" else 3, *self._plane_shape[1:]), bool)
        planes[len(planes) // 2] = self.kernel.middle
        if self.is_untouched:
            kernel = replace(self.kernel, cells=planes)
            self.history.replace(replace(self._state, kernel=kernel))
        else:
            self._set_planes(planes, f"change to {mode}")

    def set_proposal(self, proposal: KernelProposal, extractor: ExtractorConfig) -> None:
        """Take over new evidence with the kernel proposed from it; can be undone.

        Parameters
        ----------
        proposal : KernelProposal
            Of a run, or of a measured layer.
        extractor : ExtractorConfig
            Parameters that it was made with.
        """
        self.history.end_stroke()
        self.history.apply(_State(proposal.kernel, proposal, extractor), "new proposal")

    def regenerate(self, extractor: ExtractorConfig) -> None:
        """Propose again from the same evidence; hand edits can be brought back by undo.

        Calls that change the same parameter one after the other are one undo step.

        Parameters
        ----------
        extractor : ExtractorConfig
            Kept for later if nothing has been measured yet.
        """
        state = replace(self._state, extractor=extractor)
        if self.autocorrelation is not None:
            proposal = propose_kernel(self.autocorrelation, extractor)
            state = _State(proposal.kernel, proposal, extractor)
        name = self._name_of_change(extractor)
        if name == "regenerate" and not self.is_edited:
            return
        is_continued = (
            name == self.history.undo_name and not self.history.can_redo and name != "regenerate"
        )
        if is_continued or state.proposal is None:
            self.history.replace(state)
        else:
            self.history.apply(state, name)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Replace the kernel by that of a .npy file.

        Raises
        ------
        KernelError
            If the file holds no valid kernel.
        """
        self.history.apply(replace(self._state, kernel=Kernel.load(path)), "load")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the kernel to a .npy file and return its path.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        return self.kernel.save(path)

    @property
    def _state(self) -> _State:
        return self.history.value

    @property
    def _plane_shape(self) -> Cell:
        n_planes, height, width = self.kernel.cells.shape
        return n_planes, height, width

    def _name_of_change(self, extractor: ExtractorConfig) -> str:
        fields = type(extractor).model_fields
        titles = [
            str(field.title).lower()
            for name, field in fields.items()
            if extractor[name] != self.extractor[name]
        ]
        return titles[0] if len(titles) == 1 else "change parameters" if titles else "regenerate"

    def _set_planes(self, planes: NDArray[np.bool_], name: str) -> None:
        """Take over cells (1 or 3, h, w) of a kernel, if they are other ones."""
        kernel = replace(self.kernel, cells=planes)
        if kernel != self.kernel:
            self.history.apply(replace(self._state, kernel=kernel), name)

    def _announce(self, before: _State, now: _State) -> None:
        self.changed.emit()
        if now.proposal is not before.proposal or now.extractor != before.extractor:
            self.evidence_changed.emit()
