"""Packages: what other programs make of them is what this one makes, and they are read back."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import json
import re
import sys
import warnings
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from autoStructN2V.cli.main import main
from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.normalization import Normalization
from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.inference import Predictor, load_model, save_model
from autoStructN2V.inference.trained_model import TrainedModel
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.pipeline import (
    export_model,
    find_models,
    package_details,
    proposed_name,
)
from autoStructN2V.pipeline.configuration.file import write_config
from autoStructN2V.pipeline.configuration.models import validate_config
from tests.core.conftest import noisy_lines, write_tiff

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.vocabulary import Mode

SIDE = 101  # px: another size than that of the tensors in a package, and no multiple of 4
DETAILS = package_details(name="Lines of a camera", authors=("Ada Lovelace",))


def model(mode: Mode = "2D", **fields: Any) -> TrainedModel:
    """Return a model that predicts something, of images of which the mean is large."""
    torch.manual_seed(0)
    network = NetworkConfig(features=8, num_layers=2)
    line = np.ones((1, 3), bool)
    made = TrainedModel(
        network,
        FlexibleUNet(network, 3 if mode == "2.5D" else 1).state_dict(),
        Normalization(1200.0, 35.0, 1100.0, 1400.0, 1190.0, 20.0, 9.0),
        mode,
        "autostructn2v",
        2,
        Kernel.from_array([line] * 3 if mode == "2.5D" else line),
        {"images": ["scan 1.tif"], "version": "0.1.0", "epochs": 3},
    )
    return replace(made, **fields)


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    """Skip these tests where the format's library is not; collecting them need not load it."""
    pytest.importorskip("bioimageio.spec", minversion="0.5.14")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a package of each mode."""
    folder = tmp_path_factory.mktemp("packages")
    for mode in ("2D", "2.5D"):
        export_model(model(mode), DETAILS, folder / f"{mode}.zip")
    return {mode: folder / f"{mode}.zip" for mode in ("2D", "2.5D")}


def described(package: Path) -> dict[str, Any]:
    """Return the description of a package as the library of the format reads it."""
    from bioimageio.spec import InvalidDescr, ValidationContext, load_description

    with warnings.catch_warnings(), ValidationContext(perform_io_checks=False):
        warnings.simplefilter("ignore", ResourceWarning)  # the library leaves the file open
        found = load_description(package)
        assert not isinstance(found, InvalidDescr), found.validation_summary.display()
        fields: dict[str, Any] = found.model_dump(mode="json")
        del found
        gc.collect()
    return fields


def processed(image: NDArray[np.float32], steps: list[dict[str, Any]]) -> NDArray[np.float32]:
    """Do to an image what a description says."""
    for step in steps:
        if step["id"] == "scale_linear":
            image = image * np.float32(step["kwargs"]["gain"]) + np.float32(
                step["kwargs"]["offset"]
            )
        else:
            assert step == {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}
    return image


def network_of(package: Path, form: str, weights: dict[str, Any], folder: Path) -> torch.nn.Module:
    """Return the network as a program without this one would make it."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    if form == "torchscript":
        return torch.jit.load(folder / weights["source"])
    source = weights["architecture"]
    spec = importlib.util.spec_from_file_location("arch", folder / source["source"])
    assert spec is not None and spec.loader is not None
    architecture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(architecture)
    network: torch.nn.Module = getattr(architecture, source["callable"])(**source["kwargs"])
    network.load_state_dict(torch.load(folder / weights["source"], weights_only=True))
    return network.eval()


