"""Estimates before a training: of the right order, and moving the right way."""

import time

import pytest
import torch

from autoStructN2V.models import FlexibleUNet
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline import finish, pipeline_events, validate_config
from autoStructN2V.pipeline.estimate import (
    TYPICAL_SPEED,
    estimate_run,
    measure_speed,
    network_cost,
    steps_per_epoch,
)
from autoStructN2V.trainers.events import BatchFinished
from tests.core.conftest import noisy_lines, tiny

CPU = torch.device("cpu")
SHAPES = [(10, 128, 128)]


def seconds(shapes=SHAPES, device=CPU, **fields):
    return estimate_run(validate_config(fields), shapes, device).seconds


def n_bytes(shapes=SHAPES, device=CPU, **fields):
    return estimate_run(validate_config(fields), shapes, device).n_bytes


@pytest.mark.slow
def test_a_training_takes_about_as_long_as_estimated():
    images = noisy_lines((4, 128, 128))
    stage = {"features": 16, "patch_size": 64, "batch_size": 8, "steps_per_epoch": 12}
    config = validate_config(tiny(stage1=stage, stage2=stage))
    estimated = estimate_run(config, [images.shape], CPU, measure_speed(CPU)).seconds
    start = time.perf_counter()
    finish(pipeline_events(images, config))
    assert 0.4 < (time.perf_counter() - start) / estimated < 2.5


def test_measuring_the_speed_is_quick_and_done_once():
    first = measure_speed(CPU)
    start = time.perf_counter()
    assert measure_speed(CPU) is first and first.is_measured
    assert time.perf_counter() - start < 0.1
    assert 1e8 < first.flops_per_second < 1e14


def test_without_a_measurement_a_typical_speed_is_assumed():
    config = validate_config({})
    estimate = estimate_run(config, SHAPES, CPU)
    assert not estimate.is_measured and estimate.device == "cpu"
    assert estimate == estimate_run(config, SHAPES, CPU, TYPICAL_SPEED["cpu"])


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_the_cost_of_a_network_is_that_of_the_network(mode):
    config = NetworkConfig(features=16, num_layers=3)
    network = FlexibleUNet(config, 3 if mode == "2.5D" else 1)
    cost = network_cost(config, mode)
    assert cost.n_parameters == sum(p.numel() for p in network.parameters())
    assert (cost.reach, cost.stride) == (network.receptive_radius, network.stride)
    # the first convolution of a level and the second, in the first level
    least = 2 * 9 * (16 * 16 + 2 * 16 * 16 + 16 * 16)
    assert cost.flops_per_pixel > least


def test_more_work_takes_longer():
    base = seconds()
    assert seconds(num_epochs=200) > 1.8 * base
    assert seconds(shapes=[(40, 128, 128)]) > 2 * base
    assert seconds(stage2={"features": 128}) > 1.5 * base
    assert seconds(run_stage2=False) < 0.5 * base
    assert seconds(preset="fast") < 0.5 * base
    assert seconds(device=torch.device("cuda")) < base


def test_an_imported_stage_is_applied_but_not_trained(tmp_path):
    assert seconds(stage1_model=tmp_path) < seconds()
    assert seconds(stage1_model=tmp_path) > seconds(
        run_stage1=False, stage2={"mask_source": "extractor"}
    )


def test_larger_networks_batches_and_images_need_more_memory():
    base = n_bytes()
    assert n_bytes(stage2={"features": 128}) > 1.5 * base
    assert n_bytes(shapes=[(40, 1024, 1024)]) > base + 40 * 1024 * 1024 * 4
    cuda = torch.device("cuda")
    assert n_bytes(device=cuda, stage2={"batch_size": 64}) > 2 * n_bytes(device=cuda)


def test_the_number_of_steps_is_that_of_the_training():
    images = noisy_lines((9, 48, 48))
    stage = {"steps_per_epoch": 0, "patches_per_image": 4}
    config = validate_config(tiny(method="n2v", n2v=stage))
    steps = []

    def count(event):
        if isinstance(event, BatchFinished):
            steps.append(event.n_steps)

    finish(pipeline_events(images, config), count)
    assert steps[-1] == steps_per_epoch(config.n2v, config, [images.shape])
