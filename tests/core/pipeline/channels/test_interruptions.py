"""Trainings and results of several channels that are killed, and images that are damaged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.cli import main
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.pipeline import doubt_file, validate_config
from autoStructN2V.pipeline.channels import (
    channel_events,
    channels_of_input,
    denoise_channels,
    find_interrupted_channels,
    models_of_channels,
)
from autoStructN2V.pipeline.events import ChannelStarted, ImageFailed, PredictionProgress
from autoStructN2V.pipeline.run import finish
from autoStructN2V.trainers import EpochFinished
from tests.core.conftest import noisy_lines, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.pipeline import PipelineConfig


@pytest.fixture(autouse=True)
def _all_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of milliseconds would leave no time for a checkpoint after each."""
    monkeypatch.setattr("autoStructN2V.pipeline.files.checkpoints._MOST_SHARE", math.inf)


def _write(path: Path, seed: int = 0) -> Path:
    stack = np.stack([noisy_lines((3, 48, 48), seed + c) * 10**c for c in (0, 1)], axis=1)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZCYX"})
    return path


def _config(folder: Path, images: Path, **fields: object) -> PipelineConfig:
    fields = {"num_epochs": 3, "method": "n2v", **fields}
    place = {"input_dir": images, "output_dir": folder, "experiment_name": "exp"}
    return validate_config(tiny(channels="each", **place, **fields))


def _train(config: PipelineConfig, n_epochs: int | None = None, **options: object):
    """Train to the end, or until an epoch at which it ends for good; return events and output."""
    run = channel_events(config, channels_of_input(config), **options)
    events = []
    while True:
        try:
            events.append(next(run))
        except StopIteration as end:
            return events, end.value
        if n_epochs == sum(isinstance(event, EpochFinished) for event in events):
            run.close()
            return events, None


def test_a_killed_training_goes_on_with_the_channel_that_it_was_at(tmp_path):
    images = _write(tmp_path / "a.tif")
    _, whole = _train(_config(tmp_path / "whole", images))
    config = _config(tmp_path / "killed", images)
    _train(config, n_epochs=5)
    (found,) = find_interrupted_channels(tmp_path / "killed/exp")
    assert found.how_far() == "1 of 2 channels finished"
    events, output = _train(config, resume=True)
    assert sum(isinstance(event, EpochFinished) for event in events) == 3  # of the other channel
    assert [event.channel for event in events if isinstance(event, ChannelStarted)] == [0, 1]
    before, after = (tifffile.imread(made.files[1][0]) for made in (whole, output))
    assert np.array_equal(before, after)
    assert find_interrupted_channels(tmp_path / "killed/exp") == []
    assert not list((tmp_path / "killed").rglob("checkpoint"))


def test_other_settings_or_images_are_refused_with_the_difference(tmp_path):
    images = _write(tmp_path / "a.tif")
    _train(_config(tmp_path / "out", images), n_epochs=4)
    with pytest.raises(ConfigError, match="num_epochs was 3 and is 5; repeat those of then"):
        _train(_config(tmp_path / "out", images, num_epochs=5), resume=True)
    _write(images, seed=5)
    with pytest.raises(InputError, match=r"the images have other pixels now \(channel 0\)"):
        _train(_config(tmp_path / "out", images), resume=True)
    find_interrupted_channels(tmp_path / "out/exp")[0].discard()
    assert find_interrupted_channels(tmp_path / "out/exp") == []


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """A model of both channels of two images, trained beside a file that ends too soon."""
    folder = tmp_path_factory.mktemp("damaged")
    images = folder / "images"
    images.mkdir()
    for seed, name in enumerate("abc"):
        _write(images / f"{name}.tif", 2 * seed)
    whole = (images / "b.tif").read_bytes()
    (images / "b.tif").write_bytes(whole[: len(whole) // 2])
    events, output = _train(_config(folder / "out", images, num_epochs=1))
    return {"images": images, "events": events, "output": output}


def test_one_damaged_file_ends_no_channel(damaged):
    output = damaged["output"]
    assert [path.name for path in output.files[1]] == ["a_stage1.tif", "c_stage1.tif"]
    assert len(output.left_out) == 1
    assert "b.tif" in output.left_out[0]
    assert tifffile.imread(output.files[1][1]).shape == (3, 2, 48, 48)


def test_others_are_denoised_beside_a_damaged_file_which_is_told_once(damaged, tmp_path):
    events = []
    models = models_of_channels(damaged["output"].folder)
    run = denoise_channels(damaged["images"], models, tmp_path, device="cpu", doubt=True)
    made = finish(run, events.append)
    assert [path.name for path in made.files] == ["a_denoised.tif", "c_denoised.tif"]
    assert made.n_images == 3
    assert len([event for event in events if isinstance(event, ImageFailed)]) == 1
    (chart,) = [tifffile.imread(doubt_file(path)) for path in made.files[:1]]
    assert chart.shape == (3, 2, 48, 48)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_results_that_are_there_are_kept_and_the_others_made(damaged, tmp_path):
    folder, models = damaged["images"], models_of_channels(damaged["output"].folder)

    def run(**options: object):
        return denoise_channels(folder, models, tmp_path, device="cpu", **options)

    killed = run(resume=True)
    for event in killed:  # the second channel is begun
        if isinstance(event, PredictionProgress) and event.n_done == event.n_tiles:
            break
    killed.close()
    first = finish(run(resume=True), lambda event: None)
    times = [path.stat().st_mtime_ns for path in first.files]
    again = finish(run(resume=True), lambda event: None)
    assert [path.stat().st_mtime_ns for path in again.files] == times
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(ConfigError, match="exists already"):
        finish(run(), lambda event: None)


def test_the_command_line_goes_on_and_says_what_was_left_out(damaged, tmp_path, capsys):
    words = ["denoise", str(damaged["images"]), "--model", str(damaged["output"].folder)]
    words += ["--device", "cpu", "--output", str(tmp_path / "out")]
    assert main([*words, "--resume"]) == 1
    assert "1 of 3 images could not be denoised" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 1
    assert len(list((tmp_path / "out").iterdir())) == 2
