"""Bad input, as a person meets it: one clear sentence, nothing half written, nothing lost.

One row for each situation. The sentence has to say what was found, what is allowed and what to do.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import torch

from autoStructN2V.cli import main
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.datasets.images.formats import result
from autoStructN2V.trainers import EpochFinished
from tests.core.conftest import TINY_WORDS, noisy_lines, write_tiff, written_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOISY = noisy_lines()


@dataclass
class Place:
    """A folder of one test: input, output, a finished training, and what it held before."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    @property
    def image(self) -> Path:
        return self.folder / "image.tif"

    @property
    def output(self) -> Path:
        return self.folder / "results"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def save(self, image: np.ndarray, **options: Any) -> None:
        write_tiff(self.image, image, **options)

    def train(self, *more: object) -> list[str]:
        return [str(w) for w in ("train", self.image, "--output", self.output, *TINY_WORDS, *more)]

    def denoise(self, *more: object) -> list[str]:
        output = self.output / "clean.tif"
        paths = ["denoise", self.image, "--model", self.model, "--output", output]
        return [str(word) for word in (*paths, *more)]


def image(array: np.ndarray, **options: Any) -> Callable[[Place], list[str]]:
    """Train on this image."""

    def prepare(place: Place) -> list[str]:
        mode = options.pop("mode", "2D")
        place.save(array, **options)
        return place.train("--mode", mode)

    return prepare


def raw_image(array: np.ndarray, **options: Any) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        tifffile.imwrite(place.image, array, **options)
        return place.train()

    return prepare


def spoiled(value: float) -> np.ndarray:
    stack = NOISY.copy()
    stack[1, 5, 6] = value
    return stack


def truncated(place: Place) -> list[str]:
    place.image.write_bytes(place.image.read_bytes()[:-5000])
    return place.train()


def no_tiff(place: Place) -> list[str]:
    place.image.write_text("not a TIFF")
    return place.train()


def empty_folder(place: Place) -> list[str]:
    (place.folder / "empty").mkdir()
    return ["train", str(place.folder / "empty"), "--output", str(place.output)]


def missing(place: Place) -> list[str]:
    return ["train", str(place.folder / "nowhere.tif"), "--output", str(place.output)]


def kernel(array: np.ndarray, mode: str = "2D") -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        np.save(place.folder / "kernel.npy", array)
        place.save(noisy_lines((20, 48, 48)) if mode == "2.5D" else NOISY)
        return place.train("--mask", place.folder / "kernel.npy", "--mode", mode)

    return prepare


def setting(text: str) -> Callable[[Place], list[str]]:
    return lambda place: place.train("--set", text)


def edited_config(place: Place) -> list[str]:
    """A stage 1 trained in 2D, imported into a training that was edited to 2.5D."""
    place.save(noisy_lines((20, 48, 48)))
    config = place.model / "config.json"
    config.write_text(config.read_text().replace('"mode": "2D"', '"mode": "2.5D"'))
    return place.train("--config", config, "--stage1-model", place.model)


def edited_weights(place: Place) -> list[str]:
    """Parameters of one training with the weights of another."""
    path = place.model / "stage1_model.pth"
    content = torch.load(path, weights_only=True)
    content["network"]["features"] = 16
    torch.save(content, path)
    return place.denoise()


