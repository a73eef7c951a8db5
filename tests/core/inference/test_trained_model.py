"""Model files: complete, safe to open, and refused in words when something is wrong."""

import errno
import io
import os
import pickle
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autoStructN2V import files
from autoStructN2V.datasets import Normalization
from autoStructN2V.errors import ModelError, OutputError
from autoStructN2V.inference.model_files import channel_folders
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models import NetworkConfig
from autoStructN2V.pipeline import find_models, load_stage1
from autoStructN2V.trainers import TrainedModel, build_network, load_model, save_model

CPU = torch.device("cpu")


def model(mode="2D", stage=1, **config):
    settings = NetworkConfig(features=8, num_layers=1, **config)
    network = build_network(settings, 3 if mode == "2.5D" else 1, seed=0)
    return TrainedModel(
        settings,
        network.state_dict(),
        Normalization(100.0, 20.0, 50, 150, 99, 13, 5),
        mode,
        "autostructn2v",
        stage,
        Kernel(np.ones((3, 1, 5) if mode == "2.5D" else (1, 1, 5), bool)),
        {"created": "today", "images": ["a", "b"], "best_val_loss": 0.5, "is_stopped": False},
    )


def content_of(path):
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_model_comes_back_as_it_was(tmp_path, mode):
    path, original = tmp_path / "model.pth", model(mode, upsampling_mode="nearest")
    save_model(path, original)
    loaded = load_model(path)
    settings = ("network_config", "normalization", "mode", "method", "stage", "provenance")
    for name in (*settings, "kernel"):
        assert getattr(loaded, name) == getattr(original, name), name
    image = torch.randn(1, 3 if mode == "2.5D" else 1, 20, 20)
    with torch.inference_mode():
        assert torch.equal(loaded.build(CPU)(image), original.build(CPU)(image))


@pytest.mark.parametrize(("is_on", "n_orientations"), [(False, 1), (True, 4)])
def test_whether_to_average_turns_is_part_of_the_model(tmp_path, is_on, n_orientations):
    original = replace(model(), average_turns=is_on)
    save_model(tmp_path / "model.pth", original)
    loaded = load_model(tmp_path / "model.pth")
    assert loaded.average_turns is is_on
    assert len(loaded.symmetries) == n_orientations, "a line may be flipped, not stood on end"


def test_a_model_that_knows_nothing_of_turns_is_applied_as_it_is(tmp_path):
    path = tmp_path / "model.pth"
    save_model(path, model())
    content = content_of(path)
    del content["average_turns"]
    torch.save(content, path)
    assert len(load_model(path).symmetries) == 1


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("style", ["pickle", "torch", "old torch", "inside a model"])
def test_a_hostile_file_is_refused_and_its_code_does_not_run(tmp_path, style):
    path, marker = tmp_path / "stage1_model.pth", tmp_path / "code_has_run"
    hostile = Payload(marker)
    if style == "pickle":
        path.write_bytes(pickle.dumps(hostile))
    elif style == "inside a model":
        save_model(path, model())
        torch.save({**content_of(path), "provenance": hostile}, path)
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=style == "torch")
    with pytest.raises(ModelError, match=r"use only models from people you trust|not a model file"):
        load_model(path)
    assert not marker.exists()


def damaged(kind, path):
    save_model(path, model())
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "almost whole":
        path.write_bytes(whole[:-30])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is not a model\n" * 20)
    elif kind == "image":
        path.write_bytes(b"II*\0" + bytes(200))
    elif kind == "another archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hello.txt", "hello")
    elif kind == "missing":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    "kind",
    ["truncated", "almost whole", "empty", "text", "image", "another archive", "missing", "folder"],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, kind):
    path = tmp_path / "model.pth"
    damaged(kind, path)
    with pytest.raises(ModelError, match=r"model\.pth (is damaged|does not exist|holds something)"):
        load_model(path)


def test_flipped_bytes_never_escape_as_another_error(tmp_path):
    path = tmp_path / "model.pth"
    save_model(path, model())
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        for place in rng.integers(len(whole), size=4):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load_model(path)
        except ModelError:
            n_refused += 1
    assert n_refused > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "something"}, "is not a model of autoStructN2V; choose stage1_model.pth"),
        ({"version": 99}, "has model format 99, this version reads 1; update"),
        ({"network": {"features": 16, "num_layers": 1}}, "weights do not fit .* 16 features"),
        ({"network": {"features": 9000}}, "is damaged"),
        ({"mode": "2.5D"}, "weights do not fit a 2.5D network"),
        ({"mode": "4D"}, "is damaged .*mode is '4D'"),
        ({"method": "magic"}, "is damaged .*method is 'magic'"),
        ({"stage": 3}, "is damaged .*stage is 3"),
        ({"normalization": {"mean": 1.0}}, "intensity statistics hold"),
        ({"weights": {}}, "weights do not fit"),
        ({"weights": 5}, "is damaged"),
        ({"kernel": None}, "is damaged"),
        ({"kernel": torch.zeros((1, 3, 3), dtype=torch.bool)}, "is damaged .*center of the kernel"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_content_is_named(tmp_path, change, words):
    path = tmp_path / "model.pth"
    save_model(path, model())
    torch.save({**content_of(path), **change}, path)
    with pytest.raises(ModelError, match=words):
        load_model(path)


def test_missing_content_and_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "model.pth"
    save_model(path, model())
    whole = content_of(path)
    torch.save({name: value for name, value in whole.items() if name != "weights"}, path)
    with pytest.raises(ModelError, match="is damaged"):
        load_model(path)
    for foreign in (whole["weights"], [1, 2], torch.zeros(3)):
        torch.save(foreign, path)
        with pytest.raises(ModelError, match="is not a model of autoStructN2V"):
            load_model(path)


class _SmallDisk(io.BytesIO):
    """Takes the first kilobytes only."""

    def write(self, data):
        if self.tell() > 10_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("when", ["half way", "within a tensor", "at the end"])
def test_a_full_disk_leaves_nothing_and_an_older_model_stays(tmp_path, monkeypatch, when):
    path = tmp_path / "model.pth"
    save_model(path, model())
    before = path.read_bytes()

    def full(*args):
        if when == "half way":
            args[1].write(b"half a model")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if when == "half way":
        monkeypatch.setattr(torch, "save", full)
    elif when == "within a tensor":
        save = torch.save
        monkeypatch.setattr(torch, "save", lambda content, _: save(content, _SmallDisk()))
    else:
        monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match=r"the disk is full; free some space"):
        save_model(path, model(stage=2))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_a_read_only_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is no folder, and a folder"):
        save_model(tmp_path / "file" / "model.pth", model())


