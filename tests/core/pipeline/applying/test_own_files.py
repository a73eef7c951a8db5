"""Denoising that goes on knows its own results and maps of doubt, and replaces no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets import open_images
from autoStructN2V.errors import ConfigError
from autoStructN2V.pipeline import denoise_events, doubt_file, finish, output_files
from autoStructN2V.pipeline.channels import denoise_channels
from autoStructN2V.pipeline.events import PredictionProgress
from tests.core.conftest import noisy_lines, untrained, write_tiff

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Denoise = Callable[..., list[Path]]

NOISY = np.stack([noisy_lines((2, 48, 48), seed) for seed in range(4)]).reshape(2, 2, 2, 48, 48)
RAMPS = np.broadcast_to(np.linspace(0.0, 100.0, 48, dtype=np.float32), NOISY.shape)


@pytest.fixture(params=["the model of one channel", "the models of all channels"])
def denoise(request: pytest.FixtureRequest, tmp_path: Path) -> Denoise:
    """Write two images of two channels, and return what denoises them into a folder."""
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()

    def run(images: np.ndarray = NOISY, **options: bool) -> list[Path]:
        for name, image in zip("ab", images, strict=True):
            if not (source / f"{name}.tif").exists():
                tifffile.imwrite(
                    source / f"{name}.tif", image, imagej=True, metadata={"axes": "ZCYX"}
                )
        opened = open_images(source, mode="2D", channel=0)
        model = untrained(opened[0])
        if request.param == "the models of all channels":
            events = denoise_channels(source, [model] * 2, output, device="cpu", **options)
            return finish(events).files
        files = output_files(opened, source, output, resume=options.get("resume", False))
        return finish(denoise_events(opened, model, files, device="cpu", **options))

    return run


def _state(files: list[Path]) -> list[int]:
    return [file.stat().st_mtime_ns for file in files]


def test_a_map_whose_result_was_not_reached_is_its_own(denoise: Denoise) -> None:
    files = denoise(doubt=True, resume=True)
    whole = [tifffile.imread(file) for file in files]
    assert all(doubt_file(file).exists() for file in files)
    files[1].unlink()
    before = _state(files[:1])
    assert denoise(doubt=True, resume=True) == files
    assert _state(files[:1]) == before
    assert np.array_equal(tifffile.imread(files[1]), whole[1])


def test_a_result_whose_map_was_not_asked_for_gets_one(denoise: Denoise) -> None:
    files = denoise(resume=True)
    whole = [tifffile.imread(file) for file in files]
    assert denoise(doubt=True, resume=True) == files
    assert all(doubt_file(file).exists() for file in files)
    for file, pixels in zip(files, whole, strict=True):
        assert np.array_equal(tifffile.imread(file), pixels)
    before = _state(files)
    assert denoise(resume=True) == denoise(doubt=True, resume=True) == files
    assert _state(files) == before


def test_a_result_that_can_have_no_map_is_finished(denoise: Denoise) -> None:
    files = denoise(RAMPS, doubt=True, resume=True)
    assert not any(doubt_file(file).exists() for file in files)
    before = _state(files)
    assert denoise(RAMPS, doubt=True, resume=True) == denoise(RAMPS, resume=True) == files
    assert _state(files) == before


def test_other_files_with_the_name_of_a_map_are_refused(denoise: Denoise) -> None:
    first, _ = denoise(resume=True)
    tifffile.imwrite(doubt_file(first), NOISY[0, 0])
    before = doubt_file(first).read_bytes()
    with pytest.raises(ConfigError, match=rf"{doubt_file(first).name} exists already"):
        denoise(doubt=True, resume=True)
    assert doubt_file(first).read_bytes() == before


def test_what_was_half_written_goes_when_the_result_is_made_otherwise(tmp_path: Path) -> None:
    """Its pixels take as much of the disk as the result."""
    (source,) = open_images(write_tiff(tmp_path / "a.tif", NOISY[0, 0]), mode="2D")
    model, result = untrained(source), tmp_path / "out" / "a.tif"
    killed = denoise_events([source], model, [result], device="cpu", resume=True)
    for event in killed:
        if isinstance(event, PredictionProgress):
            break
    killed.close()
    assert [path.name for path in result.parent.iterdir() if ".pixels" in path.name]
    finish(denoise_events([source], model, [result], device="cpu", overwrite=True))
    assert list(result.parent.iterdir()) == [result]
