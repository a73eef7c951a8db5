"""The notebooks of the documentation run from their first cell to the last.

They are scripts in cells. Here they run as scripts, in this process; `make docs` runs them in
Jupyter.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    try:
        runpy.run_path(str(notebook), run_name="notebook")
    finally:
        plt.close("all")
        matplotlib.use(before)


def test_every_notebook_is_shown_by_the_documentation() -> None:
    navigation = (Path(__file__).parents[2] / "mkdocs.yml").read_text("utf-8")
    assert len(NOTEBOOKS) == 5
    assert [n.name for n in NOTEBOOKS if f"notebooks/{n.name}\n" not in navigation] == []
