"""A model is called what a person likes, set aside without a loss, and gone for good much later."""

import shutil
from datetime import datetime, timedelta
from functools import partial

import pytest
from filelock import FileLock

from autoStructN2V.cli.main import main
from autoStructN2V.datasets.normalization import Normalization
from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.masking import Kernel
from autoStructN2V.models import NetworkConfig
from autoStructN2V.pipeline import (
    Label,
    delete_model,
    label_model,
    list_models,
    purge_models,
    restore_model,
)
from autoStructN2V.pipeline.shelf.labels import LABEL_FILE, LONGEST
from autoStructN2V.trainers import TrainedModel, build_network, save_model

NETWORK = NetworkConfig(features=8, num_layers=1)
SEEN = Normalization(mean=0.5, std=0.2, low=0, high=1, median=0.5, mad=0.1, noise_level=0.1)
PLACE = "exp/models/20260101/20260101-120000"


@pytest.fixture
def folder(tmp_path):
    """A model folder, with the report of its training."""
    weights = build_network(NETWORK, 1, seed=0).state_dict()
    kernel = Kernel.center_only()
    model = TrainedModel(NETWORK, weights, SEEN, "2D", "n2v", 1, kernel, {"images": ["scan.tif"]})
    save_model(tmp_path / PLACE / "stage1_model.pth", model)
    (tmp_path / PLACE / "report.html").write_text("report")
    return tmp_path / PLACE


def names(root):
    return [(model.name, model.note) for model in list_models(root).models]


def test_a_name_and_a_note_are_listed_and_taken_back(folder, tmp_path):
    assert label_model(folder, name=" Lines,\n 20x ") == Label("Lines, 20x", "")
    assert label_model(tmp_path, note="good one") == Label("Lines, 20x", "good one")
    assert names(tmp_path) == [("Lines, 20x", "good one")]
    label_model(folder, name="")
    assert names(tmp_path) == [("scan.tif", "good one")]


def test_what_is_too_long_is_refused_and_changes_nothing(folder, tmp_path):
    label_model(folder, name="kept")
    with pytest.raises(ConfigError, match=f"has {LONGEST + 1} characters, {LONGEST} are allowed"):
        label_model(folder, name="x" * (LONGEST + 1), note="also")
    assert names(tmp_path) == [("kept", "")]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 7, "note": null}', '{"name": {}}'])
def test_a_label_that_holds_anything_stops_no_list(folder, tmp_path, content):
    (folder / LABEL_FILE).write_text(content)
    assert len(names(tmp_path)) == 1


def test_a_deleted_model_comes_back_whole(folder, tmp_path):
    (tmp_path / "exp" / "results").mkdir()
    label_model(folder, name="mine")
    before = sorted(path.name for path in folder.iterdir())
    where = delete_model(folder)
    assert where == folder
    assert not folder.exists()
    assert names(tmp_path) == []
    assert (tmp_path / "exp" / "results").is_dir()
    assert restore_model(where) == folder
    assert sorted(path.name for path in folder.iterdir()) == before
    assert names(tmp_path) == [("mine", "")]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing is left over"


def test_of_two_that_were_deleted_in_one_place_the_last_comes_back_first(folder):
    label_model(folder, name="first")
    delete_model(folder)
    restore = (folder.parent / ".deleted").glob("*/*")
    aside = next(restore)
    copy = folder.with_name("copy")
    aside.rename(copy)
    label_model(copy, name="second")
    copy.rename(folder)
    delete_model(folder)
    restore_model(folder)
    assert list_models(folder).models[0].name == "second"


def test_nothing_is_replaced_by_what_comes_back(folder):
    delete_model(folder)
    folder.mkdir()
    with pytest.raises(ConfigError, match="exists; rename it"):
        restore_model(folder)
    folder.rmdir()
    restore_model(folder)
    with pytest.raises(ModelError, match="No model was deleted from"):
        restore_model(folder)


@pytest.mark.parametrize("change", [delete_model, partial(label_model, name="mine")])
def test_a_model_file_that_lies_by_itself_takes_no_folder_with_it(folder, tmp_path, change):
    others = tmp_path / "downloads"
    others.mkdir()
    (others / "thesis.txt").write_text("years of work", "utf-8")
    alone = shutil.copy(folder / "stage1_model.pth", others / "mine.pth")
    with pytest.raises(ModelError, match="is a single file and no model folder"):
        change(alone)
    assert sorted(path.name for path in others.iterdir()) == ["mine.pth", "thesis.txt"]


def test_a_training_that_runs_is_not_deleted(folder):
    (folder / "checkpoint").mkdir()
    lock = FileLock(folder / "checkpoint" / "lock", thread_local=False)
    with lock, pytest.raises(ConfigError, match="is running; end it before you delete it"):
        delete_model(folder)
    assert (folder / "stage1_model.pth").exists()
    delete_model(folder)


def test_only_what_was_deleted_thirty_days_ago_is_gone_for_good(folder, tmp_path):
    delete_model(folder)
    strange = folder.parent / ".deleted" / "not by us"
    strange.mkdir()
    now = datetime.now().astimezone()
    assert purge_models(tmp_path, now + timedelta(days=29)) == []
    assert purge_models(tmp_path, now + timedelta(days=31)) == [folder]
    assert [path.name for path in (folder.parent / ".deleted").iterdir()] == [strange.name]
    with pytest.raises(ModelError, match="No model was deleted"):
        restore_model(folder)


def test_the_commands_name_delete_and_bring_back(folder, tmp_path, capsys):
    assert main(["label", str(tmp_path), "--name", "Lines", "--note", "20x"]) == 0
    assert main(["models", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("1. Lines\n")
    assert "   Note:    20x\n" in listed
    assert main(["label", str(folder)]) == 1
    assert "give it a --name, a --note or both" in capsys.readouterr().err
    assert main(["delete", str(tmp_path)]) == 0
    assert f'autostructn2v restore "{folder}"' in capsys.readouterr().out
    assert main(["delete", str(tmp_path)]) == 1
    assert "holds neither" in capsys.readouterr().err
    assert main(["restore", str(folder)]) == 0
    assert capsys.readouterr().out == f"model:   {folder}\n"
