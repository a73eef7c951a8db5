"""Architecture: the core loads no viewer and no Qt, and naming the package does not load torch."""

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, sys
import autoStructN2V
names = [m.name for m in pkgutil.walk_packages(autoStructN2V.__path__, "autoStructN2V.")]
assert len(names) > 40, names
for name in names:
    importlib.import_module(name)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
VIEWER = {
    *("napari", "napari_autostructn2v", "qtpy", "superqt", "magicgui", "vispy", "pyqtgraph"),
    *("PyQt5", "PyQt6", "PySide2", "PySide6", "psygnal", "matplotlib"),
}


def loaded_by(code):
    """Return the top-level packages that a fresh interpreter has after ``code``."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_no_module_of_the_core_loads_a_viewer():
    loaded = loaded_by(IMPORT_ALL)
    assert "torch" in loaded
    assert loaded & VIEWER == set()


def test_importing_the_package_is_fast():
    loaded = loaded_by("import sys, autoStructN2V; print(*sys.modules)")
    assert "autoStructN2V" in loaded
    assert loaded & {"torch", "numpy", "scipy", "pydantic", "tifffile"} == set()


def test_the_version_is_that_of_the_distribution():
    from importlib.metadata import version

    import autoStructN2V

    assert version("napari-autostructn2v") == autoStructN2V.__version__
