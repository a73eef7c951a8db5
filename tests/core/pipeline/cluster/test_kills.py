"""A scheduler and a worker that are processes of their own, killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from autoStructN2V.cli import main
from autoStructN2V.datasets import ArraySource, open_images
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.trainers import save_model
from tests.core.conftest import noisy_lines, untrained, written_files

distributed = pytest.importorskip("distributed")

_CLIENT = "import sys; from autoStructN2V.cli import main; sys.exit(main(sys.argv[1:]))"
_PATIENCE = 120  # seconds, of a machine that is busy with other things


@contextmanager
def processes():
    """Give what starts Python processes, which end with the block."""
    started = []

    def start(*words, **options):
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **{"stderr": subprocess.DEVNULL, **options},
        )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()


def start_cluster(start, file):
    """Start a scheduler and a worker, which finds it by a file; return the scheduler."""
    file.unlink(missing_ok=True)
    place = ("--scheduler-file", file)
    ports = ("--port", 0, "--no-dashboard")
    scheduler = start("-m", "distributed.cli.dask_scheduler", *place, *ports)
    how = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--memory-limit", 0)
    start("-m", "distributed.cli.dask_worker", *place, *how)
    return scheduler


def wait_for(is_so, process):
    """Wait until a process has made something so; it may not end before."""
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
            assert is_so(), "it ended before"


@pytest.mark.slow
def test_a_killed_scheduler_costs_nothing_that_is_written(tmp_path):
    stack = noisy_lines((150, 64, 64))
    store, journal = tmp_path / "noisy.ome.zarr", tmp_path / ".clean.ome.zarr.slices"
    write_stack(store, stack, ArraySource(stack))
    (image,) = open_images(store, mode="2D")
    save_model(tmp_path / "stage1_model.pth", untrained(image))
    file = tmp_path / "scheduler.json"

    def command(output):
        words = ["denoise", store, "--model", tmp_path / "stage1_model.pth", "--output", output]
        return [str(word) for word in (*words, "--device", "cpu", "--threads", 1)]

    def clean(place):
        return [*command(tmp_path / "clean.ome.zarr"), "--scheduler", str(place)]

    with processes() as start:
        scheduler = start_cluster(start, file)
        wait_for(file.exists, scheduler)
        client = start("-c", _CLIENT, *clean(file), stderr=subprocess.PIPE)
        wait_for(lambda: journal.exists() and len(journal.read_bytes().splitlines()) > 1, client)
        os.kill(scheduler.pid, signal.SIGKILL)
        said = client.communicate(timeout=_PATIENCE)[1].decode()
        assert "The scheduler has gone. What was written is kept" in said
        assert client.returncode == 1
    n_before = len(journal.read_bytes().splitlines()) - 1
    assert 0 < n_before < len(stack)
    # another one, whose worker is of this process, goes on: it does not load PyTorch once more
    threads = {"processes": False, "protocol": "tcp://", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **threads) as cluster:
        assert main(clean(cluster.scheduler_address)) == 0
    assert main(command(tmp_path / "alone.ome.zarr")) == 0
    made, wanted = (
        {path.relative_to(folder): content for path, content in written_files(folder).items()}
        for folder in (tmp_path / "clean.ome.zarr", tmp_path / "alone.ome.zarr")
    )
    assert made == wanted
    assert not journal.exists()
