"""Make the pictures of the documentation from the running program.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshots.py

A training with preset fast runs in between, which takes some minutes. Options: ``--theme light``
or ``both``, where those in the light theme are in the folder ``light``; ``--size 1920x1080``,
``--output FOLDER``, ``--sample KEY`` or ``--image FILE``, ``--mode 2.5D``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from napari.settings import get_settings
from qtpy.QtWidgets import QApplication

from autoStructN2V.datasets import ArraySource, make_sample
from autoStructN2V.masking import find_patterns
from autoStructN2V.pipeline import finish, recorded_events, validate_config
from napari_autostructn2v.comparison.command import toggle_comparison
from napari_autostructn2v.session.docks import PLUGIN, DockName, title_of
from napari_autostructn2v.session.session import Session, session_for
from napari_autostructn2v.session.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 1500


class Photographer:
    """Waits for what is to be seen, and keeps it.

    Parameters
    ----------
    viewer : napari.Viewer
    folders : dict of str to Path
        For each theme, the folder for the pictures; the first is that of the window.
    """

    def __init__(self, viewer: napari.Viewer, folders: dict[str, Path]) -> None:
        self.viewer = viewer
        self.folders = folders
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)

    def wait(self, is_there: Callable[[], bool]) -> None:
        """Let the program run until something is there."""
        end = time.monotonic() + _SECONDS
        while not is_there():
            if time.monotonic() > end:
                raise TimeoutError("The program did not get there in time.")
            QApplication.processEvents()
            time.sleep(0.01)

    def take(self, name: str) -> None:
        """Write a picture of the whole window in each theme."""
        for theme, folder in self.folders.items():
            self.viewer.theme = theme
            settled = time.monotonic() + 1.0
            self.wait(lambda end=settled: time.monotonic() > end)
            path = folder / f"{name}.png"
            self.viewer.screenshot(str(path), canvas_only=False, flash=False)
            print(path)
        self.viewer.theme = next(iter(self.folders))


def main() -> None:
    """Run the whole tutorial once, with pictures."""
    options = _options()
    themes = {"both": ("dark", "light")}.get(options.theme, (options.theme,))
    get_settings().appearance.theme = themes[0]
    viewer = napari.Viewer()
    width, height = (int(side) for side in options.size.split("x"))
    viewer.window.resize(width, height)
    folders = [options.output, options.output / "light"]
    photographer = Photographer(viewer, dict(zip(themes, folders, strict=False)))
    session = session_for(viewer)
    session.set_config(
        validate_config({"preset": "fast", "mode": options.mode, "output_dir": tempfile.mkdtemp()})
    )
    if options.image is not None:
        viewer.open(options.image)
    else:
        viewer.open_sample(PLUGIN, options.sample)
    layer = viewer.layers[-1]
    viewer.layers.selection = {layer}
    session.choose_layer(layer)
    _train(photographer, session)
    _look(photographer, session)
    _show_models(photographer, session)
    session.close()
    viewer.close()


def _train(photographer: Photographer, session: Session) -> None:
    """From the configuration to the end of stage 2."""
    session.dock_requested.emit(DockName.CONFIGURATION)
    photographer.take("configuration")
    session.dock_requested.emit(DockName.TRAINING)
    session.start_training()
    photographer.wait(lambda: len(session.training.state.history) >= 6)
    photographer.take("training-live")
    photographer.wait(lambda: session.training.state.phase in (Phase.REVIEW, Phase.FAILED))
    photographer.take("mask-editor")
    _look_at_spectrum(photographer, session)
    session.approve()
    session.dock_requested.emit(DockName.TRAINING)
    photographer.wait(lambda: not session.training.state.phase.is_running)
    if session.training.state.error:
        raise SystemExit(session.training.state.error)
    photographer.take("training")


def _look_at_spectrum(photographer: Photographer, session: Session) -> None:
    """Show the spectrum of the image with a wave in it, and go back."""
    editor = photographer.viewer.window.dock_widgets[title_of(DockName.MASK_EDITOR)].content
    removal, name = session.patterns.removal, session.patterns.source_name
    noisy = np.asarray(session.training.results.stacks.layer.data, np.float32)
    y, x = np.mgrid[: noisy.shape[-2], : noisy.shape[-1]]
    wave = noisy.std() * np.sin(2.0 * np.pi * (0.8 * x + 0.6 * y) / 6.4)
    stack = (noisy + wave.astype(np.float32)).reshape(-1, *noisy.shape[-2:])
    session.patterns.show(find_patterns([ArraySource(stack)]), "with a wave")
    editor.evidence.button("spectrum").click()
    photographer.take("mask-editor-spectrum")
    editor.evidence.button("autocorrelation").click()
    session.patterns.show(removal, name)


def _look(photographer: Photographer, session: Session) -> None:
    """Comparison and inference."""
    toggle_comparison(photographer.viewer)
    photographer.take("comparison")
    toggle_comparison(photographer.viewer)
    session.dock_requested.emit(DockName.INFERENCE)
    photographer.take("inference")


def _show_models(photographer: Photographer, session: Session) -> None:
    """Models of other images on the shelf, too; they have learned next to nothing."""
    short = {"preset": "fast", "num_epochs": 1, "output_dir": session.config.output_dir}
    for kind in ("random", "vertical_stripes", "diagonal"):
        noisy = make_sample(kind, seed=1, shape=(4, 128, 128)).noisy
        source = ArraySource(noisy, name=kind.replace("_", " "))
        finish(recorded_events([source], {**short, "experiment_name": kind}))
    session.dock_requested.emit(DockName.INFERENCE)
    dock = photographer.viewer.window.dock_widgets[title_of(DockName.INFERENCE)].content
    dock.shelf.collapse(animate=False)
    dock.shelf.toggleButton().click()
    photographer.wait(lambda: not session.shelf.state.is_looking)
    dock.shelf.view.list.setFocus()
    photographer.take("models")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--theme", default="dark", choices=["dark", "light", "both"])
    parser.add_argument("--size", default="1366x768")
    parser.add_argument("--sample", default="horizontal_lines")
    parser.add_argument("--image")
    parser.add_argument("--mode", default="2D", choices=["2D", "2.5D"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
