"""How the slices of a stack are divided among workers."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.sources import slices_together

if TYPE_CHECKING:
    from collections.abc import Collection

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import Mode

_PIXELS = 16 * 2**20  # of a block: seconds to minutes, and what a killed worker costs
_FEWEST_OF_VOLUME = 8  # slices where a block reads one more on either side
_BLOCKS_EACH = 4  # at least, for every thread: the last ones end at nearly the same time


def plan_blocks(
    source: ImageSource, missing: Collection[int], mode: Mode, n_threads: int
) -> list[tuple[int, ...]]:
    """Divide the slices that are missing into blocks.

    Chunks of several slices are not divided, so that each is decoded once; in 2.5D blocks are
    thick, as they read the slices beside them too.

    Parameters
    ----------
    source : ImageSource
        Stack.
    missing : collection of int
        Slices to denoise.
    mode : {"2D", "2.5D"}
        What the network sees.
    n_threads : int
        Of all workers together.

    Returns
    -------
    list of tuple of int
        Slices of each block, in order.
    """
    height, width = source.shape[1:]
    together = slices_together(source)
    least = _FEWEST_OF_VOLUME if mode == "2.5D" else 1
    wanted = max(least, _PIXELS // (height * width))
    fair = max(1, len(missing) // (_BLOCKS_EACH * max(1, n_threads)))
    thickness = max(1, min(wanted, fair) // together) * together
    groups = groupby(sorted(missing), lambda z: z // thickness)
    return [tuple(slices) for _, slices in groups]
