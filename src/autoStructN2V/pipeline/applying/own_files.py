"""Results that are there already: which of them the same model made of the same images."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.formats.history import is_result_of
from autoStructN2V.datasets.images.names import doubt_file, refuse_existing
from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.vocabulary import OutputDtype

    History = dict[str, object]

_SLICES_TO_KNOW_BY = 4


@dataclass(frozen=True)
class OwnFiles:
    """Files that are there from an earlier try of the same work.

    Attributes
    ----------
    paths : frozenset of Path
        Results and maps of doubt of the same model and images; they may be made anew.
    finished : frozenset of Path
        Results of which nothing is missing, nor of their maps.
    """

    paths: frozenset[Path] = frozenset()
    finished: frozenset[Path] = frozenset()

    @classmethod
    def find(
        cls,
        sources: Sequence[ImageSource],
        outputs: Sequence[Path],
        histories: Sequence[History],
        *,
        doubt: bool,
    ) -> OwnFiles:
        """Look at what has the names of results.

        Parameters
        ----------
        sources : sequence of ImageSource
            Images.
        outputs : sequence of Path
            File of the result of each.
        histories : sequence of dict
            How each would be made, of :func:`history_of`.
        doubt : bool
            Whether there are to be maps of doubt.
        """
        paths: set[Path] = set()
        finished: set[Path] = set()
        for source, path, history in zip(sources, outputs, histories, strict=True):
            chart = doubt_file(path)
            has_map = doubt and is_result_of(chart, source, history_of_map(history))
            can_have_none = is_result_of(path, source, without_map(history))
            is_own = can_have_none or is_result_of(path, source, history)
            paths |= ({chart} if has_map else set()) | ({path} if is_own else set())
            finished |= {path} if is_own and (has_map or can_have_none or not doubt) else set()
        return cls(frozenset(paths), frozenset(finished))

    def refuse_others(self, outputs: Sequence[Path], *, doubt: bool) -> None:
        """Refuse to replace other files by results or their maps.

        Raises
        ------
        ConfigError
            If one exists.
        """
        maps = list(map(doubt_file, outputs)) if doubt else []
        refuse_existing([path for path in [*outputs, *maps] if path not in self.paths])


def history_of(model: TrainedModel, source: ImageSource, dtype: OutputDtype) -> History:
    """Return what a result says of itself: its model, its type, and the state of its image."""
    file = source.metadata.path
    state = file.stat() if file is not None and file.exists() else None
    image = None if state is None else {"bytes": state.st_size, "modified_ns": state.st_mtime_ns}
    return {"model": model.provenance, "stage": model.stage, "type": dtype, "image": image}


def history_of_map(history: Mapping[str, object]) -> History:
    """Return how a map of doubt was made, from how its result was."""
    return {**history, "result": "map of doubt"}


def without_map(history: Mapping[str, object]) -> History:
    """Return how a result was made whose map was asked for, and cannot be told."""
    return {**history, "map of doubt": None}


def journal_of(source: ImageSource, path: Path, history: History, digest: str) -> Unfinished:
    """Return the journal of a result; it is of no use for other pixels or another model.

    Parameters
    ----------
    source : ImageSource
        Image; a few slices of one that is no file are read.
    path : Path
        Of the result.
    history : dict
        How it is made.
    digest : str
        Of the model.
    """
    pixels = None
    file = source.metadata.path
    if file is None or not file.is_file():  # of a store, dates and sizes say nothing
        few = evenly(source.shape[0], _SLICES_TO_KNOW_BY)
        pixels = [zlib.crc32(source.read_slice(z).data) for z in few]
    return Unfinished.beside(path, repr((source.name, source.shape, history, digest, pixels)))
