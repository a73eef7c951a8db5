"""A result that is written slice by slice, gone on with after a crash.

Pixels go to a file or a store of their own until all are there. Its journal says of each slice that
is in it, by a checksum, what was written; only what agrees with it is taken for finished, so that a
slice that never reached the disk costs itself alone. Several processes may write slices and note
them: lines are appended, and one that is lost or spoiled costs its slice.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from autoStructN2V.errors import OutputError
from autoStructN2V.files import flush, output_error, remove_quietly, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 50_000_000  # of a journal, which may come from anywhere: some million slices
_LONGEST_HEAD = 1_000_000  # bytes of its first line


class Content(Protocol):
    """What there is of a result, to be compared with what its journal says."""

    @property
    def n_slices(self) -> int:
        """Slices that it is to have."""

    def fits(self, head: Mapping[str, Any]) -> bool:
        """Tell whether the first line of a journal is about this content."""

    def sum_of(self, z: int) -> int:
        """Return the checksum of a slice as it is there."""


@dataclass
class Unfinished:
    """A file or store that is being written, and its journal.

    Attributes
    ----------
    partial : Path
        Where the pixels are until they are complete; on the disk of the final file.
    path : Path
        The journal.
    made_by : str
        What the slices are made of and by: those of another making are not gone on with.
    """

    partial: Path
    path: Path
    made_by: str
    _sums: dict[int, int] = field(default_factory=dict)

    @classmethod
    def beside(cls, final: Path, made_by: str) -> Self:
        """Return one whose hidden files lie beside the final one."""
        final = Path(os.path.realpath(final))  # a link may lead to another disk
        partial = final.with_name(f".{shortened(final.name)}.pixels")
        return cls(partial, partial.with_suffix(".slices"), made_by)

    def read(self, content: Content) -> bool:
        """Find out which slices are as the journal says; False if it is of another result."""
        self._sums = {}
        try:
            with self.path.open("rb") as journal:
                first, *lines = journal.read(_MOST_BYTES).splitlines()
            head = json.loads(first)
            if head["made_by"] != self.made_by or not content.fits(head):
                return False
            noted = _sums_in(lines, content.n_slices)
            self._sums = {z: s for z, s in noted.items() if content.sum_of(z) == s}
        except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return False
        return True

    @property
    def finished(self) -> frozenset[int]:
        """Slices that are there."""
        return frozenset(self._sums)

    def begin(self, head: Mapping[str, Any]) -> None:
        """Begin the journal of a result without slices; ``head`` is what it has to fit later.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self._sums = {}
        first = json.dumps({"made_by": self.made_by, **head}) + "\n"
        try:
            # under its own name at once: a kill leaves nothing beside it; half a line is refused
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(first.encode())
            flush(self.path)
        except OSError as error:
            raise output_error(self.path, error) from error

    def note(self, z: int, checksum: int) -> None:
        """Note that a slice was written.

        Raises
        ------
        OutputError
            If the disk is full, or the journal has gone.
        """
        self._sums[z] = checksum
        try:
            # never created: a process that was left behind shall not begin one
            journal = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(journal, f"{z} {checksum}\n".encode())
            finally:
                os.close(journal)
        except OSError as error:
            raise output_error(self.path, error) from error

    def remove(self) -> None:
        """Remove the journal of a result that is there, and what another try left of it."""
        remove_quietly(self.path)
        remove_quietly(self.partial)

    def require_current(self) -> None:
        """Make sure that nobody has begun another result in this place.

        Raises
        ------
        OutputError
            If somebody has, or the result was finished without this process.
        """
        try:
            with self.path.open("rb") as journal:
                is_own = json.loads(journal.readline(_LONGEST_HEAD))["made_by"] == self.made_by
        except (OSError, ValueError, TypeError, KeyError):
            is_own = False
        if not is_own:
            raise OutputError(
                f"{self.partial} is not the place of this result any more; another run has taken "
                "it over."
            )


def _sums_in(lines: list[bytes], n_slices: int) -> dict[int, int]:
    """Return the checksums of slices in a journal, whose last line may be cut off."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 2 and all(word.isdigit() and len(word) < 12 for word in words):
            found[int(words[0])] = int(words[1])
    return {z: value for z, value in found.items() if z < n_slices}
