"""Workers make what one machine makes, and nothing that was written is made again."""

import os
import re
import signal

import numpy as np
import pytest
import zarr

from autoStructN2V.datasets import open_images
from autoStructN2V.datasets.images.writing import SliceWriter
from autoStructN2V.errors import ClusterError, ConfigError, InputError
from autoStructN2V.pipeline import denoise_events, finish
from autoStructN2V.pipeline.cluster import open_client, work
from autoStructN2V.pipeline.cluster.blocks import plan_blocks
from autoStructN2V.trainers import PredictionProgress, Warned
from tests.core.conftest import untrained, written_files

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    """Return a client of two workers that are threads of this process."""
    place = {"processes": False, "dashboard_address": ":0", "protocol": "inproc"}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **place) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def files_of(store):
    return {path.relative_to(store): content for path, content in written_files(store).items()}


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_the_result_is_that_of_one_machine(store, denoised, client, tmp_path, mode):
    alone = denoised(store, tmp_path / "alone.ome.zarr", mode)
    together = denoised(store, tmp_path / "together.ome.zarr", mode, client=client)
    assert files_of(together) == files_of(alone)
    assert {path.name for path in tmp_path.iterdir()} == {alone.name, together.name}
    assert not np.array_equal(zarr.open(alone)["0"][0], zarr.open(store)["0"][0])


def test_progress_tells_the_dashboard_the_time_left_and_the_speed(
    store, denoised, client, tmp_path
):
    seen = []
    denoised(store, tmp_path / "a.ome.zarr", report=seen.append, client=client)
    assert any("2 workers, 2 threads; dashboard: " in e.message for e in seen if type(e) is Warned)
    progress = [event for event in seen if isinstance(event, PredictionProgress)]
    assert [e.n_done for e in progress] == sorted(e.n_done for e in progress)
    last = progress[-1]
    assert (last.n_done, last.n_tiles, last.eta_seconds) == (24, 24, 0.0)
    assert last.blocks_per_second > 0


class _KillError(BaseException):
    """As good as a SIGKILL of the client: nothing handles it."""


def test_what_was_written_before_a_kill_of_the_client_is_not_made_again(
    store, denoised, client, tmp_path, monkeypatch
):
    written = []
    write = SliceWriter.write

    def counted(writer, z, image):
        written.append(z)
        write(writer, z, image)

    monkeypatch.setattr(SliceWriter, "write", counted)

    def kill(event):
        if isinstance(event, PredictionProgress) and event.n_done >= 6:
            raise _KillError

    path = tmp_path / "a.ome.zarr"
    with pytest.raises(_KillError):
        denoised(store, path, report=kill, client=client)
    client.run(lambda: None)  # blocks that were under way are at their end
    assert not path.exists()
    before = set(written)
    written.clear()
    denoised(store, path, client=client)
    assert len(written) == len(set(written))
    assert set(written) == set(range(24)) - before
    alone = denoised(store, tmp_path / "alone.ome.zarr")
    assert files_of(path) == files_of(alone)


def test_another_model_starts_anew(store, client, tmp_path):
    (image,) = open_images(store, mode="2D")
    one = untrained(image)
    other = untrained(image)
    for weight in other.weights.values():
        weight *= 1.5
    path = tmp_path / "a.ome.zarr"

    def kill(event):
        if isinstance(event, PredictionProgress) and event.n_done >= 6:
            raise _KillError

    with pytest.raises(_KillError):
        finish(denoise_events([image], one, [path], client=client), kill)
    client.run(lambda: None)
    finish(denoise_events([image], other, [path], client=client))
    alone = tmp_path / "alone.ome.zarr"
    finish(denoise_events([image], other, [alone]))
    assert files_of(path) == files_of(alone)


def test_an_image_that_cannot_be_denoised_is_told_and_costs_the_others_nothing(
    denoised, client, tmp_path, store
):
    broken = tmp_path / "broken.ome.zarr"
    denoised(store, broken)
    (zarr_chunk,) = (broken / "0" / "c" / "7").rglob("0/0")
    zarr_chunk.write_bytes(b"")
    with pytest.raises(InputError, match=r"Slice 7 of .* cannot be read"):
        denoised(broken, tmp_path / "a.ome.zarr", client=client)


