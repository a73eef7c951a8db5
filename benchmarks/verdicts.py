"""Whether the verdict of a run, which knows no clean images, agrees with the truth."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.masking import find_patterns
from autoStructN2V.pipeline import validate_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.inference.verdict import Verdict

COLUMN = "verdict: dB above Gaussian (truth), ranks"
_CLEAR = 0.2  # dB in the truth: smaller differences need not be ranked
_NAMES = {"stage 1": "stage1", "stage 2": "stage2", "gaussian": "best_gaussian"}


def without_patterns(noisy: NDArray[np.float32], config: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return images (z, y, x) without the patterns that a run removes before it judges them."""
    source = ArraySource(noisy)
    removal = find_patterns([source], **validate_config(config).pattern_search)
    return read_stack(removal.applied_to(source))


def agreement_of(verdict: Verdict | None, psnr: Mapping[str, float]) -> dict[str, Any] | None:
    """Compare a verdict with the PSNR in dB of ``stage1``, ``stage2`` and ``best_gaussian``."""
    if verdict is None:
        return None
    known = {name: psnr[key] for name, key in _NAMES.items() if key in psnr}
    pairs = [
        (a, b)
        for a, b in combinations([name for name in known if name in verdict.errors], 2)
        if abs(known[a] - known[b]) > _CLEAR
    ]
    wrong = [
        f"{a} and {b}"
        for a, b in pairs
        if (known[a] > known[b]) != (verdict.errors[a] < verdict.errors[b])
    ]
    best = verdict.best
    true_gain = known[best] - known["gaussian"] if best in known else None
    return {**verdict.to_dict(), "true_gain_db": true_gain, "n_pairs": len(pairs), "wrong": wrong}


def cell_of(found: Mapping[str, Any] | None) -> str:
    """Return the verdict as a cell of a table."""
    if found is None:
        return "-"
    true = "-" if found["true_gain_db"] is None else f"{found['true_gain_db']:+.1f}"
    ranks = f"wrong: {', '.join(found['wrong'])}" if found["wrong"] else "right"
    return f"{found['gain_db']:+.1f} ({true}), {ranks}"
