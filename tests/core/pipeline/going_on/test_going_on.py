"""A training goes on from a model: more epochs on its images, or a few on others."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from autoStructN2V.cli.main import main
from autoStructN2V.datasets import ArraySource
from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.pipeline import (
    find_models,
    finish,
    go_on,
    list_models,
    recorded_events,
    validate_config,
)
from autoStructN2V.pipeline.events import KernelProposed, StageStarted, StageTrained
from autoStructN2V.pipeline.going_on.optimizer_state import (
    load_optimizer,
    optimizer_file,
    save_optimizer,
)
from autoStructN2V.pipeline.going_on.start import Start
from autoStructN2V.trainers import EpochFinished, Warned, load_model, save_model
from tests.core.conftest import noisy_lines, tiny, write_tiff

NOISY, OTHER = noisy_lines(), noisy_lines((2, 64, 48), seed=7)
N_EPOCHS = 3


def train(images, config):
    """Train; return the events and what the run left."""
    events = []
    sources = [ArraySource(images, name="lines")]
    return events, finish(recorded_events(sources, config), events.append)


def epochs(events):
    return [event for event in events if isinstance(event, EpochFinished)]


def messages(events):
    return [event.message for event in events if isinstance(event, Warned)]


def last_model(output):
    files = find_models(output.folders.model)
    return load_model(files[max(files)])


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A training of both stages, that others go on from."""
    config = tiny(output_dir=tmp_path_factory.mktemp("first"), num_epochs=N_EPOCHS)
    return train(NOISY, config)


@pytest.fixture
def folder(first):
    return first[1].folders.model


def without_optimizer(folder, target):
    """Copy the model of stage 2 with its configuration, as an older version left it."""
    target.mkdir()
    for name in ("stage2_model.pth", "config.json"):
        shutil.copy(folder / name, target)
    return target


def settings(folder, tmp_path, how="continue", **fields):
    return {**go_on(folder, how), "output_dir": tmp_path, "device": "cpu", **fields}


def test_settings_are_those_of_the_model_but_for_the_run(folder, first):
    config = validate_config(go_on(folder))
    before = validate_config(json.loads((folder / "config.json").read_text("utf-8")))
    assert config.stage2.model_dump(exclude={"mask_source"}) == before.stage2.model_dump(
        exclude={"mask_source"}
    )
    assert (config.num_epochs, config.preset) == (N_EPOCHS, before.preset)
    assert (config.run_stage1, config.run_stage2, config.start_as) == (False, True, "continue")
    assert config.start_model == folder
    assert config.output_dir != before.output_dir
    assert validate_config(go_on(folder, "fine_tune")).num_epochs == 1


def test_a_preset_says_how_to_train_but_not_what(folder):
    config = validate_config(go_on(folder, "fine_tune", "documented"))
    model = load_model(find_models(folder)[2])
    assert config.stage2.features == model.network_config.features
    assert (config.preset, config.num_epochs, config.stage2.optimizer) == ("documented", 20, "adam")


def test_a_model_without_its_settings_is_trained_by_its_preset(folder, tmp_path):
    model = load_model(find_models(folder)[2])
    save_model(tmp_path / "alone.pth", model)
    config = validate_config(go_on(tmp_path / "alone.pth"))
    assert config.preset == model.provenance["preset"]
    assert config.stage2.features == model.network_config.features


def test_a_training_is_continued_with_kernel_weights_and_optimizer(folder, first, tmp_path):
    before = load_model(find_models(folder)[2])
    events, output = train(NOISY, settings(folder, tmp_path))
    (began,) = [event for event in events if isinstance(event, StageStarted)]
    assert began.stage == 2
    assert began.kernel == before.kernel
    assert not any(isinstance(event, KernelProposed) for event in events)
    assert len(epochs(events)) == N_EPOCHS
    # it does not begin again: the first epoch is about as good as the last one of then
    begun, ended = epochs(first[0])[N_EPOCHS], epochs(first[0])[-1]
    assert epochs(events)[0].val_loss < (begun.val_loss + ended.val_loss) / 2
    assert epochs(events)[-1].best_val_loss <= ended.best_val_loss
    after = last_model(output)
    assert after.normalization == before.normalization
    (ancestor,) = after.provenance["ancestors"]
    assert (ancestor["images"], ancestor["epochs"]) == (["lines"], N_EPOCHS)
    assert ancestor["created"] == before.provenance["created"]
    assert messages(events)[0] == "The training on lines is continued."
    assert not any("state of the optimizer" in message for message in messages(events))


def test_what_does_not_get_better_is_not_returned(folder, tmp_path):
    before = load_model(find_models(folder)[2])
    wild = settings(folder, tmp_path, num_epochs=1)
    far = {"optimizer": "adam", "learning_rate": 0.1, "refinement": 0.0, "steps_per_epoch": 20}
    wild["stage2"] = {**wild["stage2"], **far}
    after = last_model(train(NOISY, wild)[1])
    assert all(torch.equal(after.weights[name], w) for name, w in before.weights.items())


def test_other_images_are_fine_tuned_on_and_the_kernel_kept_or_measured(folder, tmp_path):
    before = load_model(find_models(folder)[2])
    events, output = train(OTHER, settings(folder, tmp_path, "fine_tune"))
    assert len(epochs(events)) == 1
    after = last_model(output)
    assert after.kernel == before.kernel
    assert after.normalization != before.normalization
    report = output.report.read_text("utf-8")
    assert "It was fine-tuned from a model of" in report
    assert "its kernel of" in report
    assert "is that of the model that it began with" in report
    config = settings(folder, tmp_path, "fine_tune", keep_kernel=False)
    events, output = train(OTHER, config)
    assert any(isinstance(event, KernelProposed) for event in events)
    (ancestor,) = last_model(output).provenance["ancestors"]
    assert ancestor["went_on_as"] == "fine_tune"


