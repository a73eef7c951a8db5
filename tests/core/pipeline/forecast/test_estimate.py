"""Estimates before a training: of the right order, and moving the right way."""

import time
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autoStructN2V.models import FlexibleUNet
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline import finish, pipeline_events, validate_config
from autoStructN2V.pipeline.configuration.presets import merged
from autoStructN2V.pipeline.forecast.device_speed import (
    TYPICAL_SPEED,
    DeviceSpeed,
    measure_speed,
)
from autoStructN2V.pipeline.forecast.estimate import Estimate, estimate_run, splits_of
from autoStructN2V.pipeline.forecast.network_cost import network_cost
from autoStructN2V.quantities import duration_text
from autoStructN2V.trainers.events import BatchFinished
from autoStructN2V.trainers.length import steps_in_epoch
from tests.core.conftest import noisy_lines, tiny

CPU = torch.device("cpu")
SHAPES = [(10, 128, 128)]


# epochs whose length grows with the images
UNFIXED = {name: {"steps_per_epoch": 0} for name in ("n2v", "stage1", "stage2")}


def seconds(shapes=SHAPES, device=CPU, **fields):
    fields = fields if "preset" in fields else merged(UNFIXED, fields)
    return estimate_run(validate_config(fields), shapes, device).seconds


def n_bytes(shapes=SHAPES, device=CPU, **fields):
    return estimate_run(validate_config(fields), shapes, device).n_bytes


@pytest.mark.slow
def test_training_takes_about_as_long_as_estimated():
    """Both in processor time, which other programs hardly change."""
    images = noisy_lines((4, 128, 128))
    stage = {"features": 16, "patch_size": 64, "batch_size": 8, "steps_per_epoch": 12}
    config = validate_config(tiny(stage1=stage, stage2=stage, num_epochs=2))
    measure_speed.cache_clear()
    speed = measure_speed(CPU)
    per_second = speed.flops_per_second * speed.slowness
    unhurried = replace(speed, flops_per_second=per_second, slowness=1.0)
    estimated = estimate_run(config, [images.shape], CPU, unhurried).seconds * speed.n_at_once
    began = time.process_time()
    finish(pipeline_events(images, config))
    # what only the first training of a process costs is in the estimate
    assert 0.4 < (time.process_time() - began) / estimated < 2.0


def test_measuring_the_speed_is_quick_and_done_once():
    first = measure_speed(CPU)
    start = time.perf_counter()
    assert measure_speed(CPU) is first and first.is_measured
    assert time.perf_counter() - start < 0.1
    assert 1e8 < first.flops_per_second < 1e14
    assert first.slowness >= 1.0


def test_without_a_measurement_a_typical_speed_is_assumed():
    config = validate_config({})
    estimate = estimate_run(config, SHAPES, CPU)
    assert not estimate.is_measured and estimate.device == "cpu"
    assert estimate == estimate_run(config, SHAPES, CPU, TYPICAL_SPEED["cpu"])


@pytest.mark.parametrize("use_resize_conv", [True, False])
@pytest.mark.parametrize(("mode", "n_channels"), [("2D", 1), ("2.5D", 3)])
def test_the_cost_of_a_network_is_that_of_the_network(mode, n_channels, use_resize_conv):
    config = NetworkConfig(features=16, num_layers=3, use_resize_conv=use_resize_conv)
    network = FlexibleUNet(config, n_channels)
    seen = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, n_channels, 32, 32))
    cost = network_cost(config, mode)
    assert cost.flops_per_pixel == counter.get_total_flops() / 32**2
    assert cost.kept_per_pixel == sum(seen) / 32**2
    assert cost.n_parameters == sum(p.numel() for p in network.parameters())
    assert (cost.reach, cost.stride) == (network.receptive_radius, network.stride)


def test_more_work_takes_longer():
    shapes = [(20, 512, 512)]  # so many pixels that none is looked at too often
    base = seconds(shapes)
    assert seconds(shapes, num_epochs=10) < base / 1.8
    assert seconds([(80, 512, 512)]) > 2 * base
    assert seconds(shapes, stage2={"features": 128}) > 1.5 * base
    assert seconds(shapes, run_stage2=False) < 0.5 * base
    assert seconds(shapes, preset="fast") < 0.5 * base
    assert seconds(shapes, device=torch.device("cuda")) < base


