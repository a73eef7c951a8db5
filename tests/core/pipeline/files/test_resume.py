"""A training that ends at any moment goes on with ``resume`` and comes to the same result."""

import json
import math
import pickle
import shutil

import numpy as np
import pytest
import tifffile
import torch

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.errors import ConfigError, InputError, ModelError
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline import Approve, Skip, file_events, finish, recorded_events
from autoStructN2V.pipeline.events import (
    AwaitingDecision,
    Judged,
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StageStarted,
    StageTrained,
)
from autoStructN2V.pipeline.files import drivers, find_interrupted
from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints
from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.trainers import BatchFinished, EpochFinished, Warned, load_model
from tests.core.conftest import horizontal, noisy_lines, tiny, write_tiff, written_files

KERNEL = horizontal(3)


def config_for(path, folder, **fields):
    fields = {"num_epochs": 3, "stage2": {"refinement": 0.4}, **fields}
    return tiny(input_dir=path, output_dir=folder, experiment_name="exp", **fields)


def drive(config, crash=lambda event: False, *, waits=0, resume=False, **options):
    """Run, answering after some waiting, until the end or an event at which it ends for good."""
    run = file_events(config, review=True, resume=resume, **options)
    events, answer, n_waited = [], None, 0
    while True:
        try:
            event = run.send(answer)
        except StopIteration as end:
            return events, end.value
        events.append(event)
        if crash(event):
            run.close()
            return events, None
        n_waited += isinstance(event, AwaitingDecision)
        asked = isinstance(event, AwaitingDecision | KernelProposed)
        answer = Approve(KERNEL) if asked and n_waited >= waits else None


def nth(number, *kinds, stage=None):
    """Return a function that is true at the n-th event of a kind."""
    seen = []

    def is_reached(event):
        if isinstance(event, kinds) and stage in (None, getattr(event, "stage", None)):
            seen.append(event)
        return len(seen) == number

    return is_reached


def outcome(folder):
    """Return what a run came to, without what the clock says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        assert not path.name.startswith("."), path
        if path.suffix == ".tif":
            found[path.name] = tifffile.imread(path).tobytes()
        elif path.suffix == ".pth":
            model = load_model(path)
            found[path.name] = [w.numpy().tobytes() for w in model.weights.values()]
        elif path.suffix == ".npy":
            found[path.name] = Kernel.load(path)
        elif path.name == "noise_report.json":
            found[path.name] = path.read_text()
        elif path.suffix == ".csv":
            rows = path.read_text().splitlines()
            found[path.name] = [row.rpartition(",")[0] for row in rows]
    return found


@pytest.fixture(autouse=True)
def _all_checkpoints(monkeypatch):
    """Epochs of milliseconds would leave no time for a checkpoint after each."""
    monkeypatch.setattr("autoStructN2V.pipeline.files.checkpoints._MOST_SHARE", math.inf)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two files, one of them with several slices."""
    folder = tmp_path_factory.mktemp("noisy")
    write_tiff(folder / "a.tif", noisy_lines())
    write_tiff(folder / "b.tif", noisy_lines(seed=1)[0])
    return folder


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    events, _ = drive(config_for(images, folder))
    assert not list(folder.rglob("checkpoint"))
    return events, outcome(folder)


