"""Models of earlier trainings are listed, the fitting one first, and nothing stops the list."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from autoStructN2V.cli.main import main
from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.errors import ModelError
from autoStructN2V.inference.trained_model import load_description
from autoStructN2V.masking import ExtractorConfig, Kernel
from autoStructN2V.models import NetworkConfig
from autoStructN2V.pipeline import list_models, measure_evidence
from autoStructN2V.pipeline.suitability import unneeded_share
from autoStructN2V.trainers import TrainedModel, build_network, load_model, save_model

SHAPES = {"horizontal_lines": (6, 128, 128), "random": (6, 128, 128), "stack": (24, 96, 96)}
DAYS = {"horizontal_lines": "20260103", "random": "20260101", "stack": "20260102"}


def images(kind, seed):
    return [ArraySource(make_sample(kind, seed=seed, shape=SHAPES[kind]).noisy, name=kind)]


def model(kind):
    """Return what a training on images of a kind leaves, but for what the network has learned."""
    sources = images(kind, seed=1)
    mode = "2.5D" if kind == "stack" else "2D"
    settings = NetworkConfig(features=8, num_layers=1)
    is_random = kind == "random"
    evidence = None if is_random else measure_evidence(sources, ExtractorConfig(), mode)
    return TrainedModel(
        settings,
        build_network(settings, 3 if mode == "2.5D" else 1, seed=0).state_dict(),
        estimate_normalization(sources),
        mode,
        "n2v" if is_random else "autostructn2v",
        1 if is_random else 2,
        Kernel.center_only() if evidence is None else evidence.propose(ExtractorConfig()).kernel,
        {
            "created": f"{DAYS[kind][:4]}-{DAYS[kind][4:6]}-{DAYS[kind][6:]}T12:00:00+00:00",
            "images": [f"{kind}.tif"],
            "shapes": [list(SHAPES[kind])],
            "noise": "0.1",
        },
    )


@pytest.fixture(scope="module")
def models():
    return {kind: model(kind) for kind in SHAPES}


def training(folder, kind):
    return folder / kind / "models" / DAYS[kind] / f"{DAYS[kind]}-120000"


@pytest.fixture
def results(tmp_path, models):
    """An output folder with an experiment for each kind of images."""
    for kind, trained in models.items():
        save_model(training(tmp_path, kind) / f"stage{trained.stage}_model.pth", trained)
    return tmp_path


def test_what_there_is_to_know_is_listed_the_newest_first(results):
    (training(results, "random") / "before_after.png").write_bytes(b"")
    shelf = list_models(results)
    assert [m.trained_on.partition(".tif")[0] for m in shelf.models] == [
        "horizontal_lines",
        "stack",
        "random",
    ]
    assert shelf.unreadable == ()
    lines, stack, random = shelf.models
    assert lines.place == "horizontal_lines/20260103/20260103-120000"
    assert (lines.name, lines.note) == ("horizontal_lines.tif", "")
    assert lines.folder == training(results, "horizontal_lines")
    assert (lines.method, lines.mode, lines.stages) == ("autostructn2v", "2D", (2,))
    assert (random.method, stack.mode) == ("n2v", "2.5D")
    assert lines.trained_on == "horizontal_lines.tif (6 slices, 128 x 128)"
    assert lines.noise.startswith("standard deviation 0.1, intensities ")
    assert "left and right" in lines.kernel
    assert "only the predicted pixel" in random.kernel
    assert random.picture == random.folder / "before_after.png"
    assert (lines.picture, lines.misfit, lines.reason) == (None, None, "")


@pytest.mark.parametrize("kind", SHAPES)
def test_the_model_of_images_of_its_kind_comes_first(results, kind):
    shelf = list_models(results, images(kind, seed=2))
    first, *others = shelf.models
    assert first.trained_on.startswith(f"{kind}.tif")
    assert first.misfit < 1.0, "nothing that matters differs"
    assert "like those of the training images" in first.reason
    assert all(other.misfit > first.misfit for other in others)
    assert all(other.reason for other in others)


def test_of_each_model_that_does_not_fit_the_reason_is_said(results):
    lines = list_models(results, images("horizontal_lines", seed=2))
    (random,) = (m for m in lines.models if m.method == "n2v")
    assert "removes only the noise that every pixel has for itself" in random.reason
    independent = list_models(results, images("random", seed=2))
    (of_lines,) = (m for m in independent.models if m.trained_on.startswith("horizontal"))
    assert "costs detail" in of_lines.reason


def test_other_intensities_put_a_model_behind(results, models):
    far = replace(models["horizontal_lines"].normalization.relative_to(-1e4), offset=0.0)
    folder = training(results, "horizontal_lines").with_name("far")
    save_model(folder / "stage2_model.pth", replace(models["horizontal_lines"], normalization=far))
    shelf = list_models(results, images("horizontal_lines", seed=2))
    assert shelf.models[0].folder == training(results, "horizontal_lines")
    assert shelf.models[-1].folder == folder
    assert "The intensities run from" in shelf.models[-1].reason


def test_the_images_are_measured_once_for_all_models(results, monkeypatch):
    asked = []

    def measured(sources, config, mode, *rest, **more):
        asked.append(mode)
        return measure_evidence(sources, config, mode, *rest, **more)

    monkeypatch.setattr("autoStructN2V.pipeline.suitability.measure_evidence", measured)
    list_models(results, images("horizontal_lines", seed=2))
    assert sorted(asked) == ["2.5D", "2D"]


def test_thirty_models_are_listed_from_one_mapped_file_each(tmp_path, models, monkeypatch):
    trained = replace(models["horizontal_lines"])
    for number in range(30):
        folder = tmp_path / f"exp{number}" / "models" / "20260101" / "20260101-120000"
        for stage in (1, 2):
            save_model(folder / f"stage{stage}_model.pth", replace(trained, stage=stage))
    opened = []
    load = torch.load

    def counted(file, **options):
        opened.append(options)
        return load(file, **options)

    monkeypatch.setattr(torch, "load", counted)
    assert [m.stages for m in list_models(tmp_path).models] == [(1, 2)] * 30
    assert len(opened) == 30
    assert all(options["mmap"] and options["weights_only"] for options in opened)


def test_weights_are_not_looked_at(tmp_path, models):
    weights = {
        name: torch.full_like(w, float("nan")) for name, w in models["random"].weights.items()
    }
    path = tmp_path / "stage1_model.pth"
    save_model(path, replace(models["random"], weights=weights))
    with pytest.raises(ModelError, match="not finite"):
        load_model(path)
    described = load_description(path)
    assert described.kernel == models["random"].kernel
    assert described.provenance == models["random"].provenance
    assert described.weights == {}
    with pytest.raises(ModelError, match="weights do not fit"):
        described.build(torch.device("cpu"))


def test_what_cannot_be_read_is_named_and_the_others_are_listed(results, models):
    damaged = results / "damaged"
    damaged.mkdir()
    (damaged / "stage1_model.pth").write_bytes(b"PK nothing")
    foreign = results / "foreign"
    foreign.mkdir()
    torch.save({"state_dict": {}}, foreign / "stage2_model.pth")
    strange = replace(models["random"], provenance={"images": 3, "shapes": [7], "created": "x"})
    save_model(results / "strange" / "stage1_model.pth", strange)
    shelf = list_models(results)
    assert len(shelf.models) == 4
    assert len(shelf.unreadable) == 2
    assert str(damaged) in shelf.unreadable[0]
    assert "is damaged or not a model file" in shelf.unreadable[0]
    assert f"{foreign / 'stage2_model.pth'} is not a model of autoStructN2V" in shelf.unreadable[1]


def test_a_folder_that_cannot_be_looked_into_is_named(results, monkeypatch):
    closed = results / "closed"
    closed.mkdir()
    scan = os.scandir

    def refusing(path):
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    shelf = list_models(results)
    assert len(shelf.models) == 3
    (sentence,) = shelf.unreadable
    assert (
        sentence
        == f"{closed} cannot be looked into (Permission denied); its models are not listed."
    )


def test_the_models_of_channels_are_found(tmp_path, models):
    """They lie deepest."""
    for number in (0, 1):
        folder = tmp_path / "exp" / "20260101-115900" / f"channel_{number}"
        place = folder / "models" / "20260101" / "20260101-120000"
        save_model(place / "stage1_model.pth", models["random"])
    assert sorted(m.place for m in list_models(tmp_path).models) == [
        f"exp/20260101-115900/channel_{number}/20260101/20260101-120000" for number in (0, 1)
    ]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match="nowhere is no folder; choose one that trainings"):
        list_models(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("hidden", "needed", "share"),
    [((1, 5), (1, 5), 0.0), ((1, 5), (1, 1), 0.8), ((1, 3), (1, 9), 0.0), ((3, 3), (1, 3), 2 / 3)],
)
def test_the_unneeded_share_counts_pixels_that_share_no_noise(hidden, needed, share):
    kernels = (Kernel.from_array(np.ones(shape, bool)) for shape in (hidden, needed))
    assert unneeded_share(*kernels) == pytest.approx(share)


def test_the_command_lists_them_with_the_best_first(results, capsys):
    noisy = results / "noisy.tif"
    tifffile.imwrite(noisy, images("random", seed=2)[0].read_slice(0))
    assert main(["models", str(results), "--for", str(noisy)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("1. random.tif\n   Fit:     ")
    assert out.count("\n   Folder:  ") == 3
    assert err == ""


def test_the_command_prints_json_and_notes_beside_it(results, capsys):
    (results / "foreign").mkdir()
    (results / "foreign" / "stage1_model.pth").write_bytes(b"")
    assert main(["models", str(results), "--json"]) == 0
    out, err = capsys.readouterr()
    listed = json.loads(out)
    assert [entry["mode"] for entry in listed] == ["2D", "2.5D", "2D"]
    assert listed[0]["folder"] == str(training(results, "horizontal_lines"))
    assert listed[0]["stages"] == [2]
    assert err.startswith("Note: ")
    assert err.count("\n") == 1


def test_the_command_looks_where_a_configuration_writes_and_says_if_nothing_is_there(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["models"]) == 1
    assert "results is no folder" in capsys.readouterr().err
    (tmp_path / "results").mkdir()
    assert main(["models"]) == 0
    assert "There are no models below results" in capsys.readouterr().err
