"""``denoise --workers`` and ``--scheduler`` on the command line."""

import numpy as np
import pytest
import zarr

from autoStructN2V.cli import main
from autoStructN2V.datasets import open_images
from autoStructN2V.pipeline.cluster import connection
from autoStructN2V.trainers import save_model
from tests.core.conftest import untrained

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def model(store, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "stage1_model.pth"
    (image,) = open_images(store, mode="2D")
    save_model(path, untrained(image))
    return path


def run(store, model, output, *more):
    words = ["denoise", store, "--model", model, "--output", output, "--device", "cpu", *more]
    return main([str(word) for word in words])


def test_workers_write_what_the_plain_command_writes(store, model, tmp_path, capsys, monkeypatch):
    def in_threads(distributed, n_workers):
        place = {"processes": False, "dashboard_address": ":0", "protocol": "inproc"}
        return distributed.LocalCluster(n_workers=n_workers, threads_per_worker=1, **place)

    monkeypatch.setattr(connection, "_local_cluster", in_threads)
    alone, together = tmp_path / "alone.ome.zarr", tmp_path / "together.ome.zarr"
    assert run(store, model, alone) == 0
    capsys.readouterr()
    assert run(store, model, together, "--workers", 2) == 0
    out, err = capsys.readouterr()
    assert out.split() == [str(together)]
    assert "2 workers, 2 threads; dashboard: " in err
    assert "blocks/s" in err
    assert np.array_equal(zarr.open(together)["0"][:], zarr.open(alone)["0"][:], equal_nan=True)


@pytest.mark.parametrize(
    ("output", "options", "reason"),
    [
        ("a.tif", ["--workers", 2], "several workers at once; name an output that ends with"),
        ("a.ome.zarr", ["--workers", 2, "--doubt"], "leave out --doubt"),
        ("a.ome.zarr", ["--workers", 2, "--scheduler", "tcp://a:1"], "choose one of the two"),
        ("a.ome.zarr", ["--scheduler", "nonsense://"], "No scheduler answers at nonsense://"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    store, model, tmp_path, capsys, monkeypatch, output, options, reason
):
    monkeypatch.setattr(connection, "_PATIENCE", 0.2)
    assert run(store, model, tmp_path / output, *options) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    assert reason in line
    assert list(tmp_path.iterdir()) == []
