"""Memory: a sentence where it does not suffice, and never more than was said."""

import json
import subprocess
import sys
import textwrap

import pytest
import torch

from autoStructN2V.datasets import ArraySource, Normalization
from autoStructN2V.errors import DeviceError
from autoStructN2V.inference import TrainedModel
from autoStructN2V.models import FlexibleUNet
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.pipeline.forecast import enough_memory as module
from autoStructN2V.pipeline.forecast.enough_memory import require_memory
from tests.core.conftest import horizontal, noisy_lines, tiny

CPU = torch.device("cpu")
_TRAINING = """
import json, sys
import numpy as np
import psutil
import torch
from autoStructN2V.errors import UserError
from autoStructN2V.pipeline import estimate_run, finish, pipeline_events, validate_config
from tests.core.conftest import noisy_lines

torch.set_num_threads(1)
over, more, slices = json.loads(sys.argv[1])
stage = {"steps_per_epoch": 1, "use_roi": False, **over}
config = validate_config({"device": "cpu", "num_epochs": 1, "stage1": stage, "run_stage2": False})
images, process = noisy_lines((slices, 96, 96)), psutil.Process()
said = estimate_run(config, [images.shape], torch.device("cpu")).n_bytes
if more is not None:
    limit = process.memory_info().vms + int(more * 1e6)
    process.rlimit(psutil.RLIMIT_AS, (limit, limit))
else:
    open("/proc/self/clear_refs", "w").write("5")
before, told = process.memory_info().rss, ""
try:
    finish(pipeline_events(images, config))
except UserError as error:
    told = str(error)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = 1024 * int(status["VmHWM"].split()[0])
print(json.dumps({"said": said, "took": peak - before, "told": told}))
"""


def trained(over=None, more=None, slices=2):
    """Train in a process of its own, with so many more MB of address space if that is limited."""
    words = json.dumps([over or {}, more, slices])
    code = textwrap.dedent(_TRAINING)
    command = [sys.executable, "-c", code, words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and peaks as Linux tells them")


@linux
def test_a_training_takes_no_more_than_it_said():
    outcome = trained({"features": 64, "batch_size": 4}, slices=3)
    assert not outcome["told"]
    assert outcome["took"] < 1.2 * outcome["said"]


@linux
def test_too_little_address_space_is_a_sentence_before_the_training():
    outcome = trained({"features": 64}, more=60)
    assert "This training needs about 0." in outcome["told"]
    assert "are free; lower features" in outcome["told"]


def test_neither_training_nor_denoising_begins_without_memory(monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda: 10**6)
    noisy = noisy_lines()
    with pytest.raises(DeviceError, match="This training needs about 0"):
        next(pipeline_events(noisy, tiny(device="cpu")))
    network = NetworkConfig(features=8, num_layers=1)
    weights = FlexibleUNet(network).state_dict()
    scale = Normalization(0.0, 1.0, -3.0, 3.0, 0.0, 0.67, 1.0)
    model = TrainedModel(network, weights, scale, "2D", "autostructn2v", 2, horizontal())
    with pytest.raises(DeviceError, match="Denoising these images needs about 0"):
        finish(denoise_array_events([ArraySource(noisy)], model, device="cpu"))


def test_what_is_needed_and_what_is_free_are_told(monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda: 2 * 10**8)
    require_memory(1e8, CPU, "Denoising")
    told = r"^Denoising needs about 5\.0 GB of memory on cpu and 0\.2 GB are free"
    with pytest.raises(DeviceError, match=told):
        require_memory(5e9, CPU, "Denoising")
    require_memory(5e9, torch.device("cuda"), "Denoising")
