"""The napari window of the plugin's tests serves here as well."""

from tests.plugin.conftest import qtbot, session, viewer

__all__ = ["qtbot", "session", "viewer"]
