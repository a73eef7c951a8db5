"""The demo: noisy images with known truth, denoised, scored and shown."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V import datasets, pipeline
from autoStructN2V.pipeline import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.pipeline.files import RunOutput

_SHAPE = (12, 192, 192)
_SEED = 0
# shorter than the preset: enough to see both stages at work on two processor cores
_SETTINGS = {
    "preset": "fast",
    "num_epochs": 6,
    "stage1": {"steps_per_epoch": 12},
    "stage2": {"steps_per_epoch": 45},
}


@dataclass(frozen=True)
class Demonstration:
    """What the demo made.

    Attributes
    ----------
    output : RunOutput
        The training.
    picture : Path
        Before / after PNG.
    summary : str
        Distance to the clean truth of each stage, in words.
    """

    output: RunOutput
    picture: Path
    summary: str


def _denoised(output: RunOutput) -> dict[str, NDArray[np.float32]]:
    """Read the first stack (Z, Y, X) that each stage wrote."""
    files_of = sorted(output.files.items())
    opened = {n: datasets.open_images(written[0], mode="2D")[0] for n, written in files_of}
    return {f"stage {n}": datasets.read_stack(source) for n, source in opened.items()}


def run_demo(
    folder: Path,
    report: Callable[[Event], None],
    should_stop: Callable[[], bool],
    *,
    open_viewer: bool,
) -> Demonstration | None:
    """Train on generated images with horizontal lines; None when stopped.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    report : callable
        Called with every event.
    should_stop : callable
        True ends the demo.
    open_viewer : bool
        Whether to show the result in napari, where there is a display.
    """
    sample = datasets.make_sample("horizontal_lines", seed=_SEED, shape=_SHAPE)
    noisy, truth = folder / "noisy_horizontal_lines.tif", folder / "clean_truth.tif"
    for path, stack in ((noisy, sample.noisy), (truth, sample.clean)):
        datasets.write_stack(path, stack, datasets.ArraySource(stack))
    config = {
        **_SETTINGS,
        "input_dir": noisy,
        "output_dir": folder.resolve().parent,
        "experiment_name": folder.resolve().name,
    }
    output: RunOutput = pipeline.finish(files.file_events(config, should_stop=should_stop), report)
    if output.result.is_stopped:
        return None
    stacks = {"noisy": sample.noisy, **_denoised(output)}
    scores = {name: _psnr(stack, sample.clean) for name, stack in stacks.items()}
    panels = [(f"{name}, {scores[name]:.1f} dB", stack[0]) for name, stack in stacks.items()]
    picture = folder / "before_after.png"
    files.save_png(picture, files.draw_panels([*panels, ("clean truth", sample.clean[0])]))
    if open_viewer:
        _open_in_napari([noisy, *(file for written in output.files.values() for file in written)])
    summary = ", ".join(f"{name} {score:.1f} dB" for name, score in scores.items())
    return Demonstration(output, picture, f"Agreement with the clean truth (PSNR): {summary}")


def _psnr(stack: NDArray[np.float32], clean: NDArray[np.float32]) -> float:
    """Return the peak signal-to-noise ratio in dB, peak 1."""
    return float(-10 * np.log10(np.square(stack.astype(np.float64) - clean).mean()))


def _open_in_napari(paths: list[Path]) -> None:
    """Start the viewer as a program of its own, where it is installed and can be seen."""
    has_display = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_display and importlib.util.find_spec("napari") is not None:
        subprocess.Popen([sys.executable, "-m", "napari", *map(str, paths)])