def test_more_epochs_of_few_pixels_take_hardly_longer():
    shapes = [(1, 256, 256)]
    assert seconds(shapes, num_epochs=80) < 1.5 * seconds(shapes, num_epochs=40)


def test_an_imported_stage_is_applied_but_not_trained(tmp_path):
    assert seconds(stage1_model=tmp_path) < seconds()
    assert seconds(stage1_model=tmp_path) > seconds(
        run_stage1=False, stage2={"mask_source": "extractor"}
    )


def test_larger_networks_batches_and_images_need_more_memory():
    base = n_bytes()
    assert n_bytes(stage2={"features": 128}) > 1.2 * base
    assert n_bytes(shapes=[(40, 1024, 1024)]) > base + 40 * 1024 * 1024 * 4
    cuda = torch.device("cuda")
    assert n_bytes(device=cuda, stage2={"batch_size": 64}) > 1.5 * n_bytes(device=cuda)


def test_results_that_go_to_files_need_no_memory():
    config, shapes = validate_config({}), [(40, 512, 512)]
    kept = estimate_run(config, shapes, CPU)
    written = estimate_run(config, shapes, CPU, is_in_files=True)
    assert kept.n_bytes - written.n_bytes == 2 * 4 * 40 * 512 * 512
    assert kept.seconds == written.seconds


def test_beside_other_programs_what_is_no_arithmetic_takes_longer():
    config = validate_config({"preset": "fast"})
    alone = DeviceSpeed(1e10, 8e-3)
    beside = replace(alone, slowness=3.0)
    n_steps = 10 * (15 + 60)
    least = n_steps * 2 * alone.step_seconds
    more = estimate_run(config, SHAPES, CPU, beside).seconds
    assert more > estimate_run(config, SHAPES, CPU, alone).seconds + least


def test_the_number_of_steps_is_that_of_the_training():
    """Each stage divides the images by patches of its own size."""
    images = noisy_lines((9, 48, 48))
    own = {"steps_per_epoch": 0, "most_passes": 1}
    sizes = {"stage1": {**own, "patch_size": 16}, "stage2": {**own, "patch_size": 32}}
    config = validate_config(tiny(**sizes))
    steps = {}

    def count(event):
        if isinstance(event, BatchFinished):
            steps[event.stage] = event.n_steps

    finish(pipeline_events(images, config), count)
    splits = splits_of(config, [images.shape])
    for number, stage, split in zip((1, 2), (config.stage1, config.stage2), splits, strict=True):
        assert steps[number] == steps_in_epoch(stage, split, config.num_epochs)
    assert steps[1] != steps[2]


@pytest.mark.parametrize(
    ("preset", "side", "passes"),
    [("fast", 512, 0), ("balanced", 512, 50), ("high_quality", 512, 50), ("fast", 192, 50)],
)
def test_a_training_that_looks_at_each_pixel_as_often_as_it_may_says_so(preset, side, passes):
    """On one such image a longer preset is the same training, and takes as long."""
    estimate = estimate_run(validate_config({"preset": preset}), [(1, side, side)], CPU)
    assert estimate.passes == passes
    assert (f"looks at each pixel {passes} times" in estimate.sentence()) is bool(passes)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3, "under 10 s"), (42, "40 s"), (100, "2 min"), (4800, "1 h 20 min")],
)
def test_durations_are_said_as_a_person_would(seconds, said):
    assert duration_text(seconds) == said


def test_estimates_read_well():
    exact = Estimate(250.0, 900_000_000, "cpu", is_measured=True, may_stop_early=False)
    assert exact.sentence() == "Takes about 4 min and 0.9 GB of memory on CPU."
    most = Estimate(250.0, 10, "cuda", is_measured=True, may_stop_early=True)
    assert most.sentence("the GPU") == (
        "Takes at most about 4 min and less than 0.1 GB of memory on the GPU."
    )
    short = Estimate(3.0, 10, "cuda", is_measured=True, may_stop_early=True)
    assert short.sentence().startswith("Takes under 10 s and")


def test_an_estimate_says_whether_it_is_the_most():
    for is_early in (True, False):
        config = validate_config({"early_stopping": is_early})
        assert estimate_run(config, SHAPES, CPU).may_stop_early is is_early