MOMENTS = {
    "before the first epoch": nth(1, StageStarted),
    "in stage 1": nth(2, EpochFinished, stage=1),
    "after stage 1": nth(1, StageTrained),
    "while stage 1 is applied": nth(2, PredictionProgress, stage=1),
    "between two files": nth(4, PredictionProgress, stage=1),
    "after stage 1 was applied": nth(1, StageFinished),
    "while a decision is waited for": nth(2, AwaitingDecision),
    "at once after the decision": nth(1, StageStarted, stage=2),
    "in stage 2": nth(1, EpochFinished, stage=2),
    "in the middle of an epoch": nth(5, BatchFinished),
    "in the refinement": nth(2, EpochFinished, stage=2),
    "while stage 2 is applied": nth(2, PredictionProgress, stage=2),
    "at the verdict": nth(1, Judged),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_result_is_that_of_an_undisturbed_run(images, tmp_path, undisturbed, moment):
    config = config_for(images, tmp_path)
    before, _ = drive(config, MOMENTS[moment], waits=3)
    events, output = drive(config, resume=True)
    all_events, wanted = undisturbed
    assert outcome(tmp_path) == wanted
    assert not list(tmp_path.rglob("checkpoint"))
    assert not output.result.is_stopped
    epochs = [e for e in events if isinstance(e, EpochFinished)]
    assert len(epochs) == 6, "what was before is told again"
    n_denoised = sum(isinstance(e, PredictionProgress) for e in [*before, *events])
    n_needed = sum(isinstance(e, PredictionProgress) for e in all_events)
    assert n_denoised <= n_needed + 1, "finished slices are kept"


def test_it_can_be_interrupted_again_and_again(images, tmp_path, undisturbed):
    config = config_for(images, tmp_path)
    events, output = drive(config, nth(1, EpochFinished))
    n_runs = 1
    while output is None:
        n_before = len([e for e in events if isinstance(e, EpochFinished)])
        events, output = drive(config, nth(n_before + 1, EpochFinished), resume=True)
        n_runs += 1
    assert n_runs == 7
    assert outcome(tmp_path) == undisturbed[1]


def test_arrays_in_memory_are_those_of_an_undisturbed_run(images, tmp_path):
    config = config_for(images, tmp_path, method="n2v")
    sources = [ArraySource(tifffile.imread(path)) for path in sorted(images.iterdir())]

    def events(**options):
        return recorded_events(sources, config, keep_arrays=True, **options)

    wanted = finish(events()).result.stage1.denoised
    crashed, is_reached = events(), nth(2, PredictionProgress)
    while not is_reached(next(crashed)):
        pass
    crashed.close()
    for array, other in zip(
        finish(events(resume=True)).result.stage1.denoised, wanted, strict=True
    ):
        assert np.array_equal(array, other)


def test_a_cancelled_training_leaves_models_and_goes_on(images, tmp_path, undisturbed):
    config, stop = config_for(images, tmp_path), []

    def stopping(event):
        stop.extend([1] if isinstance(event, EpochFinished) and event.stage == 2 else [])
        return False

    _, output = drive(config, stopping, should_stop=lambda: bool(stop))
    assert output.result.is_stopped
    assert load_model(output.folders.model / "stage2_model.pth").provenance["is_stopped"]
    drive(config, resume=True)
    assert outcome(tmp_path) == undisturbed[1]


def test_one_that_is_cancelled_while_it_is_compared_goes_on_later(images, tmp_path, undisturbed):
    config = config_for(images, tmp_path)
    drive(config, nth(2, EpochFinished))
    _, output = drive(config, resume=True, should_stop=lambda: True)
    assert output.result.is_stopped
    drive(config, resume=True)
    assert outcome(tmp_path) == undisturbed[1]


def test_one_that_goes_on_draws_from_the_same_slices_whatever_memory_is_free(
    images, tmp_path, monkeypatch
):
    """Two of four slices fit into the memory that was free at the start."""
    monkeypatch.setattr("autoStructN2V.pipeline.steps.training_data._SMALLEST_BANK", 1)

    def let(n_slices):
        free = 4 * 48 * 48 * 4 * n_slices
        monkeypatch.setattr(
            "autoStructN2V.pipeline.steps.training_data.free_bytes", lambda: free + 1
        )

    folders = [tmp_path / name for name in ("whole", "other", "killed")]
    whole, other, killed = (config_for(images, one, method="n2v") for one in folders)
    let(2)
    drive(whole)
    drive(killed, nth(2, EpochFinished))
    let(8)
    drive(other)
    drive(killed, resume=True)
    outcomes = [outcome(folder) for folder in folders]
    assert outcomes[0] != outcomes[1]
    assert outcomes[0] == outcomes[2]


def test_the_report_counts_the_time_of_all_parts(images, tmp_path, monkeypatch):
    config, reported = config_for(images, tmp_path, method="n2v"), []
    monkeypatch.setattr(drivers, "write_report", lambda record, path: reported.append(record))
    drive(config, nth(2, EpochFinished))
    (found,) = find_interrupted(tmp_path / "exp")
    assert 0 < found.checkpoints.seconds < 60
    found.checkpoints.keep_seconds(5000.0)
    drive(config, resume=True)
    assert 5000 < reported[0].seconds < 5060


def test_a_training_cancelled_before_anything_was_finished_leaves_no_checkpoints(images, tmp_path):
    config, stop = config_for(images, tmp_path), []

    def stopping(event):
        stop.append(isinstance(event, StageStarted))
        return False

    drive(config, stopping, should_stop=lambda: any(stop))
    assert not list(tmp_path.rglob("checkpoint"))


def test_a_decision_to_leave_out_stage_2_is_remembered(images, tmp_path):
    config = config_for(images, tmp_path)
    run = file_events(config, review=True)
    while not isinstance(next(run), KernelProposed):
        pass
    run.send(Skip())
    run.close()
    events, output = drive(config, resume=True)
    assert [e.is_decided for e in events if isinstance(e, KernelProposed)] == [True]
    assert output.result.stage2 is None
    assert not output.result.is_stopped


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_epochs": 4}, "num_epochs was 3 and is 4"),
        ({"stage2": {"batch_size": 1}}, r"stage2.batch_size was 2 and is 1 \(and 1 more\)"),
    ],
)
def test_other_settings_are_refused_with_the_difference(images, tmp_path, change, sentence):
    drive(config_for(images, tmp_path), nth(2, EpochFinished))
    before = written_files(tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        drive(config_for(images, tmp_path, **change), resume=True)
    assert written_files(tmp_path).keys() == before.keys()


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (noisy_lines()[:2], "had shape 3 x 48 x 48 and has 2 x 48 x 48"),
        (noisy_lines().astype(np.float16).astype(np.float32), "other pixels"),
        ((1000 * noisy_lines()).astype(np.int16), "float32 and is int16"),
    ],
)
def test_other_images_are_refused_with_the_difference(images, tmp_path, image, sentence):
    folder = shutil.copytree(images, tmp_path / "noisy")
    config = config_for(folder, tmp_path / "out")
    drive(config, nth(2, EpochFinished))
    write_tiff(folder / "a.tif", image)
    with pytest.raises(InputError, match=sentence):
        drive(config, resume=True)
    (folder / "b.tif").unlink()
    with pytest.raises(InputError, match="it had 2 images and now there are 1"):
        drive(config, resume=True)


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def hostile(path):
    path.write_bytes(pickle.dumps(Hostile(path.with_name("ran"))))


