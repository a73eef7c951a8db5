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
def _plain_diagrams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the lines out of diagrams: drawing takes a third of a tiny training, and is tested."""
    if "report" not in request.path.parts:
        drawing = "autoStructN2V.pipeline.report.plots._svg"
        monkeypatch.setattr(drawing, lambda figure, name: "<svg></svg>")
