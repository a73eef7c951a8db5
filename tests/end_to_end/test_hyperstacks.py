"""Hyperstacks of 3 channels, 4 times and 20 slices: results and layers, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from autoStructN2V.cli import main
from autoStructN2V.datasets import open_images
from autoStructN2V.pipeline import run_pipeline
from napari_autostructn2v.layers.axes import axes_of
from napari_autostructn2v.layers.files import FileImage
from napari_autostructn2v.layers.taking import stacks_of
from tests.core.conftest import tiny

if TYPE_CHECKING:
    from pathlib import Path

    import napari

SIZES = {"T": 4, "C": 3, "Z": 20, "Y": 32, "X": 48}
NAMES = ("DAPI", "GFP", "RFP")
SCALE_UM = (1.5, 0.5, 0.25)  # z, y, x
AXES = {"OME": "TCZYX", "ImageJ": "TZCYX"}


def hyperstack(axes: str) -> np.ndarray:
    """Noisy cells, in each channel ten times as bright as in the one before."""
    rng = np.random.default_rng(0)
    shape = [SIZES[letter] for letter in axes]
    gain = 10.0 ** np.arange(3).reshape([-1 if letter == "C" else 1 for letter in axes])
    structure = 20.0 + 5.0 * np.sin(np.arange(48) / 5.0) * np.cos(np.arange(32) / 4.0)[:, None]
    noisy = (structure + rng.normal(0.0, 2.0, shape)) * gain
    return noisy.astype(np.uint16)


def write(path: Path, kind: str) -> Path:
    metadata: dict[str, Any] = {"axes": AXES[kind]}
    if kind == "ImageJ":
        metadata |= {"spacing": SCALE_UM[0], "unit": "micron", "finterval": 2.0}
        resolution = (1.0 / SCALE_UM[2], 1.0 / SCALE_UM[1])
        stack = hyperstack(AXES[kind])
        tifffile.imwrite(path, stack, imagej=True, resolution=resolution, metadata=metadata)
        return path
    for letter, size in zip("ZYX", SCALE_UM, strict=True):
        metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}
    metadata |= {"Channel": {"Name": list(NAMES)}, "TimeIncrement": 2.0}
    tifffile.imwrite(path, hyperstack(AXES[kind]), ome=True, metadata=metadata)
    return path


@pytest.fixture(scope="module", params=["OME", "ImageJ"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A hyperstack and what a training of a model for each channel made of it."""
    folder = tmp_path_factory.mktemp("hyperstack")
    source = write(
        folder / ("cells.ome.tif" if request.param == "OME" else "cells.tif"), request.param
    )
    config = tiny(method="n2v", channels="each", input_dir=source, output_dir=folder / "out")
    return request.param, source, run_pipeline(config)


def facts(path: Path) -> dict[str, Any]:
    """Return what a file says of axes, scale, units and channels."""
    (source,) = open_images(path, mode="2D", channel=1)
    found = source.metadata
    return {
        "axes": found.axes,
        "shape": found.shape,
        "scale": tuple(round(size, 6) for size in found.scale_um or ()),
        "unit": found.unit,
        "channels": found.ome.get("ChannelNames"),
        "interval": found.imagej.get("finterval") or found.ome.get("TimeIncrement"),
    }


def test_results_say_of_themselves_what_the_source_says(trained, tmp_path):
    kind, source, output = trained
    (result,) = output["files"][1]
    denoised = tmp_path / source.name
    words = ["denoise", str(source), "--model", str(output["model_dir"]), "--device", "cpu"]
    assert main([*words, "--output", str(denoised)]) == 0
    wanted = facts(source)
    assert wanted["axes"] == AXES[kind]
    assert wanted["channels"] == (NAMES if kind == "OME" else None)
    assert wanted["scale"] == SCALE_UM and wanted["interval"] is not None
    for path in (result, denoised):
        assert facts(path) == wanted
        pixels = tifffile.imread(path)
        assert pixels.shape == tuple(SIZES[letter] for letter in AXES[kind])
        means = pixels.mean(axis=tuple(i for i, k in enumerate(AXES[kind]) if k != "C"))
        np.testing.assert_allclose(means[1:] / means[:-1], 10.0, rtol=0.1)


def test_napari_shows_a_result_with_axes_and_scale(trained, viewer: napari.Viewer):
    kind, source, output = trained
    layers = [FileImage.read(path).layer() for path in (source, output["files"][1][0])]
    for layer in layers:
        viewer.add_layer(layer)
        assert axes_of(layer) == AXES[kind]
        assert viewer.dims.axis_labels == tuple(AXES[kind].lower())
        scale = dict(zip(AXES[kind], layer.scale, strict=True))
        assert [scale[k] for k in "TCZYX"] == pytest.approx([1.0, 1.0, *SCALE_UM])
        units = dict(zip(AXES[kind], map(str, layer.units), strict=True))
        assert [units[k] for k in "TCZYX"] == ["pixel", "pixel", *(["micrometer"] * 3)]
    stacks = stacks_of(layers[0])
    assert stacks.shapes == [(20, 32, 48)] * 12 and stacks.n_channels == 3
    assert stacks.summary.startswith("4 timepoints of 3 channels of 20 slices")