def hostile_archive(path):
    torch.save({"format": Hostile(path.with_name("ran"))}, path)


@pytest.mark.parametrize("damage", [cut, flipped, hostile, hostile_archive])
def test_a_damaged_checkpoint_is_passed_over(images, tmp_path, undisturbed, damage):
    config = config_for(images, tmp_path)
    drive(config, nth(1, StageTrained))
    newest, older = sorted(tmp_path.rglob("stage1_00*.pth"), reverse=True)[:2]
    damage(newest)
    both = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}_both"))
    events, _ = drive(config, resume=True)
    assert [e for e in events if isinstance(e, Warned) and "after epoch 2" in e.message]
    assert outcome(tmp_path) == undisturbed[1]
    damage(both / older.relative_to(tmp_path))
    with pytest.raises(ModelError, match="are damaged, so this training cannot go on"):
        drive(config_for(images, both), resume=True)
    assert not list(tmp_path.rglob("ran")) + list(both.rglob("ran"))


def test_a_training_of_another_format_is_refused_in_a_sentence(images, tmp_path):
    config = config_for(images, tmp_path)
    drive(config, nth(2, EpochFinished))
    (about,) = tmp_path.rglob("training.json")
    content = json.loads(about.read_text())
    about.write_text(json.dumps({**content, "version": 2, "version of the program": "9.1"}))
    with pytest.raises(ConfigError, match=r"was written by version 9\.1"):
        drive(config, resume=True)