@pytest.mark.parametrize(
    ("output", "options", "reason"),
    [
        ("a.tif", {}, "several workers at once; name an output that ends with .ome.zarr"),
        ("a.ome.zarr", {"doubt": True}, "leave out --doubt"),
    ],
)
def test_what_workers_cannot_write_is_refused_first(
    store, denoised, tmp_path, output, options, reason
):
    with pytest.raises(ConfigError, match=re.escape(reason)):
        denoised(store, tmp_path / output, client=object(), **options)


def test_pixels_in_memory_are_not_sent_around(client, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "_MOST_BYTES", 1000)
    (image,) = open_images(_in_memory(tmp_path), mode="2D")
    image.reopen = None  # as of a reader that holds its pixels
    with pytest.raises(InputError, match="save it as OME-Zarr"):
        finish(denoise_events([image], untrained(image), [tmp_path / "b.ome.zarr"], client=client))


def _in_memory(folder):
    import tifffile

    rng = np.random.default_rng(0)
    tifffile.imwrite(folder / "a.tif", rng.normal(0, 1, (2, 64, 64)).astype(np.float32))
    return folder / "a.tif"


def test_workers_of_another_version_or_without_the_disk_say_so(store, tmp_path, monkeypatch):
    (image,) = open_images(store, mode="2D")
    model = work.ModelToApply(untrained(image), "cpu", 10**6, version="0.0.1")
    with pytest.raises(ClusterError, match=r"0\.0\.1 was asked for; install the same version"):
        work.denoise_block(work.packed(model), b"", [0])


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch):
    monkeypatch.setattr("autoStructN2V.pipeline.cluster.connection._PATIENCE", 0.2)
    with (
        pytest.raises(ClusterError, match="No scheduler answers at tcp://127"),
        open_client("tcp://127.0.0.1:9"),
    ):
        pass
    with (
        pytest.raises(ClusterError, match=r"No scheduler has written nowhere\.json; start one"),
        open_client("nowhere.json"),
    ):
        pass
    with pytest.raises(ConfigError, match="choose one of the two"), open_client():
        pass


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with (
        pytest.raises(ClusterError, match=r'pip install "napari-autostructn2v\[distributed\]"'),
        open_client(workers=1),
    ):
        pass


def test_a_worker_that_is_killed_costs_its_block_only(store, denoised, tmp_path):
    """With processes of its own, one of which gets SIGKILL while it works.

    Dask itself gives a block to others three times; here it leaves that to us at once.
    """
    killed = []
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        open_client(workers=2) as client,
    ):
        trimming = client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
        assert set(trimming.values()) == {None}, "a network asks for freed memory again"

        def kill(event):
            if isinstance(event, PredictionProgress) and event.n_done >= 4 and not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        written = denoised(store, tmp_path / "a.ome.zarr", report=kill, client=client)
    assert killed
    assert files_of(written) == files_of(denoised(store, tmp_path / "alone.ome.zarr"))


class _Gone:
    """A client whose scheduler does not answer any more."""

    status = "connecting"

    def ncores(self):
        raise OSError("connection refused")


def test_a_scheduler_that_has_gone_is_one_sentence(store, denoised, tmp_path):
    with pytest.raises(ClusterError, match=r"has gone\. What was written is kept"):
        denoised(store, tmp_path / "a.ome.zarr", client=_Gone())


def test_blocks_hold_every_slice_once_and_divide_no_chunk(store):
    (image,) = open_images(store, mode="2D")
    for together, missing in ((1, range(24)), (5, range(24)), (5, [0, 3, 17, 23])):
        image.reopen = None
        image.__class__ = type("Thick", (type(image),), {"n_together": together})
        blocks = plan_blocks(image, missing, "2D", 2)
        assert sorted(z for block in blocks for z in block) == list(missing)
        chunks = [{z // together for z in block} for block in blocks]
        assert sum(map(len, chunks)) == len({z // together for z in missing})
