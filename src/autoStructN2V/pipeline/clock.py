"""Progress of a prediction over several stacks."""

import math
import time

from autoStructN2V.pipeline.events import PredictionProgress


class PredictionClock:
    """Count the tiles of all stacks and estimate the time left.

    Parameters
    ----------
    stage : {1, 2}
        Number that the events carry.
    n_tiles : int
        Tiles of all stacks together.
    """

    def __init__(self, stage: int, n_tiles: int) -> None:
        self._stage = stage
        self._n_tiles = n_tiles
        self._n_done = 0
        self._start = time.perf_counter()

    def leave_out(self, n_tiles: int) -> None:
        """Count tiles that are not to be predicted any more, because they have been."""
        self._n_tiles -= n_tiles

    def advance(self, n: int = 1, blocks_per_second: float | None = None) -> PredictionProgress:
        """Count so many more tiles; none where nothing is finished yet."""
        self._n_done += n
        elapsed = time.perf_counter() - self._start
        left = self._n_tiles - self._n_done
        eta = elapsed / self._n_done * left if self._n_done else math.inf
        return PredictionProgress(self._stage, self._n_done, self._n_tiles, eta, blocks_per_second)
