"""The napari window of the plugin's tests serves here as well."""

import napari
import pytest

from tests.plugin.conftest import _what_windows_keep, qtbot, session, window_is_shown, windowed

__all__ = ["_what_windows_keep", "qtbot", "session", "window_is_shown", "windowed"]


@pytest.fixture
def viewer(windowed: napari.Viewer) -> napari.Viewer:
    """A napari window."""
    return windowed
