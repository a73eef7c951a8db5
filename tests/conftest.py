"""What holds for all tests."""

import gc

import hypothesis  # noqa: F401 - it and its plugins look for what refers to their objects
import pytest


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