@pytest.mark.parametrize("form", ["pytorch_state_dict", "torchscript"])
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_other_programs_get_our_result(
    packages: dict[str, Path], mode: Mode, form: str, tmp_path: Path
) -> None:
    stack = 1200.0 + 35.0 * noisy_lines((3, SIDE, SIDE))
    trained = model(mode)
    predictor = Predictor.of_model(trained, trained.build(torch.device("cpu")))
    ours = predictor.denoise_slice(ArraySource(stack), 1)
    fields = described(packages[mode])
    (given,), (made) = fields["inputs"], fields["outputs"][0]
    assert given["axes"][2]["size"]["min"] <= SIDE and given["axes"][2]["size"]["step"] == 1
    network = network_of(packages[mode], form, fields["weights"][form], tmp_path)
    seen = stack[None] if mode == "2.5D" else stack[None, 1:2]
    with torch.inference_mode():
        output = network(torch.from_numpy(processed(seen, given["preprocessing"])))
    theirs = processed(output.numpy(), made["postprocessing"])[0, 0]
    # float32 keeps 1e-4 of intensities of a thousand
    assert np.abs(theirs - ours).max() < 1e-3
    assert np.abs(theirs - stack[1]).max() > 1.0


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_the_tensors_of_a_package_fit_each_other(
    packages: dict[str, Path], mode: Mode, tmp_path: Path
) -> None:
    with zipfile.ZipFile(packages[mode]) as archive:
        archive.extractall(tmp_path)
    noisy, expected = (np.load(tmp_path / f"test_{name}.npy") for name in ("input", "output"))
    assert noisy.shape[1] == (3 if mode == "2.5D" else 1)
    trained = model(mode)
    predictor = Predictor.of_model(trained, trained.build(torch.device("cpu")))
    ours = predictor.denoise_slice(ArraySource(noisy[0]), noisy.shape[1] // 2)
    assert np.allclose(ours, expected[0, 0], atol=1e-3)


def test_a_package_says_who_made_it_and_what_it_is(packages: dict[str, Path]) -> None:
    from bioimageio.spec.model.v0_5 import ModelDescr

    fields = described(packages["2D"])
    assert fields["format_version"] == ModelDescr.implemented_format_version
    assert fields["name"] == "Lines of a camera"
    assert fields["authors"][0]["name"] == "Ada Lovelace"
    assert fields["license"] == "CC-BY-4.0"
    assert {"10.1109/CVPR.2019.00223", "10.1109/ISBI45749.2020.9098336"} <= {
        cited.get("doi") for cited in fields["cite"]
    }
    with zipfile.ZipFile(packages["2D"]) as archive:
        for weights in filter(None, fields["weights"].values()):
            content = archive.read(weights["source"])
            assert weights["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_package_is_read_back(packages: dict[str, Path], mode: Mode) -> None:
    assert find_models(packages[mode]) == {2: packages[mode]}
    again, trained = load_model(packages[mode]), model(mode)
    assert again.kernel == trained.kernel
    assert again.normalization == trained.normalization
    assert (again.mode, again.provenance) == (mode, trained.provenance)
    assert all(torch.equal(again.weights[name], trained.weights[name]) for name in again.weights)


def test_what_lies_beside_a_model_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "report.html").write_text("<!doctype html>")
    config = {"mode": "2D", "input_dir": "/home/anna/patient_7.tif", "stage2": {"batch_size": 3}}
    write_config(folder / "config.json", validate_config(config))
    Image.new("L", (64, 32), 77).save(folder / "before_after.png")
    export_model(model(), DETAILS, tmp_path / "x.zip", folder)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert {"report.html", "config.json", "stage2_model.pth"} <= set(archive.namelist())
        attached = archive.read("config.json").decode()
        assert json.loads(attached)["stage2"]["batch_size"] == 3
        assert "anna" not in attached, "where files lie tells who somebody is"
        with archive.open("cover.png") as cover:
            assert Image.open(cover).getpixel((0, 0)) == 77


def test_what_a_package_leaves_out_is_said(tmp_path: Path) -> None:
    done = ("remove_periodic", "repair_outliers", "align_rows", "evens_slices", "is_matched")
    told = export_model(
        model(average_turns=True, provenance=dict.fromkeys(done, True)),
        DETAILS,
        tmp_path / "x.zip",
    )
    words = ("orientations", "Periodic patterns", "Outliers", "Rows", "bleach", "each for itself")
    assert [word in sentence for word, sentence in zip(words, told, strict=True)] == [True] * 6
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert all(sentence in archive.read("README.md").decode() for sentence in told)


def test_a_model_of_a_coarser_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="coarser grid"):
        export_model(model(grid_share=0.5), DETAILS, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_without_the_library_one_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    with pytest.raises(ConfigError, match=r'pip install "napari-autostructn2v\[bioimageio\]"'):
        export_model(model(), DETAILS, tmp_path / "x.zip")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"authors": ()}, "author"),
        ({"authors": ("  ",)}, "author"),
        ({"name": "x"}, "name"),
        ({"name": "a/b model"}, "name"),
    ],
)
def test_what_a_person_says_is_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        package_details(**{"name": "A model", "authors": ("Ada",), **wrong})


def test_a_license_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    details = package_details(name="A model", authors=("Ada",), license="do what you like")
    with pytest.raises(ConfigError, match="license"):
        export_model(model(), details, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_a_name_is_proposed_that_is_allowed() -> None:
    assert proposed_name(["scan (1)/é.tif"]) == "Denoising of scan 1 é tif"
    for names in ([], ["???"], ["x" * 500]):
        package_details(name=proposed_name(names), authors=("Ada",))


def test_files_that_are_no_package_are_refused_with_a_sentence(tmp_path: Path) -> None:
    missing, damaged, other, bomb = (tmp_path / f"{n}.zip" for n in ("m", "d", "o", "b"))
    damaged.write_bytes(b"PK no archive")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("rdf.yaml", "type: model")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("stage2_model.pth", bytes(100_000_000))
    for path, said in {
        missing: "does not exist",
        damaged: "damaged",
        other: "no model of autoStructN2V",
        bomb: "damaged",
    }.items():
        with pytest.raises(ModelError, match=said):
            load_model(path)


def test_a_package_that_may_not_be_read_or_holds_a_damaged_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("stage2_model.pth", b"no model")
    with pytest.raises(ModelError, match=rf"^{re.escape(str(path))} is damaged"):
        load_model(path)

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(zipfile, "ZipFile", forbidden)
    with pytest.raises(ModelError, match="may not be read; change its permissions"):
        load_model(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_command_line_exports_and_denoises_with_a_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "model" / "stage2_model.pth", model())
    package, noisy = tmp_path / "x.zip", tmp_path / "noisy.tif"
    write_tiff(noisy, 1200.0 + 35.0 * noisy_lines((1, 48, 48)))
    words = ["export", str(tmp_path / "model"), "--output", str(package), "--author", "Ada"]
    assert main(words) == 0
    assert f"package: {package}" in capsys.readouterr().out
    assert main(words) == 1  # it exists
    assert main([*words[:3], str(tmp_path / "x.tar"), *words[4:]]) == 1
    assert "must end with .zip" in capsys.readouterr().err
    for name, source in {"a": package, "b": tmp_path / "model"}.items():
        out = tmp_path / f"{name}.tif"
        assert main(["denoise", str(noisy), "--model", str(source), "--output", str(out)]) == 0
    assert (tmp_path / "a.tif").exists() and (tmp_path / "b.tif").exists()
    import tifffile

    first, second = (tifffile.imread(tmp_path / f"{name}.tif") for name in "ab")
    assert np.array_equal(first, second)
