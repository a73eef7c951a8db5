"""A noisy store with hot pixels, waves and NaN, and an untrained model that has to be told all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource, open_images
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.pipeline import denoise_events, finish
from tests.core.conftest import noisy_lines, untrained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of 24 slices, some of whose pixels are no signal."""
    stack = noisy_lines((24, 64, 64)) + np.sin(np.arange(64) * 2 * np.pi / 8)
    stack[:, 5, 7] += 50.0
    stack[3, 20, 20] += 40.0
    stack[4, :9, :9] = np.nan
    path = tmp_path_factory.mktemp("cluster") / "noisy.ome.zarr"
    write_stack(path, stack, ArraySource(stack))
    return path


@pytest.fixture(scope="package")
def denoised() -> Callable[..., Path]:
    """Denoise a store into another one, which is returned."""

    def run(source: Path, output: Path, mode: str = "2D", report: Any = None, **given: Any) -> Path:
        (image,) = open_images(source, mode=mode)
        events = denoise_events([image], untrained(image, mode), [output], device="cpu", **given)
        (written,) = finish(events, *([] if report is None else [report]))
        return written

    return run
