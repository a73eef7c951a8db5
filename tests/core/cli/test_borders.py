"""Where the command line meets a lab: many files, flawed ones, names, encodings, signals."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.cli import main
from autoStructN2V.cli.main import _signals
from autoStructN2V.cli.progress import ProgressView
from autoStructN2V.trainers import PredictionProgress
from tests.core.conftest import TINY_WORDS, noisy_lines, write_tiff, written_files

if TYPE_CHECKING:
    from pathlib import Path


def run(*parts: object) -> int:
    return main([str(part) for part in parts])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a trained N2V model."""
    folder = tmp_path_factory.mktemp("borders")
    source = write_tiff(folder / "noisy.tif", noisy_lines((1, 48, 48)))
    assert run("train", source, "--output", folder / "exp", "--method", "n2v", *TINY_WORDS) == 0
    return folder / "exp"


def wells(folder: Path, n: int = 4) -> Path:
    """Write some images, of which number 2 is blank."""
    folder.mkdir()
    for well in range(n):
        image = noisy_lines((1, 32, 32), seed=well)[0] if well != 2 else np.zeros((32, 32), "f4")
        write_tiff(folder / f"w{well}.tif", image)
    return folder


def test_a_blank_image_among_others_costs_nothing(model, tmp_path, capsys):
    folder = wells(tmp_path / "in")
    assert run("denoise", folder, "--model", model, "--output", tmp_path / "out") == 0
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert "w2 is constant" in capsys.readouterr().err
    train = ["train", folder, "--output", tmp_path / "exp", "--method", "n2v", *TINY_WORDS]
    assert run(*train) == 0
    assert len(list((tmp_path / "exp").rglob("*_stage1.tif"))) == 4
    assert "w2 is constant" in capsys.readouterr().err


FLAWS = ("cut", "text", "link", "nan", "complex", "pixels")


def spoil(flawed: Path, flaw: str) -> None:
    """Make something of a TIFF that cannot be used."""
    image = tifffile.imread(flawed)
    flawed.unlink()
    if flaw == "cut":
        tifffile.imwrite(flawed, image)
        flawed.write_bytes(flawed.read_bytes()[:-2000])
    elif flaw == "text":
        flawed.write_text("no image")
    elif flaw == "link":
        flawed.symlink_to(flawed.parent.parent / "gone.tif")
    elif flaw == "nan":
        image[:] = np.nan
        tifffile.imwrite(flawed, image)
    elif flaw == "complex":
        tifffile.imwrite(flawed, image.astype("complex64"))
    else:
        tifffile.imwrite(flawed, image, compression="zlib")
        with tifffile.TiffFile(flawed) as tif:
            start = tif.pages[0].dataoffsets[0]
        content = bytearray(flawed.read_bytes())
        content[start : start + 40] = b"\xff" * 40
        flawed.write_bytes(content)


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flawed_file_is_reported_at_the_end_and_the_others_are_written(
    model, tmp_path, capsys, flaw
):
    folder = wells(tmp_path / "in")
    spoil(folder / "w1.tif", flaw)
    assert run("denoise", folder, "--model", model, "--output", tmp_path / "out") == 1
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"w{well}_denoised.tif" for well in (0, 2, 3)]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert lines[-1].startswith("Error: 1 of 4 images could not be denoised")
    assert lines[-2].startswith("Note: Left out:")
    assert "w1" in lines[-2]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flawed_file_is_left_out_of_a_training_and_reported_at_its_end(tmp_path, capsys, flaw):
    folder, exp = wells(tmp_path / "in"), tmp_path / "exp"
    spoil(folder / "w1.tif", flaw)
    assert run("train", folder, "--output", exp, "--method", "n2v", *TINY_WORDS) == 1
    names = sorted(path.name for path in exp.rglob("*_stage1.tif"))
    assert names == [f"w{well}_stage1.tif" for well in (0, 2, 3)]
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.strip()]
    assert lines[-1].startswith("Error: 1 of 4 images could not be used")
    assert lines[-2].startswith("Note: Left out:") and "w1" in lines[-2]
    assert "model:" in out
    (report,) = exp.rglob("noise_report.json")
    (reason,) = json.loads(report.read_text())["left_out"]
    assert "w1" in reason
    assert run("denoise", folder / "w0.tif", "--model", exp, "--output", tmp_path / "a.tif") == 0


@pytest.mark.parametrize("command", ["inspect", "extract-mask"])
def test_an_unreadable_file_is_left_out_of_a_measurement(tmp_path, capsys, command):
    folder = wells(tmp_path / "in")
    (folder / "w1.tif").write_text("no image")
    kernel = tmp_path / "kernel.npy"
    assert run(command, folder, *(("--output", kernel) if command == "extract-mask" else ())) == 1
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.strip()]
    assert lines[-1].startswith("Error: 1 of 4 images could not be read")
    assert lines[-2].startswith("Note: Left out:") and "w1.tif" in lines[-2]
    assert str(kernel) in out if command == "extract-mask" else "Recommended: --method" in out


