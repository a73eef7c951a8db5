"""From files to files: what is written, under which names, and that only complete files exist."""

import csv
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets import ArraySource, open_images, read_stack
from autoStructN2V.errors import ConfigError, OutputError
from autoStructN2V.inference import doubt_of
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline import (
    denoise_events,
    doubt_file,
    file_events,
    find_models,
    finish,
    measure_evidence,
    output_files,
    recorded_events,
    run_pipeline,
    validate_config,
)
from autoStructN2V.pipeline.files import one_call
from autoStructN2V.pipeline.files.folders import RunFolders
from autoStructN2V.trainers import (
    EpochFinished,
    PredictionProgress,
    StageFinished,
    StageTrained,
    load_model,
)
from tests.core.conftest import horizontal, noisy_lines, tiny, write_tiff, written_files


def config_for(path, folder, **fields):
    return tiny(input_dir=path, output_dir=folder, experiment_name="exp", **fields)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_configuration_in_the_model_folder_holds_from_anywhere(
    lines_tiff, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    horizontal(3).save("kernel.npy")
    stage2 = {"mask_source": "file", "mask_file_path": "kernel.npy"}
    given = config_for(lines_tiff.name, "out", run_stage1=False, stage2=stage2)
    saved = json.loads((run_pipeline(given)["model_dir"] / "config.json").read_text())
    assert saved["input_dir"] == str(lines_tiff)
    assert saved["output_dir"] == str(tmp_path / "out")
    assert saved["stage2"]["mask_file_path"] == str(tmp_path / "kernel.npy")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    again = run_pipeline(saved)
    assert again["experiment_dir"] == tmp_path / "out" / "exp"
    assert written_files(elsewhere) == {}


def test_the_documented_result_and_files(lines_tiff, tmp_path):
    result = run_pipeline(config_for(lines_tiff, tmp_path / "out"))
    assert {"experiment_dir", "final_results_dir", "stage1", "stage2", "mask"} <= set(result)
    model, experiment = result["model_dir"], tmp_path / "out" / "exp"
    assert result["experiment_dir"] == experiment
    assert not result["is_stopped"]
    assert names(model) == [
        *("before_after.png", "config.json", "mask.npy", "mask.png", "noise_report.json"),
        *("report.html", "stage1_model.pth", "stage1_optimizer.state", "stage2_model.pth"),
        *("stage2_optimizer.state", "training_log.csv"),
    ]
    assert model.parent.parent == experiment / "models"
    assert result["final_results_dir"] == experiment / "results" / model.name / "stage2"
    for stage in (1, 2):
        described = result[f"stage{stage}"]
        assert described["model"] == model / f"stage{stage}_model.pth"
        (file,) = described["files"]
        assert file == described["results_dir"] / f"noisy_stage{stage}.tif"
        assert tifffile.imread(file).shape == (3, 48, 48)
        assert described["report"]["masked_loss"] > 0
    assert np.array_equal(Kernel.load(model / "mask.npy"), result["mask"])
    saved = json.loads((model / "config.json").read_text())
    assert validate_config(saved) == validate_config(config_for(lines_tiff, tmp_path / "out"))
    report = json.loads((model / "noise_report.json").read_text())
    assert {"stage1", "stage2", "kernel", "is_stopped"} <= set(report)
    with (model / "training_log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["stage"], row["epoch"]) for row in rows] == [("1", "1"), ("2", "1")]
    assert all(float(row["val_loss"]) > 0 for row in rows)
    assert not list(experiment.rglob(".*")), "temporary files were left"


def test_n2v_alone_ends_with_stage_1(lines_tiff, tmp_path):
    result = run_pipeline(config_for(lines_tiff, tmp_path, method="n2v"))
    assert result["final_results_dir"].name == "stage1"
    assert result["stage2"] is None
    assert result["mask"] is None
    assert not (result["model_dir"] / "mask.npy").exists()


def test_stage_2_with_a_kernel_file(lines_tiff, tmp_path):
    kernel = horizontal(7).save(tmp_path / "k.npy")
    stage2 = {"mask_source": "file", "mask_file_path": kernel}
    result = run_pipeline(config_for(lines_tiff, tmp_path, run_stage1=False, stage2=stage2))
    assert result["stage1"] is None
    assert np.array_equal(result["mask"], horizontal(7))
    assert (result["model_dir"] / "mask.png").exists()


def test_axes_and_scale_of_the_input_are_kept(tmp_path):
    stack = noisy_lines((4, 32, 40)).reshape(2, 2, 32, 40)
    options = {"resolution": (4.0, 2.0), "metadata": {"axes": "TZYX", "spacing": 0.3, "unit": "um"}}
    tifffile.imwrite(tmp_path / "movie.tif", stack, imagej=True, **options)
    result = run_pipeline(config_for(tmp_path / "movie.tif", tmp_path / "out", method="n2v"))
    with tifffile.TiffFile(result["stage1"]["files"][0]) as tif:
        assert tif.series[0].axes == "TZYX"
        assert tif.series[0].shape == stack.shape
        assert tif.imagej_metadata["spacing"] == 0.3
        numerator, denominator = tif.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("output_dtype", "expected"), [("input", "uint16"), ("float32", "float32")]
)
def test_the_data_type_asked_for(tmp_path, output_dtype, expected):
    noisy = (1000 + 100 * noisy_lines((2, 32, 32))).astype(np.uint16)
    path = write_tiff(tmp_path / "a.tif", noisy)
    config = config_for(path, tmp_path / "out", method="n2v", output_dtype=output_dtype)
    denoised = tifffile.imread(run_pipeline(config)["stage1"]["files"][0])
    assert denoised.dtype == ("uint16" if output_dtype == "input" else "float32")
    assert 500 < denoised.mean() < 1500


def test_a_folder_of_images_of_several_sizes(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, shape in (("2", (1, 32, 48)), ("10", (2, 40, 40))):
        write_tiff(folder / f"image{number}.tif", noisy_lines(shape))
    (folder / "notes.txt").write_text("not an image")
    result = run_pipeline(config_for(folder, tmp_path / "out", method="n2v"))
    files = result["stage1"]["files"]
    assert [file.name for file in files] == ["image2_stage1.tif", "image10_stage1.tif"]
    assert tifffile.imread(files[1]).shape == (2, 40, 40)


def test_names_that_differ_in_their_ending_only_do_not_collide(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.tif", "a.tiff"):
        write_tiff(folder / name, noisy_lines((1, 32, 32)))
    files = run_pipeline(config_for(folder, tmp_path / "out", method="n2v"))["stage1"]["files"]
    assert len({*files}) == 2
    assert all(file.exists() for file in files)


@pytest.mark.parametrize("name", ["/data/raw/vol.tif", "group/dataset", "../up", "a:b", "x" * 400])
def test_a_name_is_never_a_path(name, tmp_path):
    source = ArraySource(noisy_lines((1, 32, 32)), name=name)
    config = tiny(output_dir=tmp_path / "out", experiment_name="exp", method="n2v")
    output = finish(recorded_events([source], config))
    (file,) = output.files[1]
    assert file.exists()
    assert file.parent == output.folders.stage_results(1)
    (named,) = output_files([source], tmp_path, tmp_path / "denoised")
    assert named.parent == tmp_path / "denoised"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_names_of_new_files_say_the_stage_and_leave_what_exists(tmp_path):
    sources = [ArraySource(noisy_lines((1, 32, 32)), name="a")]
    (first,) = output_files(sources, tmp_path, tmp_path, stage=2, keep_existing=True)
    assert first.name == "a_denoised_stage2.tif"
    first.touch()
    (second,) = output_files(sources, tmp_path, tmp_path, stage=2, keep_existing=True)
    assert second.name == "a_denoised_stage2_2.tif"
    with pytest.raises(ConfigError, match="is an input image"):
        output_files(sources, tmp_path, tmp_path, stage=2)
    with pytest.raises(ConfigError, match="exists already"):
        output_files(sources, tmp_path / "a.tif", tmp_path, stage=2)
    assert output_files(sources, tmp_path / "a.tif", tmp_path, stage=2, overwrite=True) == [first]
    with pytest.raises(ConfigError, match="the same name"):
        output_files(sources * 2, tmp_path, tmp_path, keep_existing=True)


def test_the_model_folder_alone_denoises_new_data(lines_tiff, tmp_path):
    result = run_pipeline(config_for(lines_tiff, tmp_path / "out"))
    elsewhere = tmp_path / "other computer"
    result["model_dir"].rename(elsewhere)
    model = load_model(find_models(elsewhere)[2])
    sources = open_images(lines_tiff, mode=model.mode)
    again = tmp_path / "again.tif"
    assert finish(denoise_events(sources, model, [again], device="cpu")) == [again]
    assert np.array_equal(tifffile.imread(again), tifffile.imread(result["stage2"]["files"][0]))


def test_maps_of_doubt_are_written_beside_the_results(lines_tiff, tmp_path):
    result = run_pipeline(config_for(lines_tiff, tmp_path / "out", method="n2v"))
    model = load_model(result["stage1"]["model"])
    sources = open_images(lines_tiff, mode=model.mode)
    output = tmp_path / "again.tif"
    assert finish(denoise_events(sources, model, [output], device="cpu", doubt=True)) == [output]
    noise = measure_evidence(sources, ExtractorConfig(), "2D").autocorrelation
    maps = tifffile.imread(doubt_file(output))
    pairs = zip(tifffile.imread(lines_tiff), tifffile.imread(output), strict=True)
    expected = [doubt_of(noisy, denoised, noise).map for noisy, denoised in pairs]
    np.testing.assert_allclose(maps, expected, rtol=1e-3, atol=1e-3)
    with pytest.raises(ConfigError, match=r"again_doubt\.tif exists already"):
        output.unlink()
        finish(denoise_events(sources, model, [output], device="cpu", doubt=True))


def test_2_5d_from_a_folder_of_slices(tmp_path):
    folder = tmp_path / "slices"
    folder.mkdir()
    noisy = noisy_lines((20, 32, 32))
    for z, image in enumerate(noisy):
        write_tiff(folder / f"z{z}.tif", image)
    result = run_pipeline(config_for(folder, tmp_path / "out", mode="2.5D"))
    assert result["mask"].ndim == 3
    (file,) = result["stage2"]["files"]
    assert tifffile.imread(file).shape == noisy.shape


@pytest.fixture
def hasty_threads():
    """Let threads take turns a thousand times as often, so that a race between them shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


def test_trainings_that_begin_at_the_same_time_have_folders_of_their_own(tmp_path, hasty_threads):
    n = 16
    together = threading.Barrier(n)

    def created(experiment):
        together.wait()
        return RunFolders.create(experiment).training_id

    with ThreadPoolExecutor(n) as pool:
        for number in range(20):
            experiment = tmp_path / str(number)
            assert len(set(pool.map(created, [experiment] * n))) == n


@pytest.mark.parametrize("place", ["models", "models/day", "results"])
def test_a_file_in_place_of_a_folder_of_the_training_is_named(place, tmp_path):
    day = datetime.now().astimezone().strftime("%Y%m%d")
    in_the_way = tmp_path / place.replace("day", day)
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("notes")
    with pytest.raises(OutputError, match=r"is no folder, .*; move or rename") as caught:
        RunFolders.create(tmp_path)
    assert str(in_the_way) in str(caught.value)
    assert in_the_way.read_text() == "notes"


def test_a_second_run_leaves_the_first_as_it_was(lines_tiff, tmp_path):
    config = config_for(lines_tiff, tmp_path / "out", method="n2v")
    first = run_pipeline(config)
    before = written_files(tmp_path)
    second = run_pipeline(config)
    assert second["model_dir"] != first["model_dir"]
    after = written_files(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len(after) > len(before)


def test_the_same_seed_writes_the_same_images(lines_tiff, tmp_path):
    config = config_for(lines_tiff, tmp_path / "out")
    first, second = (run_pipeline(config)["stage2"]["files"][0] for _ in range(2))
    assert np.array_equal(tifffile.imread(first), tifffile.imread(second))


def stop_at(event_is_reached, config):
    """Run until an event, then stop; return the output."""
    stop = []
    generator = file_events(config, should_stop=lambda: bool(stop))
    return finish(generator, lambda event: stop.append(1) if event_is_reached(event) else None)


@pytest.mark.parametrize(
    ("event", "stage", "kept"),
    [
        (EpochFinished, 1, []),
        (PredictionProgress, 1, []),
        (EpochFinished, 2, ["noisy_stage1.tif"]),
        (PredictionProgress, 2, ["noisy_stage1.tif"]),
    ],
)
def test_a_stopped_run_leaves_complete_files_alone(lines_tiff, tmp_path, event, stage, kept):
    config = config_for(lines_tiff, tmp_path / "out", num_epochs=2)
    output = stop_at(lambda e: isinstance(e, event) and e.stage == stage, config)
    assert output.result.is_stopped
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    files = [path for path in files if path.parent.name != "checkpoint"]
    assert [path.name for path in files if path.suffix == ".tif"] == kept
    assert not [path for path in files if path.name.startswith(".")]
    for path in files:
        if path.suffix == ".pth":
            load_model(path)
        elif path.suffix == ".tif":
            assert np.isfinite(read_stack(open_images(path, mode="2D")[0])).all()
    model = output.folders.model
    assert (model / f"stage{stage}_model.pth").exists(), "the best model so far is worth keeping"
    assert json.loads((model / "noise_report.json").read_text())["is_stopped"]


def test_the_model_survives_when_results_cannot_be_written(lines_tiff, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OutputError("the disk is full")

    monkeypatch.setattr("autoStructN2V.pipeline.files.recorder.StackWriter", full)
    with pytest.raises(OutputError):
        run_pipeline(config_for(lines_tiff, tmp_path / "out", method="n2v"))
    (model,) = (tmp_path / "out").rglob("stage1_model.pth")
    assert load_model(model).stage == 1


def test_every_file_is_complete_at_every_event(lines_tiff, tmp_path):
    folder = tmp_path / "out"

    def check(event):
        for path in folder.rglob("*"):
            if path.parent.name == "checkpoint":
                continue
            if path.suffix == ".tif" and not path.name.startswith("."):
                assert tifffile.imread(path).shape == (3, 48, 48)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".npy":
                Kernel.load(path)
            elif path.suffix == ".pth" and isinstance(event, StageTrained | StageFinished):
                load_model(path)

    finish(file_events(config_for(lines_tiff, folder)), check)


def test_denoising_can_be_stopped_and_keeps_finished_files(lines_tiff, tmp_path):
    result = run_pipeline(config_for(lines_tiff, tmp_path / "out", method="n2v"))
    model = load_model(result["stage1"]["model"])
    sources = open_images(lines_tiff, mode="2D") * 2
    outputs = [tmp_path / "first.tif", tmp_path / "second.tif"]
    seen = []
    events = denoise_events(
        sources, model, outputs, device="cpu", should_stop=lambda: len(seen) >= 4
    )
    assert finish(events, seen.append) == outputs[:1]
    assert outputs[0].exists()
    assert not outputs[1].exists()
    assert len(seen) == 4


def test_warnings_and_epochs_are_logged(lines_tiff, tmp_path, caplog):
    stack = noisy_lines()
    stack[1] = 0
    path = write_tiff(tmp_path / "gap.tif", stack)
    with caplog.at_level("INFO", logger=one_call.__name__):
        run_pipeline(config_for(path, tmp_path / "out", method="n2v"))
    assert "1 of 3 slices of gap are constant" in caplog.text
    assert "stage 1, epoch 1 of 1" in caplog.text