class Payload:
    """Runs a command when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def hostile(place: Place) -> list[str]:
    torch.save(Payload(place.folder / "code_has_run"), place.model / "stage1_model.pth")
    return place.denoise()


def hostile_pickle(place: Place) -> list[str]:
    payload = pickle.dumps(Payload(place.folder / "code_has_run"))
    (place.model / "stage1_model.pth").write_bytes(payload)
    return place.train("--stage1-model", place.model)


def truncated_model(place: Place) -> list[str]:
    path = place.model / "stage1_model.pth"
    path.write_bytes(path.read_bytes()[:3000])
    return place.denoise()


def no_model(place: Place) -> list[str]:
    (place.model / "stage1_model.pth").unlink()
    return place.denoise()


def no_gpu(place: Place) -> list[str]:
    place.monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return place.train("--device", "cuda")


def no_gpu_to_denoise(place: Place) -> list[str]:
    place.monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return place.denoise("--device", "cuda")


def out_of_memory(name: str) -> Callable[[Place], list[str]]:
    """Let the network fail as if every batch or tile were too large."""

    def fail(self: object, x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def prepare(place: Place) -> list[str]:
        place.monkeypatch.setattr("autoStructN2V.models.unet.FlexibleUNet.forward", fail)
        return place.train() if name == "train" else place.denoise()

    return prepare


def disk_too_small(name: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        usage = result.shutil.disk_usage(place.folder)
        place.monkeypatch.setattr(result.shutil, "disk_usage", lambda path: usage._replace(free=9))
        return place.train() if name == "train" else place.denoise()

    return prepare


def disk_full_at_the_end(place: Place) -> list[str]:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.monkeypatch.setattr("autoStructN2V.files.os.fsync", full)
    return place.denoise()


def read_only(place: Place) -> list[str]:
    place.output.mkdir()
    write = type(place.folder).write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if path.is_relative_to(place.output):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return write(path, data)

    # not by chmod: these tests may be run by an administrator, who may write anywhere
    place.monkeypatch.setattr(type(place.folder), "write_bytes", refuse)
    return place.train()


def output_is_a_file(place: Place) -> list[str]:
    place.output.write_text("something of value")
    return place.train()


COLOR = (100 + 20 * noisy_lines((32, 48, 3))).astype(np.uint8)
SERIES = noisy_lines((6, 48, 48)).reshape(2, 3, 48, 48)
EVEN, NO_CENTER = np.ones((4, 4), bool), np.zeros((3, 3), bool)

ROWS: dict[str, tuple[Callable[[Place], list[str]], list[str]]] = {
    "too few slices for 2.5D": (
        image(noisy_lines((12, 48, 48)), mode="2.5D"),
        ["Insufficient Stack Depth for 2.5D: 12 slices, 20 needed", "use 2D or a deeper stack"],
    ),
    "smaller than a patch": (
        image(noisy_lines((3, 12, 48))),
        ["12 x 48 pixels", "a patch of 16 x 16", "lower the patch size or choose larger"],
    ),
    "constant": (
        image(np.full((3, 48, 48), 7, np.uint8)),
        ["is constant", "choose another image"],
    ),
    "NaN": (
        image(np.full((3, 48, 48), np.nan, np.float32)),
        ["6912 NaN values", "slice 0", "replace them by numbers"],
    ),
    "infinity": (image(spoiled(np.inf)), ["1 infinite values", "slice 1", "replace them"]),
    "RGB": (
        raw_image(COLOR, photometric="rgb"),
        ["color", "grayscale"],
    ),
    "multichannel": (
        image(SERIES[:, :2], axes="ZCYX"),
        ["2 channels", "channel"],
    ),
    "complex": (
        raw_image(NOISY.astype(np.complex64), photometric="minisblack"),
        ["complex64", "real", "convert it"],
    ),
    "boolean": (raw_image(NOISY > 0, photometric="minisblack"), ["bool", "convert it"]),
    "empty folder": (empty_folder, ["holds no images", "it is empty", "choose"]),
    "missing file": (missing, ["nowhere.tif does not exist", "choose an image file or a folder"]),
    "unreadable TIFF": (no_tiff, ["image.tif", "not a"]),
    "truncated TIFF": (truncated, ["image.tif", "incomplete"]),
    "kernel of even size": (kernel(EVEN), ["4 x 4 pixels", "must be odd"]),
    "kernel without center": (kernel(NO_CENTER), ["center of the kernel is False", "must be True"]),
    "2D kernel in 2.5D": (
        kernel(np.ones((3, 3), bool), "2.5D"),
        ["shape (3, 3)", "in 2.5D mode it must be (3, height, width)"],
    ),
    "3D kernel in 2D": (kernel(np.ones((3, 3, 3), bool)), ["shape (3, 3, 3)", "(height, width)"]),
    "kernel of numbers": (kernel(np.full((3, 3), 0.5)), ["float64", "True and False, or 0 and 1"]),
    "unknown field": (
        setting("stage2.batchsize=4"),
        ["stage2.batchsize is not a known field", "did you mean 'batch_size'?"],
    ),
    "wrong type": (
        setting("num_epochs=many"),
        ["num_epochs is 'many'", "a whole number of at least 1"],
    ),
    "out of range": (
        setting("stage2.mask_percentage=80"),
        ["stage2.mask_percentage is 80", "a number above 0 and at most 50"],
    ),
    "nothing to run": (
        lambda place: place.train("--set", "run_stage1=false", "--skip-stage2"),
        ["both False", "switch at least one on"],
    ),
    "kernel from a stage 1 that does not run": (
        setting("run_stage1=false"),
        ["mask_source is 'stage1' but stage 1 does not run", "use mask_source 'file'"],
    ),
    "model and configuration of different modes": (
        edited_config,
        ["trained in 2D mode but 2.5D is configured", "choose mode 2D or another model"],
    ),
    "weights of another network": (
        edited_weights,
        ["weights do not fit a 2D network of 16 features", "choose files of the same training"],
    ),
    "hostile model": (hostile, ["could run code", "refused", "from people you trust"]),
    "hostile pickle": (hostile_pickle, ["stage1_model.pth", "use"]),
    "truncated model": (truncated_model, ["damaged or not a model file", "use a copy"]),
    "no model": (no_model, ["holds neither stage1_model.pth", "choose the model folder"]),
    "no GPU for training": (no_gpu, ["'cuda' was asked for", "available here: auto, cpu"]),
    "no GPU for denoising": (no_gpu_to_denoise, ["'cuda' was asked for", "available here"]),
    "memory while training": (
        out_of_memory("train"),
        ["Memory of cpu does not suffice for one patch of 16", "lower patch_size or features"],
    ),
    "memory while denoising": (
        out_of_memory("denoise"),
        ["does not suffice to denoise even small tiles", "choose device cpu"],
    ),
    "disk too small for denoising": (
        disk_too_small("denoise"),
        ["disk is full", "free some space"],
    ),
    "disk full at the end": (disk_full_at_the_end, ["disk is full", "free some space"]),
    "disk too small for results": (disk_too_small("train"), ["disk is full", "free some space"]),
    "read-only folder": (read_only, ["read-only", "choose another folder"]),
    "output is a file": (output_is_a_file, ["is no folder, and a folder of this name is needed"]),
}
# these are noticed only after a stage was trained: what was finished stays
LATE = {"memory while training", "disk too small for results"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model folder of a training."""
    folder = tmp_path_factory.mktemp("finished")
    source = write_tiff(folder / "image.tif", NOISY)
    arguments = ["train", source, "--output", folder / "exp", *TINY_WORDS, "--skip-stage2"]
    assert main([str(word) for word in arguments]) == 0
    return next((folder / "exp").rglob("stage1_model.pth")).parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path) -> Place:
    """Return an own copy of everything."""
    (tmp_path / "model").mkdir()
    for file in finished.iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    write_tiff(tmp_path / "image.tif", NOISY)
    return Place(tmp_path, monkeypatch)


