"""A model for each channel: trained, kept together and applied together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.cli import main
from autoStructN2V.datasets import ArraySource, open_images, read_stack
from autoStructN2V.datasets.images.channels import AllChannels, n_channels
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.pipeline import find_models, run_pipeline, validate_config
from autoStructN2V.pipeline.channels import (
    channel_events,
    channels_of_input,
    denoise_channels,
    models_of_channels,
)
from autoStructN2V.pipeline.channels.joining import joined_files, write_whole
from autoStructN2V.pipeline.run import finish
from tests.core.conftest import noisy_lines, tiny
from tests.core.datasets.images.test_offset import ON_OFFSETS, on_offset

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (2, 3, 2, 32, 48)  # (t, z, c, y, x): as ImageJ orders them
STACKS = np.stack(
    [noisy_lines((6, 32, 48), seed).reshape(2, 3, 32, 48) * 100**seed for seed in (0, 1)], axis=2
)


def _write(path: Path, stack: np.ndarray = STACKS) -> Path:
    axes = "TZCYX" if stack.ndim == 5 else "TZYX"
    tifffile.imwrite(
        path,
        stack,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": axes, "spacing": 1.5, "unit": "micron", "finterval": 2.0},
    )
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("channels")
    source = _write(folder / "cells.tif")
    config = tiny(method="n2v", channels="each", input_dir=source, output_dir=folder / "out")
    return {**run_pipeline(config), "source": source}


def test_each_channel_has_a_model_of_its_own_intensities(trained):
    means = []
    for number, channel in enumerate(trained["channels"]):
        assert channel["model_dir"].is_relative_to(trained["model_dir"] / f"channel_{number}")
        assert find_models(trained["model_dir"] / f"channel_{number}").keys() == {1}
        assert not channel["final_results_dir"].exists()  # joined below
        means.append(channel["stage1"]["report"] is not None)
    assert means == [True, True]


def test_one_result_has_all_axes_and_the_scale_as_they_were(trained):
    (file,) = trained["files"][1]
    with tifffile.TiffFile(file) as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == ("TZCYX", SHAPE)
        assert tif.imagej_metadata["spacing"] == 1.5
        assert tif.imagej_metadata["finterval"] == 2.0
        denoised = tif.asarray()
    # each in its own range of intensities, of which the second is a hundred times the first
    assert denoised[:, :, 1].std() > 30 * denoised[:, :, 0].std()
    (source,) = open_images(file, mode="2D", channel=1)
    assert source.metadata.scale_um == pytest.approx((1.5, 0.5, 0.25))


def test_applying_all_equals_applying_each(trained, tmp_path):
    folder = str(trained["model_dir"])
    source = str(trained["source"])
    all_channels = tmp_path / "all.tif"
    words = ["denoise", source, "--model", folder, "--device", "cpu", "--output"]
    assert main([*words, str(all_channels)]) == 0
    for channel in range(2):
        one = tmp_path / f"{channel}.tif"
        assert main([*words, str(one), "--channel", str(channel)]) == 0
        np.testing.assert_array_equal(
            tifffile.imread(all_channels)[:, :, channel], tifffile.imread(one)
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tif", "1.tif", "all.tif"]
    assert main([*words, str(all_channels)]) == 1  # exists


def test_a_channel_without_a_model_is_named(trained, tmp_path, capsys):
    """The folder that the training was written to will do, as for one model."""
    words = ["denoise", str(trained["source"]), "--model", str(trained["model_dir"].parent)]
    assert main([*words, "--output", str(tmp_path / "x.tif"), "--channel", "5"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "models of 2 channels, from 0 to 1, and none of channel 5; choose one" in said
    assert list(tmp_path.iterdir()) == []


def test_a_channel_without_noise_to_measure_keeps_its_first_stage_beside_the_others(tmp_path):
    ramp = np.broadcast_to(np.linspace(0.0, 100.0, 48, dtype=np.float32), (2, 48, 48))
    stack = np.stack([noisy_lines((2, 48, 48)), ramp], axis=1)
    source = tmp_path / "two.tif"
    tifffile.imwrite(source, stack, imagej=True, metadata={"axes": "ZCYX"})
    config = tiny(channels="each", input_dir=source, output_dir=tmp_path / "out")
    told = []
    complete = validate_config(config)
    events = channel_events(complete, channels_of_input(complete))
    output = finish(events, lambda event: told.append(str(getattr(event, "message", ""))))
    assert [list(channel.files) for channel in output.channels] == [[1, 2], [1]]
    first, second = (tifffile.imread(output.files[stage][0]) for stage in (1, 2))
    assert not np.array_equal(first[:, 0], second[:, 0])
    np.testing.assert_array_equal(first[:, 1], second[:, 1])
    assert any(text.startswith("Channel 1 has no result of stage 2; in the") for text in told)


def test_a_cancelled_run_writes_nothing(trained, tmp_path):
    events = denoise_channels(
        trained["source"],
        models_of_channels(trained["model_dir"]),
        tmp_path / "a.tif",
        device="cpu",
        should_stop=lambda: True,
    )
    assert finish(events, lambda event: None).files == []
    assert list(tmp_path.iterdir()) == []


def test_images_with_another_number_of_channels_are_refused(trained, tmp_path):
    source = _write(tmp_path / "three.tif", np.repeat(STACKS[:, :, :1], 3, axis=2))
    models = models_of_channels(trained["model_dir"])
    events = denoise_channels(source, models, tmp_path / "a.tif", device="cpu")
    with pytest.raises(InputError, match="are models for 2 channels, and three has 3; choose"):
        finish(events, lambda event: None)
    _write(tmp_path / "two.tif")
    with pytest.raises(InputError, match="two has 2 channels and three has 3; to train one"):
        n_channels(open_images(tmp_path, mode="2D", channel=0))


def test_an_image_of_one_channel_is_trained_on_as_ever(tmp_path):
    source = _write(tmp_path / "a.tif", STACKS[:, :, 0])
    config = tiny(method="n2v", channels="each", input_dir=source, output_dir=tmp_path / "out")
    assert "channels" not in run_pipeline(config)


def test_a_channel_and_each_channel_contradict_each_other():
    with pytest.raises(ConfigError, match="channels is 'each' but channel is 1; drop channel"):
        validate_config({"channels": "each", "channel": 1})


@pytest.mark.parametrize(("dtype", "factor", "offset"), ON_OFFSETS)
def test_pixels_that_float32_cannot_hold_are_joined_as_they_are(tmp_path, dtype, factor, offset):
    _, stack = on_offset(dtype, factor, offset)
    whole = np.stack([stack, stack[::-1]], axis=1)
    tifffile.imwrite(tmp_path / "a.tif", whole, photometric="minisblack")
    (chosen,) = open_images(tmp_path / "a.tif", mode="2D", axes="ZCYX", channel=0)
    parts = [tmp_path / "0.tif", tmp_path / "1.tif"]
    for channel, part in enumerate(parts):
        tifffile.imwrite(part, whole[:, channel], photometric="minisblack")
    write_whole(tmp_path / "b.tif", joined_files(parts, chosen), {})
    written = tifffile.imread(tmp_path / "b.tif")
    assert written.dtype == whole.dtype
    assert np.array_equal(written, whole)


@pytest.mark.parametrize("axes", ["CTZYX", "TCZYX", "TZCYX"])
def test_slices_of_all_channels_are_in_the_order_of_the_axes(tmp_path, axes):
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    whole = np.arange(720.0).reshape([sizes[letter] for letter in axes])
    tifffile.imwrite(tmp_path / "a.tif", whole, photometric="minisblack")
    (chosen,) = open_images(tmp_path / "a.tif", mode="2D", axes=axes, channel=0)
    parts = [
        ArraySource(np.take(whole, channel, axis=axes.index("C")).reshape(8, 5, 6))
        for channel in range(3)
    ]
    joined = AllChannels(parts, chosen)
    assert joined.original_axes_shape == (axes, whole.shape)
    assert np.array_equal(read_stack(joined), whole.reshape(24, 5, 6))
