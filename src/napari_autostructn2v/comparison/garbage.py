"""While images are compared, garbage is looked for among what is new only.

napari collects all garbage whenever layers are removed, so that nothing of theirs is left in
OpenGL. With PyTorch loaded, to go through all objects that ever were takes 0.3 s and more, in which
no click is answered. What was there before a comparison is no garbage of its panels.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from napari_autostructn2v.lifetime import at_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject


class EarlierObjects:
    """What is there at the beginning is passed over by the garbage collector until the end.

    Parameters
    ----------
    owner : QObject
        With its end they are looked at again at the latest. Held weakly.

    Notes
    -----
    Python knows one set of objects that are passed over. If somebody else has set some aside,
    nothing is done, neither at the beginning nor at the end, so that theirs stay aside.
    """

    def __init__(self, owner: QObject) -> None:
        self._owner = weakref.ref(owner)
        self._forget: Callable[[], None] | None = None

    def pass_over(self) -> None:
        """Pass over all objects that are there."""
        owner = self._owner()
        if owner is not None and gc.get_freeze_count() == 0:
            gc.freeze()
            self._forget = at_end(owner, self.look_at)

    def look_at(self) -> None:
        """Look at all objects again."""
        if self._forget is not None:
            self._forget()
            self._forget = None
            gc.unfreeze()