@pytest.mark.parametrize("situation", ROWS)
def test_one_sentence_and_nothing_lost(
    situation: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare, fragments = ROWS[situation]
    arguments = prepare(place)
    before = written_files(place.folder)
    capsys.readouterr()

    assert main(arguments) == 1

    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    sentence = [line for line in err.splitlines() if line.strip()][-1]
    assert sentence.startswith("Error: ")
    for fragment in fragments:
        assert fragment in sentence
    assert sentence.endswith((".", "?"))
    after = written_files(place.folder)
    assert {path: after[path] for path in before} == before, "an earlier file was changed"
    new = [path for path in after if path not in before]
    assert not [path for path in new if path.name.startswith(".")], "a temporary file was left"
    if situation in LATE:
        assert not [path for path in new if path.suffix == ".tif"]
    else:
        assert new == []
    assert not (place.folder / "code_has_run").exists()


def test_the_trained_model_survives_a_full_disk(place: Place) -> None:
    assert main(disk_too_small("train")(place)) == 1
    found = [path for path in place.output.rglob("*.pth") if path.parent.name != "checkpoint"]
    assert [path.name for path in found] == ["stage1_model.pth"]


def test_a_time_series_of_stacks_is_treated_as_images_in_2d_and_needs_a_choice_in_2_5d(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.save(SERIES, axes="TZYX")
    assert main(place.train("--mode", "2.5D")) == 1
    assert "timepoint" in capsys.readouterr().err
    assert not place.output.exists()
    assert main(place.train("--method", "n2v")) == 0
    (path,) = place.output.rglob("*.tif")
    assert tifffile.imread(path).shape == SERIES.shape


def test_a_chosen_channel_is_denoised(place: Place) -> None:
    place.save(SERIES[:, :2], axes="ZCYX")
    assert main(place.train("--method", "n2v", "--channel", "1")) == 0
    (path,) = place.output.rglob("*.tif")
    assert tifffile.imread(path).shape == (2, 48, 48)


@pytest.mark.parametrize(
    ("array", "fragment"),
    [
        (np.full((2, 48, 48), np.nan, np.float32), "4608 NaN values"),
        (np.full((2, 48, 48), 3, np.uint16), "is constant"),
        (NOISY.astype(np.complex64), "complex64"),
    ],
)
@pytest.mark.parametrize("command", ["denoise", "extract-mask", "inspect"])
def test_the_other_commands_refuse_bad_images_too(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    array: np.ndarray,
    fragment: str,
    command: str,
) -> None:
    tifffile.imwrite(place.image, array, photometric="minisblack")
    before = written_files(place.folder)
    options = {
        "denoise": ["--model", place.model, "--output", place.output / "o.tif"],
        "extract-mask": ["--output", place.folder / "k.npy"],
        "inspect": [],
    }[command]
    assert main([str(word) for word in (command, place.image, *options)]) == 1
    assert fragment in capsys.readouterr().err
    assert written_files(place.folder) == before


def test_a_smaller_batch_is_tried_before_giving_up(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Memory for two patches at once, eight are asked for."""
    from autoStructN2V.models import FlexibleUNet

    forward = FlexibleUNet.forward

    def limited(self: FlexibleUNet, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    place.monkeypatch.setattr(FlexibleUNet, "forward", limited)
    assert main(place.train("--method", "n2v", "--set", "n2v.batch_size=8")) == 0
    assert "training goes on with batches of 2 patches" in capsys.readouterr().err


def test_cancelling_keeps_what_is_finished(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ProgressView.show

    def pressed(self: ProgressView, event: object) -> None:
        show(self, event)
        if isinstance(event, EpochFinished) and event.stage == 2:
            signal.raise_signal(signal.SIGINT)

    place.monkeypatch.setattr(ProgressView, "show", pressed)
    before = written_files(place.folder)
    assert main(place.train("--set", "num_epochs=3")) == 130
    assert "Stopped: what was finished is in" in capsys.readouterr().err
    after = written_files(place.folder)
    assert {path: after[path] for path in before} == before
    assert [path.name for path in after if path.suffix == ".tif"] == [
        "image.tif",
        "image_stage1.tif",
    ]
    assert not [path for path in after if path.name.startswith(".")]
