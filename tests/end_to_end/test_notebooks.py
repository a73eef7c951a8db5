"""The notebooks of the documentation name what there is; `make docs` runs them, in Jupyter."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_is_there(notebook: Path) -> None:
    tree = ast.parse(notebook.read_text("utf-8"))
    names = [
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    assert names
    missing = [name for name in names if not hasattr(importlib.import_module(name[0]), name[1])]
    assert missing == []


def test_every_notebook_is_shown_and_run_by_the_documentation() -> None:
    settings = (Path(__file__).parents[2] / "mkdocs.yml").read_text("utf-8")
    assert len(NOTEBOOKS) == 5
    assert [n.name for n in NOTEBOOKS if f"notebooks/{n.name}\n" not in settings] == []
    assert "execute: true" in settings
    assert "allow_errors: false" in settings
