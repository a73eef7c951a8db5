"""The command line: exit codes, files, and errors as one sentence on the error stream."""

import json
import os
import re
import shlex
import signal

import numpy as np
import pytest
import tifffile

from autoStructN2V import datasets, pipeline
from autoStructN2V.cli import demonstration, main
from autoStructN2V.cli.forecast import forecast
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.cli.stopping import stop_requested
from autoStructN2V.datasets import make_sample
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline import find_models, validate_config
from autoStructN2V.pipeline.configuration.file import read_config
from autoStructN2V.pipeline.forecast.device_speed import TYPICAL_SPEED
from autoStructN2V.trainers import (
    BatchFinished,
    EpochFinished,
    PredictionProgress,
    StageFinished,
    StageTrained,
)
from tests.core.conftest import TINY, TINY_WORDS, horizontal, noisy_lines, write_tiff, written_files

COMMANDS = ["train", "denoise", "extract-mask", "inspect", "models", "export", "demo"]


def words(*parts):
    return [str(part) for part in parts]


def train(source, folder, *more):
    return main(words("train", source, "--output", folder, *TINY_WORDS, *more))


def denoise(source, model, output, *more):
    paths = ["denoise", source, "--model", model, "--output", output, "--device", "cpu"]
    return main(words(*paths, *more))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return an experiment folder with both stages."""
    folder = tmp_path_factory.mktemp("cli")
    source = write_tiff(folder / "noisy.tif", noisy_lines())
    assert train(source, folder / "exp") == 0
    return folder / "exp"


@pytest.fixture
def refused(capsys):
    """Run words that must fail with one sentence; return it."""

    def run(*parts):
        capsys.readouterr()
        assert main(words(*parts)) == 1
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        lines = [line for line in err.splitlines() if line.strip()]
        assert lines[-1].startswith("Error: ")
        return lines[-1]

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage" in text
    assert "--help" in text
    assert "<bool>" not in text, "an option without a value shall not look as if it had one"


def test_the_help_of_the_program_names_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize(
    "parts",
    [
        ["no-such-command"],
        ["train"],
        ["train", "a.tif"],
        ["train", "a.tif", "--output", "x", "--mode", "3D"],
        ["train", "a.tif", "--output", "x", "--no-such-option"],
        ["denoise", "a.tif", "--model", "m", "--output", "o", "--stage", "3"],
    ],
)
def test_wrong_usage_is_exit_code_2(parts, capsys):
    assert main(parts) == 2
    assert "Traceback" not in "".join(capsys.readouterr())


def test_train_then_denoise(trained, lines_tiff, tmp_path, capsys):
    output = tmp_path / "clean.tif"
    assert denoise(lines_tiff, trained, output) == 0
    assert str(output) in capsys.readouterr().out
    (stage2,) = trained.rglob("noisy_stage2.tif")
    assert np.array_equal(tifffile.imread(output), tifffile.imread(stage2))


def test_train_says_where_everything_is(lines_tiff, tmp_path, capsys):
    assert train(lines_tiff, tmp_path / "my exp", "--skip-stage2") == 0
    out, err = capsys.readouterr()
    (model,) = (tmp_path / "my exp").rglob("stage1_model.pth")
    (image,) = (tmp_path / "my exp").rglob("noisy_stage1.tif")
    assert f"stage 1: {image}\n" in out
    assert f"model:   {model.parent}\n" in out
    assert f'autostructn2v denoise IMAGES --model "{model.parent}" --output FOLDER' in out
    assert "Stage 1, epoch 1 of 1" in err, "without a terminal every epoch is a line"
    assert "Stage 1 done" in err


def test_train_says_first_how_long_it_takes(lines_tiff, tmp_path, capsys):
    assert train(lines_tiff, tmp_path / "exp", "--method", "n2v") == 0
    said = capsys.readouterr().err.splitlines()
    (estimate,) = [line for line in said if line.startswith("Takes ")]
    assert "of memory on CPU." in estimate
    assert said.index(estimate) < said.index(next(s for s in said if s.startswith("Stage 1")))


def test_what_is_refused_takes_no_time(tmp_path, capsys):
    source = write_tiff(tmp_path / "small.tif", noisy_lines((1, 12, 12)))
    assert train(source, tmp_path / "exp") == 1
    assert "Takes" not in capsys.readouterr().err


@pytest.fixture
def typical_speed(monkeypatch):
    monkeypatch.setattr(pipeline, "measure_speed", lambda device, _: TYPICAL_SPEED[device.type])


STACK = [(30, 256, 256)]


@pytest.mark.parametrize("fields", [{}, {"method": "n2v"}])
def test_of_a_long_training_a_shorter_one_is_named(typical_speed, fields):
    text = forecast({"device": "cpu", "preset": "documented", **fields}, STACK)
    assert "Takes at most about" in text and "none was chosen" not in text
    assert re.search(r"With --preset fast it takes about \d+ (s|min)\.$", text)


def test_the_preset_that_nobody_chose_is_named(typical_speed):
    text = forecast({"device": "cpu"}, STACK)
    assert "The preset is balanced, since none was chosen." in text


def test_what_the_preset_would_not_shorten_is_not_offered(typical_speed):
    assert "preset" not in forecast({"device": "cpu", "preset": "fast"}, STACK)
    # a complete configuration leaves nothing to a preset
    complete = validate_config({"device": "cpu", "preset": "documented"}).model_dump(mode="json")
    text = forecast(complete, STACK)
    assert " h " in text and "preset" not in text


def test_a_stage_can_be_chosen(trained, lines_tiff, tmp_path):
    output = tmp_path / "one.tif"
    assert denoise(lines_tiff, trained, output, "--stage", 1) == 0
    (stage1,) = trained.rglob("noisy_stage1.tif")
    assert np.array_equal(tifffile.imread(output), tifffile.imread(stage1))


def test_a_folder_is_denoised_into_a_folder(trained, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        write_tiff(folder / f"{name}.tif", noisy_lines((1, 32, 40)))
    output = tmp_path / "out"
    assert denoise(folder, trained, output) == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "a_denoised_stage2.tif",
        "b_denoised_stage2.tif",
    ]


def test_options_and_settings_reach_the_configuration(lines_tiff, tmp_path):
    kernel = horizontal(3).save(tmp_path / "k.npy")
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"num_epochs": 50, "stage2": {"mask_percentage": 5}}))
    more = ["--config", config, "--mask", kernel, "--seed", 7, "--preset", "fast"]
    more += ["--output-dtype", "input", "--set", "stage2.masking_strategy=2"]
    assert train(lines_tiff, tmp_path / "exp", *more) == 0
    (path,) = (tmp_path / "exp").rglob("config.json")
    saved = json.loads(path.read_text())
    assert saved["random_seed"] == 7
    assert saved["preset"] == "fast"
    assert saved["output_dtype"] == "input"
    assert saved["num_epochs"] == 1, "--set comes last"
    stage2 = saved["stage2"]
    assert (stage2["mask_percentage"], stage2["masking_strategy"]) == (5, 2)
    assert stage2["mask_source"] == "file"


def test_the_configuration_of_a_training_can_be_used_again(trained, lines_tiff, tmp_path):
    (config,) = trained.rglob("config.json")
    assert main(words("train", lines_tiff, "--output", tmp_path / "x", "--config", config)) == 0
    images = [next(folder.rglob("noisy_stage2.tif")) for folder in (trained, tmp_path / "x")]
    assert np.array_equal(*map(tifffile.imread, images))


def test_an_imported_stage_1(trained, lines_tiff, tmp_path):
    assert train(lines_tiff, tmp_path / "x", "--stage1-model", trained, "--skip-stage2") == 0
    assert set(find_models(tmp_path / "x")) == {1}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--method", "n2v", "--mask", "k.npy"], "--mask can be used with"),
        (["--method", "n2v", "--skip-stage1"], "--skip-stage1 can be used with"),
        (["--method", "n2v", "--stage1-model", "exp"], "--stage1-model can be used with"),
        (["--mask", "k.npy", "--skip-stage2"], "drop --mask, or train stage 2"),
    ],
)
def test_an_option_of_a_stage_that_is_not_trained_is_refused(
    options, named, lines_tiff, tmp_path, refused
):
    assert named in refused("train", lines_tiff, "--output", tmp_path / "x", *options)
    assert not (tmp_path / "x").exists()


def test_extract_mask(tmp_path, capsys):
    noisy = make_sample("horizontal_lines", shape=(4, 128, 128)).noisy
    source = write_tiff(tmp_path / "n.tif", noisy)
    assert main(words("extract-mask", source, "--output", tmp_path / "kernel.npy")) == 0
    kernel = Kernel.load(tmp_path / "kernel.npy", "2D")
    assert kernel.reach[0] == 0, "the noise lies along rows"
    assert (tmp_path / "kernel.png").exists()
    assert str(tmp_path / "kernel.npy") in capsys.readouterr().out


def test_inspect(lines_tiff, capsys):
    assert main(words("inspect", lines_tiff)) == 0
    out = capsys.readouterr().out
    assert "noisy: 3 slices of 48 x 48, float32" in out
    assert "Noise: standard deviation" in out
    assert "Recommended: --method" in out


def test_a_word_that_is_none_of_the_choices_is_refused_in_plain_words(lines_tiff, tmp_path, capsys):
    words_of = words("train", lines_tiff, "--output", tmp_path / "out", "--preset", "fats")
    assert main(words_of) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "'fats' is not one of 'fast'" in said
    assert "Value error" not in said


def test_patterns_that_are_named_are_left_out(lines_tiff, tmp_path, capsys):
    named = ("--also-remove", "rows")
    assert main(words("inspect", lines_tiff, *named)) == 0
    out = capsys.readouterr().out
    assert "offsets of whole rows" in out
    assert '--set "also_remove=rows"' in out
    assert main(words("extract-mask", lines_tiff, "--output", tmp_path / "k.npy", *named)) == 0
    assert "offsets of whole rows" in capsys.readouterr().out
    assert main(words("inspect", lines_tiff, "--also-remove", "curves")) == 1
    assert "'curves' is not a pattern" in capsys.readouterr().err


def test_inspect_ends_with_the_command_that_trains(lines_tiff, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words("inspect", lines_tiff, "--axes", "ZYX")) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " train " in line]
    command = shlex.split(line)
    assert command[0] == "autostructn2v"
    assert command[2] == str(lines_tiff)
    assert command[-2:] == ["--axes", "ZYX"]
    assert main([*command[1:], *TINY_WORDS]) == 0


@pytest.mark.parametrize("name", ["noisy.tif", "sub/../noisy.tif"])
def test_an_input_is_never_overwritten(trained, lines_tiff, tmp_path, refused, name):
    (tmp_path / "sub").mkdir()
    before = lines_tiff.read_bytes()
    text = refused("denoise", lines_tiff, "--model", trained, "--output", tmp_path / name)
    assert "is an input image; name another file" in text
    assert lines_tiff.read_bytes() == before


def test_a_slice_of_an_input_folder_is_never_overwritten(trained, tmp_path, refused):
    folder = tmp_path / "in"
    folder.mkdir()
    path = write_tiff(folder / "only.tif", noisy_lines((1, 32, 32)))
    text = refused("denoise", folder, "--model", trained, "--output", path)
    assert "is an input image" in text


@pytest.mark.parametrize("name", ["clean.jpg", "clean.PNG", "clean.h5", "clean.czi", "clean.zip"])
def test_an_output_of_a_format_that_is_not_written_is_refused(
    trained, lines_tiff, tmp_path, refused, name
):
    sentence = refused("denoise", lines_tiff, "--model", trained, "--output", tmp_path / name)
    assert ".tif, .ome.zarr or .mrc" in sentence
    assert not (tmp_path / name).exists(), "it shall not become a folder of this name"


def test_a_dot_in_the_name_of_a_folder_is_no_format(trained, lines_tiff, tmp_path):
    assert denoise(lines_tiff, trained, tmp_path / "clean.v2") == 0
    assert len(list((tmp_path / "clean.v2").iterdir())) == 1


@pytest.mark.parametrize("name", ["run.tif", "run.zip"])
def test_a_training_makes_no_folder_that_is_named_as_a_file(lines_tiff, tmp_path, refused, name):
    sentence = refused("train", lines_tiff, "--output", tmp_path / name, *TINY_WORDS)
    assert "leave its ending out" in sentence
    assert not (tmp_path / name).exists()


def test_training_into_an_input_file_is_refused(lines_tiff, refused):
    before = lines_tiff.read_bytes()
    text = refused("train", lines_tiff, "--output", lines_tiff, *TINY_WORDS)
    assert "is no folder, and a folder of this name is needed" in text
    assert lines_tiff.read_bytes() == before


def test_one_output_file_for_several_images_is_refused(trained, tmp_path, refused):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        write_tiff(folder / f"{name}.tif", noisy_lines((1, 32, 32)))
    text = refused("denoise", folder, "--model", trained, "--output", tmp_path / "o.tif")
    assert "is one file but there are 2 images; name a folder" in text


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("stage2.batch_size", "'stage2.batch_size' is not FIELD=VALUE, as in stage2.batch_size=4"),
        ("=3", "is not FIELD=VALUE"),
        ("stage2.batchsize=3", "did you mean 'batch_size'"),
        ("stage2.batch_size=many", "stage2.batch_size is 'many'"),
        ("stage2=3", "stage2 is 3"),
    ],
)
def test_settings_that_make_no_sense(lines_tiff, tmp_path, refused, setting, expected):
    assert expected in refused("train", lines_tiff, "--output", tmp_path / "x", "--set", setting)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is not valid JSON (line 1, column 2: expecting"),
        (b"num_epochs: 3", "is not valid JSON (line 1, column 1: expecting"),
        (b"[1, 2]", "holds no fields in braces"),
        (b'"text"', "holds no fields in braces"),
        (b"\xff\x00", "is not a text file"),
        (None, "does not exist"),
    ],
)
def test_configuration_files_that_are_none(lines_tiff, tmp_path, refused, content, problem):
    path = tmp_path / "c.json"
    if content is not None:
        path.write_bytes(content)
    text = refused("train", lines_tiff, "--output", tmp_path / "x", "--config", path)
    assert f"{path} {problem}" in text
    assert text.endswith(
        "; choose a .json file of nested fields, such as the config.json of a training."
    )


def test_a_configuration_file_may_begin_with_a_mark_of_its_encoding(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"num_epochs": 3}', encoding="utf-8-sig")
    assert read_config(path) == {"num_epochs": 3}


def test_a_traceback_is_shown_on_request(tmp_path, capsys):
    missing = tmp_path / "missing.tif"
    assert main(words("inspect", missing, "--verbose")) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("Error: ")


def test_a_bug_is_not_hidden(monkeypatch, lines_tiff):
    def bug(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(datasets, "open_images", bug)
    with pytest.raises(RuntimeError, match="a bug"):
        main(words("inspect", lines_tiff))


def interrupt_at(monkeypatch, is_reached):
    """Press Ctrl-C when an event is shown."""
    show = ProgressView.show

    def pressed(self, event):
        show(self, event)
        if is_reached(event) and not stop_requested.is_set():
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressView, "show", pressed)


@pytest.mark.parametrize("event", [BatchFinished, EpochFinished, PredictionProgress])
def test_ctrl_c_ends_a_training_in_order(monkeypatch, lines_tiff, tmp_path, capsys, event):
    interrupt_at(monkeypatch, lambda e: isinstance(e, event))
    before = signal.getsignal(signal.SIGINT)
    assert train(lines_tiff, tmp_path / "exp") == 130
    assert signal.getsignal(signal.SIGINT) is before
    err = capsys.readouterr().err
    assert f"Stopped: what was finished is in {tmp_path / 'exp'}" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "exp").rglob("*.tif"))
    assert list((tmp_path / "exp").rglob("stage1_model.pth"))


def test_ctrl_c_ends_denoising_in_order(monkeypatch, trained, lines_tiff, tmp_path, capsys):
    interrupt_at(monkeypatch, lambda e: isinstance(e, PredictionProgress))
    output = tmp_path / "o.tif"
    code = main(words("denoise", lines_tiff, "--model", trained, "--output", output))
    assert code == 130
    assert (
        "Stopped: 0 of 1 images were written; the same command with --resume"
        in capsys.readouterr().err
    )
    assert not output.exists()


def test_a_second_ctrl_c_ends_at_once(monkeypatch, lines_tiff, tmp_path):
    def pressed_twice(self, event):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressView, "show", pressed_twice)
    assert train(lines_tiff, tmp_path / "exp") != 0
    assert not list((tmp_path / "exp").rglob("*.tif"))


def test_a_run_after_a_stopped_one_is_not_stopped(monkeypatch, lines_tiff, tmp_path):
    stop_requested.set()
    assert train(lines_tiff, tmp_path / "exp", "--method", "n2v") == 0


def test_the_demo_is_the_pipeline(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demonstration, "_SHAPE", (2, 64, 64))
    monkeypatch.setattr(demonstration, "_SETTINGS", TINY)
    assert main(words("demo", "--output", tmp_path / "demo", "--no-open")) == 0
    assert (tmp_path / "demo" / "before_after.png").exists()
    out = capsys.readouterr().out
    assert "noisy" in out
    assert "stage 2" in out


def test_nothing_but_results_is_written(trained):
    assert {path.suffix for path in written_files(trained)} == {
        *(".json", ".pth", ".state", ".npy", ".png", ".csv", ".tif", ".html")
    }


def test_events_that_need_no_words_are_accepted():
    with ProgressView() as view:
        view.show(StageFinished(1, None, None, None, is_stopped=True))


# after a crash


def test_train_goes_on_where_it_was_stopped(tmp_path, capsys, monkeypatch):
    source = write_tiff(tmp_path / "noisy.tif", noisy_lines())
    show = ProgressView.show

    def stopping(view, event):
        show(view, event)
        if isinstance(event, EpochFinished) and event.epoch == 2:
            stop_requested.set()

    monkeypatch.setattr(ProgressView, "show", stopping)
    words_of_run = ("--skip-stage2", "--set", "num_epochs=3")
    assert train(source, tmp_path / "exp", *words_of_run) == 128 + signal.SIGINT
    assert "the same command with --resume goes on" in capsys.readouterr().err
    monkeypatch.setattr(ProgressView, "show", show)
    assert train(source, tmp_path / "exp", "--skip-stage2", "--resume") == 1
    assert "num_epochs was 3 and is 1" in capsys.readouterr().err
    assert train(source, tmp_path / "exp", *words_of_run, "--resume") == 0
    assert "The interrupted training of" in capsys.readouterr().err
    assert len(list((tmp_path / "exp").rglob("config.json"))) == 1, "in the folder that there was"


def test_a_new_training_tells_of_an_interrupted_one(tmp_path, capsys):
    source = write_tiff(tmp_path / "noisy.tif", noisy_lines())
    output = {"output_dir": tmp_path, "experiment_name": "exp"}
    run = pipeline.file_events({**TINY, "input_dir": source, **output})
    while not isinstance(next(run), StageTrained):
        pass
    run.close()
    assert train(source, tmp_path / "exp", "--skip-stage2") == 0
    assert "--resume goes on with it, and deleting the folder" in capsys.readouterr().err


@pytest.fixture
def three_images(tmp_path):
    """Return a folder with three images, and one for their results."""
    for seed in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "out").mkdir(exist_ok=True)
        write_tiff(tmp_path / "in" / f"{seed}.tif", noisy_lines((2, 48, 48), seed=seed))
    return tmp_path / "in", tmp_path / "out"


def stop_after(n_tiles, monkeypatch):
    """Let a denoising be stopped by Ctrl-C after so many tiles, once; return the events so far."""
    seen, stopped, show = [], [], ProgressView.show

    def stopping(view, event):
        show(view, event)
        seen.extend([event] if isinstance(event, PredictionProgress) else [])
        if len(seen) == n_tiles and not stopped:
            stopped.append(event)
            stop_requested.set()

    monkeypatch.setattr(ProgressView, "show", stopping)
    return seen


def test_denoise_goes_on_where_it_was_stopped(trained, three_images, monkeypatch, tmp_path):
    source, output = three_images
    assert denoise(source, trained, tmp_path / "whole") == 0
    seen = stop_after(3, monkeypatch)
    assert denoise(source, trained, output, "--resume") == 128 + signal.SIGINT
    (first,) = [path for path in output.iterdir() if path.suffix == ".tif"]
    before = first.stat().st_mtime_ns
    seen.clear()
    assert denoise(source, trained, output, "--resume") == 0
    assert len(seen) == 3, "three of six slices were left to do"
    assert first.stat().st_mtime_ns == before
    for path in (tmp_path / "whole").iterdir():
        assert np.array_equal(tifffile.imread(path), tifffile.imread(output / path.name))
    assert len(list(output.iterdir())) == 3, "nothing hidden is left"


def test_denoise_keeps_only_what_this_model_made(trained, three_images, refused, tmp_path):
    source, output = three_images
    write_tiff(output / "1_denoised_stage2.tif", noisy_lines((2, 48, 48)))
    command = ("denoise", source, "--model", trained, "--output", output, "--resume")
    assert "1_denoised_stage2.tif exists already" in refused(*command)
    assert "choose one of them" in refused(*command, "--overwrite")
    assert denoise(source, trained, output, "--overwrite") == 0
    assert denoise(source, trained, output, "--resume") == 0
    assert "exists already" in refused(*command, "--output-dtype", "input")
    before = (source / "1.tif").stat().st_mtime_ns
    for shape in ((2, 48, 48), (3, 48, 48)):
        write_tiff(source / "1.tif", noisy_lines(shape) + 1)
        os.utime(source / "1.tif", ns=(before + 1, before + 1))
        assert "1_denoised_stage2.tif exists already" in refused(*command)