def test_models_are_found_by_file_folder_and_parent(tmp_path):
    folder = tmp_path / "models" / "a" / "b"
    save_model(folder / "stage1_model.pth", model())
    save_model(folder / "stage2_model.pth", model(stage=2))
    both = {1: folder / "stage1_model.pth", 2: folder / "stage2_model.pth"}
    assert find_models(folder) == find_models(tmp_path) == both
    assert find_models(both[1]) == {1: both[1]}
    assert find_models(both[2]) == {2: both[2]}
    save_model(tmp_path / "models" / "c" / "stage1_model.pth", model())
    with pytest.raises(ModelError, match="models of 2 trainings; choose one of them"):
        find_models(tmp_path)
    with pytest.raises(ModelError, match=r"holds neither stage1_model\.pth nor"):
        find_models(_empty(tmp_path))
    with pytest.raises(ModelError, match="does not exist; choose a model folder"):
        find_models(tmp_path / "nowhere")


def test_models_of_channels_are_found_by_the_folder_that_they_were_written_to(tmp_path):
    """As with one model: the output folder will do as long as it holds one training."""
    training = tmp_path / "out" / "20260101-120000"
    for channel in range(2):
        file = training / f"channel_{channel}" / "models" / "a" / "b" / "stage1_model.pth"
        save_model(file, model())
    channels = [training / "channel_0", training / "channel_1"]
    assert all(channel_folders(path) == channels for path in (training, training.parent, tmp_path))
    assert channel_folders(training / "channel_0") == [] == channel_folders(tmp_path / "nowhere")
    save_model(tmp_path / "out" / "models" / "a" / "b" / "stage1_model.pth", model())
    with pytest.raises(ModelError, match=r"2 trainings; choose one of them, as .*models/a/b\."):
        channel_folders(tmp_path)
    assert channel_folders(training) == channels


def test_what_is_no_training_of_channels_hides_no_model(tmp_path, monkeypatch):
    """Images in folders of that name, a training without models, a folder that cannot be read."""
    (tmp_path / "images" / "channel_0").mkdir(parents=True)
    (tmp_path / "out" / "20260101" / "channel_0" / "models").mkdir(parents=True)
    file = tmp_path / "out" / "models" / "a" / "b" / "stage1_model.pth"
    save_model(file, model())
    monkeypatch.setattr(Path, "is_dir", _raise_permission_error)
    assert channel_folders(tmp_path) == [] == channel_folders(tmp_path / "out")
    monkeypatch.undo()
    assert find_models(tmp_path) == {1: file}


def _raise_permission_error(path, **_):
    raise PermissionError(13, "Permission denied", str(path))


def test_where_one_model_is_asked_for_channels_are_named(tmp_path):
    for channel in range(2):
        file = tmp_path / "out" / "x" / f"channel_{channel}" / "models" / "a" / "b"
        save_model(file / "stage1_model.pth", model())
    for folder, named in [(tmp_path, "out/x/channel_0"), (tmp_path / "out" / "x", "channel_0")]:
        with pytest.raises(ModelError, match="for each of 2 channels; choose one") as error:
            find_models(folder)
        assert str(error.value).replace("\\", "/").endswith(f"as {named}.")


def test_models_are_sought_as_deep_as_trainings_lie_and_not_in_hidden_folders(tmp_path):
    training = tmp_path / "exp" / "models" / "20260101" / "20260101-120000"
    save_model(training / "stage1_model.pth", model())
    save_model(tmp_path / "1" / "2" / "3" / "4" / "5" / "stage1_model.pth", model())
    save_model(tmp_path / ".trash" / "stage1_model.pth", model())
    assert find_models(tmp_path) == {1: training / "stage1_model.pth"}
    assert len(find_models(tmp_path / ".trash")) == 1


def _empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_an_imported_stage_1_must_be_one_and_fit_the_mode(tmp_path):
    save_model(tmp_path / "one.pth", model())
    save_model(tmp_path / "two.pth", model(stage=2))
    assert load_stage1(tmp_path / "one.pth", "2D").stage == 1
    with pytest.raises(ModelError, match="stage 2 model only; choose a training with a stage 1"):
        load_stage1(tmp_path / "two.pth", "2D")
    with pytest.raises(ModelError, match=r"trained in 2D mode but 2\.5D is configured"):
        load_stage1(tmp_path / "one.pth", "2.5D")
