"""Architecture: the core loads no viewer and no Qt, and naming the package does not load torch."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import autoStructN2V

SOURCE = Path(autoStructN2V.__file__).parents[1]
FACES = sorted(SOURCE.rglob("__init__.pyi"))
MOST_MODULES = 14  # in a folder
MOST_LINES = 60  # of a function, without its docstring
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

    assert version("napari-autostructn2v") == autoStructN2V.__version__


def test_a_help_text_loads_no_pytorch():
    code = """
import contextlib, io, sys
from autoStructN2V.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main(["train", "--help"])
print(*sys.modules)
"""
    assert loaded_by(code) & {"torch", "scipy", "tifffile"} == set()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.parent.name)
def test_a_package_gives_every_name_of_its_stub(face):
    names = [
        alias.name
        for node in ast.parse(face.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    package = importlib.import_module(".".join(face.parent.relative_to(SOURCE).parts))
    assert sorted(names) == sorted(package.__all__)
    assert all(hasattr(package, name) for name in names)


def test_a_folder_holds_as_many_modules_as_a_stranger_can_look_through():
    folders = [folder for folder in SOURCE.rglob("*") if folder.is_dir()]
    counted = {
        str(folder.relative_to(SOURCE)): len(list(folder.glob("[!_]*.py"))) for folder in folders
    }
    assert {name: n for name, n in counted.items() if n > MOST_MODULES} == {}


def lines_of_functions():
    """Count the lines of each function, without its docstring."""
    counted = {}
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                has_docstring = ast.get_docstring(node) is not None
                documented = first.end_lineno - first.lineno + 1 if has_docstring else 0
                name = f"{file.relative_to(SOURCE)}:{node.name}:{node.lineno}"
                counted[name] = node.end_lineno - node.lineno + 1 - documented
    return counted


def test_a_function_can_be_read_in_one_go():
    counted = lines_of_functions()
    assert len(counted) > 1000
    assert {name: n for name, n in counted.items() if n > MOST_LINES} == {}