def test_other_versions_are_noted(images, tmp_path):
    config = config_for(images, tmp_path, method="n2v")
    drive(config, nth(2, EpochFinished))
    (about,) = tmp_path.rglob("training.json")
    content = json.loads(about.read_text())
    about.write_text(json.dumps({**content, "version of PyTorch": "1.0"}))
    events, _ = drive(config, resume=True)
    notes = [e.message for e in events if isinstance(e, Warned)]
    assert any("begun with version of PyTorch 1.0 (now" in note for note in notes)


def test_a_training_that_runs_is_left_alone(images, tmp_path):
    config = config_for(images, tmp_path, method="n2v")
    runs, is_reached = file_events(config), nth(2, EpochFinished)
    while not is_reached(next(runs)):
        pass
    assert find_interrupted(tmp_path / "exp") == []
    events, _ = drive(config, resume=True)
    assert any(isinstance(e, Warned) and "no interrupted training" in e.message for e in events)
    finish(runs)
    assert len(list(tmp_path.rglob("stage1_model.pth"))) == 2


def test_one_that_is_discarded_is_gone(images, tmp_path):
    config = config_for(images, tmp_path)
    drive(config, nth(2, EpochFinished))
    (found,) = find_interrupted(tmp_path / "exp")
    assert found.config.num_epochs == 3
    assert found.image_names == ["a", "b"]
    found.discard()
    assert find_interrupted(tmp_path / "exp") == []
    assert written_files(tmp_path) == {}


def test_what_is_finished_stays_when_one_is_discarded(images, tmp_path):
    config = config_for(images, tmp_path)
    drive(config, nth(1, StageStarted, stage=2))
    (found,) = find_interrupted(tmp_path / "exp")
    found.discard()
    names = [path.name for path in written_files(tmp_path)]
    assert {"stage1_model.pth", "a_stage1.tif", "b_stage1.tif"} <= set(names)
    assert not list(tmp_path.rglob("checkpoint"))


def test_one_that_had_not_come_far_is_used_and_nothing_is_offered(images, tmp_path):
    config = config_for(images, tmp_path, method="n2v")
    drive(config, nth(1, StageStarted))
    assert find_interrupted(tmp_path / "exp") == [], "there is nothing to go on with"
    drive(config_for(images, tmp_path, method="n2v", num_epochs=4), resume=True)
    drive(config, resume=True)
    assert len(list(tmp_path.rglob("config.json"))) == 2
    assert not list(tmp_path.rglob("checkpoint"))


def test_what_was_killed_before_it_said_what_it_is_leaves_nothing(images, tmp_path):
    config = config_for(images, tmp_path, method="n2v")
    stillborn = tmp_path / "exp" / "models" / "20260101" / "20260101-000000"
    (stillborn / "checkpoint").mkdir(parents=True)
    (stillborn / "checkpoint" / ".training-01234567.json").write_text("{")
    (stillborn / "config.json").write_text("{}")
    drive(config, resume=True)
    assert not stillborn.exists()


def test_slices_of_another_image_whose_name_begins_alike_are_not_taken_over(images, tmp_path):
    output = finish(file_events(config_for(images, tmp_path, method="n2v", num_epochs=1)))
    model = output.result.stage1.model
    names = ["x" * 190 + letter for letter in "ab"]
    sources = [ArraySource(np.full((2, 16, 16), i, np.float32), name=names[i]) for i in (0, 1)]
    checkpoints = RunCheckpoints(tmp_path / "checkpoint")
    checkpoints.folder.mkdir()

    def writer(number):
        path = tmp_path / f"{names[number]}.tif"
        return StackWriter(path, sources[number], unfinished=checkpoints.journal(model, path))

    with pytest.raises(KeyboardInterrupt), writer(1) as stack:
        stack.write(0, sources[1].read_slice(0))
        raise KeyboardInterrupt
    with writer(1) as stack:
        assert stack.finished == {0}
        stack.discard()
    with writer(0) as stack:
        assert not stack.finished
        stack.discard()


def test_no_images_have_a_fingerprint_as_well():
    nothing = ImageFingerprint.of([])
    assert nothing.difference(nothing) is None