def test_ancestors_are_told_the_last_first(folder, tmp_path):
    _, output = train(NOISY, settings(folder, tmp_path / "a", num_epochs=1))
    _, output = train(OTHER, settings(output.folders.model, tmp_path / "b", "fine_tune"))
    assert [a["went_on_as"] for a in last_model(output).provenance["ancestors"]] == [
        "continue",
        "fine_tune",
    ]
    (listed,) = list_models(tmp_path / "b").models
    assert listed.origin.startswith("fine-tuned from a model of 20")
    assert "(lines), which was continued from a model of 20" in listed.origin


def test_a_fine_tuned_model_is_fine_tuned_for_as_long(folder, tmp_path):
    _, output = train(OTHER, settings(folder, tmp_path, "fine_tune", preset="fast"))
    again = validate_config(go_on(output.folders.model, "fine_tune"))
    assert again.num_epochs == 2, "a fifth of the ten of the preset"


def test_a_model_of_an_older_version_goes_on_from_its_weights_and_says_so(folder, tmp_path):
    old = without_optimizer(folder, tmp_path / "old")
    events, _ = train(NOISY, settings(old, tmp_path, num_epochs=1))
    assert sum("goes on from the weights alone" in message for message in messages(events)) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", None])
def test_a_state_that_is_not_whole_is_as_none(tmp_path, content):
    path = tmp_path / "stage2_optimizer.state"
    if content is not None:
        path.write_bytes(content)
    assert load_optimizer(path) is None


def test_a_state_of_another_network_goes_on_from_the_weights(folder, tmp_path):
    copied = without_optimizer(folder, tmp_path / "copied")
    state = optimizer_file(copied / "stage2_model.pth")
    save_optimizer(state, [{0: {"exp_avg": torch.ones(3)}}])
    events, _ = train(NOISY, settings(copied, tmp_path, num_epochs=1))
    assert sum("goes on from the weights alone" in message for message in messages(events)) == 1


def test_images_of_other_sizes_are_not_what_was_trained_on(folder, tmp_path):
    with pytest.raises(ConfigError, match="images of 3 x 48 x 48, and these have 2 x 64 x 48; "):
        train(OTHER, settings(folder, tmp_path))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mode": "2.5D"}, "trained in 2D mode but 2.5D is configured"),
        ({"method": "n2v"}, "trained with autostructn2v but n2v is configured"),
        ({"stage2": {"features": 16}}, "has features 8, and 16 is configured"),
        ({"start_model": "nowhere"}, "nowhere does not exist"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(folder, fields, said):
    with pytest.raises(ModelError, match=said):
        Start.of(validate_config({**go_on(folder), **fields}))


def test_all_channels_do_not_go_on_from_the_model_of_one(folder):
    with pytest.raises(ConfigError, match="which is the model of one channel"):
        validate_config({**go_on(folder), "channels": "each"})


def test_n2v_goes_on_as_well(tmp_path):
    _, output = train(NOISY, tiny(method="n2v", output_dir=tmp_path / "first", num_epochs=2))
    events, output = train(NOISY, settings(output.folders.model, tmp_path))
    assert [event.stage for event in events if isinstance(event, StageTrained)] == [1]
    assert len(last_model(output).provenance["ancestors"]) == 1


def test_a_stage_1_alone_is_continued(first, tmp_path):
    alone = tmp_path / "alone"
    model = load_model(find_models(first[1].folders.model)[1])
    save_model(alone / "stage1_model.pth", model)
    config = validate_config(go_on(alone))
    assert (config.run_stage1, config.run_stage2) == (True, False)


def test_the_commands_go_on_from_a_model(folder, tmp_path, capsys):
    image = write_tiff(tmp_path / "lines.tif", NOISY)
    words = ["train", str(image), "--output", str(tmp_path / "out"), "--device", "cpu"]
    words += ["--set", "num_epochs=1"]
    assert main([*words, "--continue", str(folder)]) == 0
    shown = capsys.readouterr()
    assert "The training on lines is continued." in " ".join((shown.out + shown.err).split())
    assert main([*words, "--continue", str(folder), "--fine-tune", str(folder)]) == 1
    assert "choose one" in capsys.readouterr().err
    assert main([*words, "--new-kernel"]) == 1
    assert "goes with --continue or --fine-tune" in capsys.readouterr().err
    assert main(["models", str(tmp_path / "out")]) == 0
    assert "From:    continued from a model of" in capsys.readouterr().out


@pytest.mark.parametrize("shapes", [[7], [], [[9, 9, 9], [8, 8, 8]]])
def test_whatever_a_model_says_of_its_images_other_sizes_are_refused(folder, shapes):
    model = load_model(find_models(folder)[2])
    strange = replace(model, provenance={**model.provenance, "shapes": shapes})
    with pytest.raises(ConfigError, match="fine-tune the model on these"):
        Start({2: strange}, {}, "continue").require_same_images([ArraySource(NOISY)])


def test_a_model_of_strange_ancestors_is_described(folder):
    model = load_model(find_models(folder)[2])
    for ancestors in (7, [7], [{}], [{"images": 3, "created": []}]):
        strange = replace(model, provenance={**model.provenance, "ancestors": ancestors})
        assert Start({2: strange}, {}, "continue").ancestors(2)
