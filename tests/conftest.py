"""What holds for all tests."""

import gc
import pickle
from typing import Any

import hypothesis  # noqa: F401 - it and its plugins look for what refers to their objects
import pytest

from autoStructN2V.datasets.samples import synthetic


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was imported, which is no garbage.

    napari collects garbage whenever a layer goes, and pytest when it ends. That takes the longer
    the more objects there are, and PyTorch, SciPy and napari alone have a million.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def plain_diagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the lines out of diagrams, which take a third of a tiny training to draw.

    Tests that look at them have a fixture of this name that does nothing.
    """
    drawing = "autoStructN2V.pipeline.report.plots._svg"
    monkeypatch.setattr(drawing, lambda figure, name: "<svg></svg>")


DRAWN: dict[bytes, Any] = {}
"""Clean images of samples by what they are drawn from."""


@pytest.fixture(autouse=True)
def textures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clean images of samples take nearly all of their time, and many tests use the same.

    Each test gets a copy. Tests of the samples themselves have a fixture of this name that does
    nothing.
    """
    draw = synthetic.clean_texture

    def remembered(shape: Any, generator: Any, z_scale: float = 0.0) -> Any:
        key = pickle.dumps((shape, generator.bit_generator.state, z_scale))
        if key not in DRAWN:
            DRAWN[key] = draw(shape, generator, z_scale)
        return DRAWN[key].copy()

    monkeypatch.setattr(synthetic, "clean_texture", remembered)
