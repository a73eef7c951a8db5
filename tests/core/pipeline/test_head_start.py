"""A training begins with the weights of the package if it is to, and the model notes it."""

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource
from autoStructN2V.models.head_start import HEAD_START, give_head_start
from autoStructN2V.pipeline import (
    find_models,
    finish,
    go_on,
    pipeline_events,
    recorded_events,
)
from autoStructN2V.trainers import build_network, load_model
from tests.core.conftest import noisy_lines, tiny

_OF_PRESETS = {"features": HEAD_START.features, "num_layers": HEAD_START.num_layers}
_HARDLY = {"learning_rate": 1e-6, "steps_per_epoch": 1}


def trained(tmp_path, config, spread=1, noisy=None):
    """Train on noise that so many pixels share; return the folder of the model, and the model."""
    settings = {"output_dir": tmp_path, "method": "n2v", "num_epochs": 1, **config}
    stack = noisy_lines(spread=spread) if noisy is None else noisy
    noisy = ArraySource(stack, name="lines")
    output = finish(recorded_events([noisy], settings))
    folder = output.folders.model
    return folder, load_model(next(iter(find_models(folder).values())))


def begins_at_head_start(model):
    network = build_network(HEAD_START, 1, seed=0)
    give_head_start(network)
    given = network.state_dict()
    return all(torch.allclose(model.weights[name], given[name], atol=1e-4) for name in given)


@pytest.mark.parametrize(
    ("asked", "network", "expected"),
    [(True, _OF_PRESETS, True), (False, _OF_PRESETS, False), (True, {}, False)],
    ids=["asked for", "not asked for", "of another size"],
)
def test_it_begins_there_if_asked_and_if_the_network_fits(tmp_path, asked, network, expected):
    config = tiny({"n2v": {**network, **_HARDLY}}, head_start=asked)
    folder, model = trained(tmp_path, config)
    assert model.provenance["has_head_start"] is expected
    if network:
        assert begins_at_head_start(model) is expected
    report = (folder / "report.html").read_text("utf-8")
    assert ("trained on drawn images" in report) is expected


def test_n2v_begins_at_random_where_neighbors_share_noise(tmp_path):
    """With the weights, it would keep more of that noise."""
    config = tiny({"n2v": {**_OF_PRESETS, **_HARDLY}}, head_start=True)
    _, model = trained(tmp_path, config, spread=5)
    assert not model.provenance["has_head_start"]
    assert not begins_at_head_start(model)


def test_what_is_fine_tuned_begins_with_its_model_and_notes_where_that_began(tmp_path):
    config = tiny({"n2v": {**_OF_PRESETS, **_HARDLY, "learning_rate": 0.05}}, head_start=True)
    folder, model = trained(tmp_path / "first", config)
    assert not begins_at_head_start(model)
    hardly = go_on(folder, "fine_tune")
    hardly["n2v"] = {**hardly["n2v"], **_HARDLY}
    _, tuned = trained(tmp_path / "second", hardly)
    assert tuned.provenance["has_head_start"]
    assert all(
        torch.allclose(tuned.weights[name], model.weights[name], atol=1e-4)
        for name in model.weights
    )


@pytest.mark.parametrize(("refinement", "expected"), [(0.7, True), (0.0, False)])
def test_stage_1_begins_at_random_and_stage_2_with_the_weights(refinement, expected):
    """With them, blind spots alone would keep more of the noise that neighbors share."""
    stages = {name: {**_OF_PRESETS, **_HARDLY} for name in ("stage1", "stage2")}
    stages["stage2"] |= {"refinement": refinement, "mask_source": "extractor"}
    config = tiny(stages, head_start=True, num_epochs=1)
    result = finish(pipeline_events(noisy_lines((2, 128, 128)), config))
    assert result.stage2.model.kernel.n_hidden > 1
    began = [stage.model.provenance["has_head_start"] for stage in (result.stage1, result.stage2)]
    assert began == [False, expected]


def counts(shape=(4, 128, 128)):
    """Return counts of half a photon for each pixel, of uneven light."""
    light = 0.5 + 0.3 * np.sin(np.arange(shape[2]) / 9.0)
    return np.random.default_rng(0).poisson(np.broadcast_to(light, shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("network", "refinement", "expected"),
    [(_OF_PRESETS, 0.7, 1e-4), (_OF_PRESETS, 0.0, 1e-3), ({}, 0.7, 1e-3)],
    ids=["to be refined", "not to be refined", "from random weights"],
)
@pytest.mark.parametrize("noisy", [noisy_lines(spread=1), counts()], ids=["refined", "refused"])
def test_steps_are_small_while_pixels_are_hidden(tmp_path, network, refinement, expected, noisy):
    """Nothing but the weights says what becomes of seen pixels then, and they forget it soon."""
    rate = {"learning_rate": 1e-3, "steps_per_epoch": 2, "refinement": refinement}
    settings = {"num_epochs": 2, "early_stopping": False, "head_start": True}
    folder, model = trained(tmp_path, tiny({"n2v": {**network, **rate}}, **settings), noisy=noisy)
    assert model.provenance["hidden_learning_rate"] == pytest.approx(expected)
    report = (folder / "report.html").read_text("utf-8")
    assert ("0.0001 while pixels were hidden" in report) is (expected == 1e-4)


def test_what_is_fine_tuned_after_a_head_start_is_so_in_steps_as_small(tmp_path):
    rate = {"learning_rate": 1e-3, "steps_per_epoch": 2, "refinement": 0.7}
    config = tiny({"n2v": {**_OF_PRESETS, **rate}}, head_start=True)
    folder, _ = trained(tmp_path / "first", config, noisy=counts())
    _, tuned = trained(tmp_path / "second", go_on(folder, "fine_tune"), noisy=counts())
    assert tuned.provenance["hidden_learning_rate"] == pytest.approx(1e-4)