def test_what_the_settings_ask_for_is_asked_of_all_images(tmp_path, capsys):
    folder = wells(tmp_path / "in")
    write_tiff(folder / "small.tif", noisy_lines((1, 8, 48))[0])
    train = ["train", folder, "--output", tmp_path / "exp", "--method", "n2v", *TINY_WORDS]
    assert run(*train) == 1
    assert "less than a patch" in capsys.readouterr().err
    assert written_files(tmp_path / "exp") == {}


def test_when_no_image_can_be_denoised_the_reason_is_the_error(model, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.tif").write_text("no image")
    assert run("denoise", folder, "--model", model, "--output", tmp_path / "out") == 1
    assert "Error: " in (err := capsys.readouterr().err)
    assert "a.tif is not a TIFF file" in err
    assert not (tmp_path / "out").exists()


def test_results_say_what_was_chosen_and_none_replaces_another(model, tmp_path, capsys):
    stack = noisy_lines((4, 32, 32)).reshape(2, 2, 32, 32)
    source = write_tiff(tmp_path / "a.tif", stack, "TCYX")
    out = tmp_path / "out"
    for channel in (0, 1):
        words = ["denoise", source, "--model", model, "--output", out, "--channel", channel]
        assert run(*words) == 0
        assert run(*words, "--timepoint", 1) == 0
    names = ["a_c0_denoised.tif", "a_c0_t1_denoised.tif"]
    names += [name.replace("c0", "c1") for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)

    before = written_files(out)
    capsys.readouterr()
    assert run(*words) == 1
    assert "a_c1_denoised.tif exists already" in capsys.readouterr().err
    assert written_files(out) == before
    for path in out.iterdir():
        path.write_text("older")
    assert run(*words, "--overwrite") == 0
    assert tifffile.imread(out / "a_c1_denoised.tif").shape == (2, 32, 32)


def test_a_kernel_file_that_exists_stays(tmp_path, lines_tiff, capsys):
    for existing in ("k.npy", "k.png"):
        (tmp_path / existing).write_text("older")
        for name in ("k.npy", "k"):
            assert run("extract-mask", lines_tiff, "--output", tmp_path / name) == 1
            assert f"{existing} exists already" in capsys.readouterr().err
        (tmp_path / existing).unlink()


def test_a_model_of_25d_works_on_fewer_slices(tmp_path):
    source = write_tiff(tmp_path / "z.tif", noisy_lines((20, 24, 24)))
    words = ["--method", "n2v", "--mode", "2.5D", *TINY_WORDS]
    assert run("train", source, "--output", tmp_path / "exp", *words) == 0
    for n_slices in (1, 2, 5):
        thin = write_tiff(tmp_path / f"z{n_slices}.tif", noisy_lines((n_slices, 24, 24)), "ZYX")
        out = tmp_path / f"clean{n_slices}.tif"
        assert run("denoise", thin, "--model", tmp_path / "exp", "--output", out) == 0
        assert tifffile.imread(out).reshape(-1, 24, 24).shape == (n_slices, 24, 24)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("name", ["細胞", "zelle\udce9", "µ [bold] 100%"])
def test_no_character_of_a_name_ends_a_run(model, tmp_path, monkeypatch, encoding, name):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    source = write_tiff(tmp_path / f"{name}.tif", noisy_lines((1, 32, 32)))
    # an experiment has a name that is text
    folder = tmp_path / f"r {os.fsencode(name).decode(errors='replace')}"
    assert run("train", source, "--output", folder, "--method", "n2v", *TINY_WORDS) == 0
    (trained,) = folder.rglob("*.pth")
    assert run("denoise", source, "--model", trained, "--output", tmp_path / "o.tif") == 0
    assert run("denoise", tmp_path / f"{name}.no", "--model", folder, "--output", "o") == 1
    (config,) = folder.rglob("config.json")
    assert json.loads(config.read_text("utf-8"))["input_dir"] == str(source)
    monkeypatch.undo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order(model, tmp_path, monkeypatch, number):
    show = ProgressView.show

    def signaled(self: ProgressView, event: object) -> None:
        show(self, event)
        if isinstance(event, PredictionProgress):
            signal.raise_signal(number)

    started_with = signal.signal(number, signal.SIG_DFL)  # nohup would have it ignored
    before = signal.getsignal(number)
    source = wells(tmp_path / "in")
    monkeypatch.setattr(ProgressView, "show", signaled)
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    assert run("denoise", source, "--model", model, "--output", tmp_path / "out") == 128 + number
    assert signal.getsignal(number) is before
    signal.signal(number, started_with)
    assert [*(tmp_path / "out").glob("*")] == []


def test_nohup_is_respected(monkeypatch):
    monkeypatch.setattr(
        signal, "getsignal", lambda n: signal.SIG_IGN if n == signal.SIGHUP else signal.SIG_DFL
    )
    assert _signals() == [signal.SIGINT, signal.SIGTERM]
