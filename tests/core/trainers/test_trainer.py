"""Training of a stage: it learns, keeps the best, stops when told, and repeats."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import (
    ArraySource,
    estimate_normalization,
    load_patch_bank,
    split_patches,
)
from autoStructN2V.errors import DeviceError, TrainingError
from autoStructN2V.inference import Previewer
from autoStructN2V.masking import Autocorrelation, Kernel, NoiseSampler
from autoStructN2V.models.workers import Workers
from autoStructN2V.trainers import (
    BatchFinished,
    EpochFinished,
    Preview,
    RefinementPlan,
    ScheduleConfig,
    StageConfig,
    Trainer,
    TrainingData,
    Warned,
    build_network,
)
from autoStructN2V.trainers.batches import BatchSource
from autoStructN2V.trainers.stepping import gradients
from autoStructN2V.trainers.stepping.gradients import Gradients
from tests.core.conftest import TINY_STAGE, noisy_lines, threads

CPU = torch.device("cpu")
SPLIT = (0.7, 0.15, 0.15)
SHORTAGE = torch.OutOfMemoryError("CUDA out of memory")


def trainer_for(
    *, n_epochs=2, seed=0, stack=None, schedule=None, refinement=None, hidden_rate=1.0, **fields
):
    stack = noisy_lines((3, 64, 48)) if stack is None else stack
    sources = [ArraySource(stack)]
    bank = load_patch_bank(sources, estimate_normalization(sources), "2D", CPU, 2**30)
    config = StageConfig(**{**TINY_STAGE, **fields})
    split = split_patches(bank.shapes, config.patch_size, SPLIT, np.random.default_rng(0))
    return Trainer(
        build_network(config, 1, seed).placed_on(CPU),
        TrainingData(bank, split, Kernel.center_only(), refinement),
        config,
        ScheduleConfig(num_epochs=n_epochs, **(schedule or {})),
        stage=1,
        seed=seed,
        hidden_rate=hidden_rate,
    )


def train(trainer, should_stop=lambda: False, previewer=None):
    """Return all events and the result."""
    events, run = [], trainer.run(should_stop, previewer)
    while True:
        try:
            events.append(next(run))
        except StopIteration as end:
            return events, end.value


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_loss_falls():
    stack = noisy_lines((3, 64, 64), spread=1)
    trainer = trainer_for(
        n_epochs=4, stack=stack, steps_per_epoch=20, batch_size=4, learning_rate=1e-2
    )
    untrained = trainer.validation.loss(trainer.network)
    _, result = train(trainer)
    best = min(epoch.val_loss for epoch in result.history)
    assert best < 0.5 * untrained
    assert best < 0.5, "most of the unit variance is signal, which can be predicted"


@pytest.mark.parametrize(("n_epochs", "n_steps"), [(a, b) for a in (1, 3, 9) for b in (1, 2, 3)])
def test_every_length_can_be_trained(n_epochs, n_steps):
    _, result = train(trainer_for(n_epochs=n_epochs, steps_per_epoch=n_steps))
    assert len(result.history) == n_epochs
    assert all(0 < epoch.learning_rate <= 1e-3 * 1.001 for epoch in result.history)


def test_events_are_complete_and_in_order():
    events, result = train(trainer_for(n_epochs=3, steps_per_epoch=4))
    epochs = of_kind(events, EpochFinished)
    assert [e.epoch for e in epochs] == [1, 2, 3]
    assert result.history == epochs
    last = of_kind(events, BatchFinished)
    assert [(e.epoch, e.step, e.n_steps) for e in last if e.step == 4] == [
        (i, 4, 4) for i in (1, 2, 3)
    ]
    assert all(e.n_epochs == 3 and e.eta_seconds >= 0 for e in (*epochs, *last))
    assert epochs[-1].eta_seconds == pytest.approx(0, abs=1e-6)
    bests = list(itertools.accumulate((e.val_loss for e in epochs), min))
    assert [e.best_val_loss for e in epochs] == bests
    assert isinstance(events[-1], EpochFinished)


@pytest.mark.parametrize(("steps", "expected"), [(7, 7), (0, 3 * 20 // 2)])
def test_steps_of_an_epoch(steps, expected):
    assert trainer_for(steps_per_epoch=steps, patches_per_image=20).n_steps == expected


def passes_of(trainer):
    """Return how often a training looks at each pixel."""
    seen = trainer.n_steps * trainer.schedule.num_epochs * trainer.config.batch_size
    n_pixels = trainer.data.split.training.n_pixels(trainer.config.patch_size)
    return seen * trainer.config.patch_size**2 / n_pixels


@pytest.mark.parametrize("most_passes", [5, 20])
def test_few_pixels_are_not_looked_at_too_often(most_passes):
    unlimited = trainer_for(n_epochs=4, steps_per_epoch=60)
    limited = trainer_for(n_epochs=4, steps_per_epoch=60, most_passes=most_passes)
    assert passes_of(unlimited) > most_passes
    assert passes_of(limited) == pytest.approx(most_passes, rel=0.1)


def test_a_limit_that_is_not_reached_changes_nothing():
    assert trainer_for(n_epochs=4, steps_per_epoch=60, most_passes=10_000).n_steps == 60


def test_an_epoch_has_a_step_however_few_the_pixels():
    assert trainer_for(n_epochs=200, steps_per_epoch=60, most_passes=1).n_steps == 1


def test_the_best_weights_are_returned(monkeypatch):
    trainer = trainer_for(n_epochs=4, schedule={"early_stopping": False})
    losses, kept = iter([3.0, 1.0, 2.0, 5.0]), []

    def loss(network):
        kept.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(losses)

    monkeypatch.setattr(trainer.validation, "loss", loss)
    _, result = train(trainer)
    weights = result.network.state_dict()
    assert all(torch.equal(weights[name], kept[1][name]) for name in weights)
    assert any(not torch.equal(weights[name], kept[3][name]) for name in weights)
    assert not result.network.training


def test_the_returned_network_has_the_best_validation_loss():
    trainer = trainer_for(n_epochs=5, steps_per_epoch=6, learning_rate=1e-2)
    _, result = train(trainer)
    best = min(epoch.val_loss for epoch in result.history)
    assert trainer.validation.loss(result.network) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("is_on", "n_trained"), [(True, 4), (False, 8)])
def test_early_stopping_waits_as_many_epochs_as_asked(monkeypatch, is_on, n_trained):
    schedule = {"early_stopping": is_on, "early_stopping_patience": 2}
    trainer = trainer_for(n_epochs=8, steps_per_epoch=1, schedule=schedule)
    losses = iter([3.0, 2.0, 2.5, 2.1, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(trainer.validation, "loss", lambda network: next(losses))
    _, result = train(trainer)
    assert len(result.history) == n_trained
    assert not result.is_stopped


def test_a_stop_ends_within_a_batch_and_keeps_the_best():
    trainer = trainer_for(n_epochs=50, steps_per_epoch=3)
    finished, n_after = [], 0
    run = trainer.run(lambda: len(finished) >= 2)
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            result = end.value
            break
        n_after += len(finished) >= 2
        if isinstance(event, EpochFinished):
            finished.append(event)
    assert n_after <= 1
    assert result.is_stopped
    assert len(result.history) == 2
    best = min(epoch.val_loss for epoch in result.history)
    assert trainer.validation.loss(result.network) == pytest.approx(best, rel=1e-6)


def test_a_stop_at_once_returns_a_usable_network():
    events, result = train(trainer_for(), should_stop=lambda: True)
    assert events == []
    assert result.is_stopped
    assert all(value.isfinite().all() for value in result.network.state_dict().values())


def refinement(share, variance=0.1, levels=()):
    """Plan for white noise of this variance, in normalized units, or as strong as levels say."""
    values = np.zeros((1, 3, 3))
    values[0, 1, 1] = 1.0
    noise = Autocorrelation(values, values, values, 0.5, 10_000, variance, levels=levels)
    about = noise, Kernel.center_only(), (0.0, 1.0), TINY_STAGE["patch_size"], CPU
    sampler = NoiseSampler(*about, by_levels=bool(levels))
    return RefinementPlan(sampler, share)


def recorded_batches(trainer):
    """Return a list that grows by the kind of every batch that is drawn."""
    kinds, draw = [], trainer.stepper.draw

    def recorded(noise):
        batch = draw(noise)
        kinds.append(type(batch).__name__)
        return batch

    trainer.stepper.draw = recorded
    return kinds


@pytest.mark.parametrize(("share", "n_hidden"), [(0.0, 4), (0.5, 2), (0.75, 1), (0.9, 1)])
def test_the_last_epochs_refine_without_blind_spots(share, n_hidden):
    trainer = trainer_for(n_epochs=4, steps_per_epoch=3, refinement=refinement(share))
    kinds = recorded_batches(trainer)
    events, result = train(trainer)
    assert kinds == ["MaskedBatch"] * 3 * n_hidden + ["RecorruptedBatch"] * 3 * (4 - n_hidden)
    assert len(result.history) == 4
    assert of_kind(events, Warned) == []


def test_steps_are_smaller_only_while_pixels_are_hidden():
    rates = []
    for share in (1.0, 0.1):
        plan = refinement(0.5)
        trainer = trainer_for(n_epochs=4, steps_per_epoch=3, refinement=plan, hidden_rate=share)
        _, result = train(trainer)
        rates.append(np.array([epoch.learning_rate for epoch in result.history]))
    np.testing.assert_allclose(rates[1] / rates[0], [0.1, 0.1, 1.0, 1.0])


def test_a_training_with_smaller_steps_goes_on_from_its_state_bit_for_bit():
    def made(n_epochs):
        trainer = trainer_for(n_epochs=4, steps_per_epoch=3, hidden_rate=0.1)
        events = trainer.run(lambda: False)
        while len(trainer._standing.history) < n_epochs:
            next(events)
        return trainer

    whole, begun, continued = made(4), made(2), made(0)
    continued.load_state_dict(begun.state_dict())
    train(continued)
    for name, weight in whole.averaged.state_dict().items():
        assert torch.equal(weight, continued.averaged.state_dict()[name])


@pytest.mark.parametrize(
    ("variance", "kind", "n_notes"), [(0.1, "RecorruptedBatch", 0), (100.0, "MaskedBatch", 1)]
)
def test_a_refined_model_goes_on_without_blind_spots(variance, kind, n_notes):
    plan = replace(refinement(0.5, variance), at_once=True)
    trainer = trainer_for(n_epochs=2, steps_per_epoch=3, refinement=plan)
    weights = {name: w.clone() for name, w in trainer.averaged.state_dict().items()}
    assert len(trainer.go_on_with(weights)) == n_notes
    kinds = recorded_batches(trainer)
    train(trainer)
    assert kinds == [kind] * 6


def test_noise_stronger_than_all_that_is_unexplained_is_not_added():
    trainer = trainer_for(n_epochs=2, refinement=refinement(0.5, variance=100.0))
    kinds = recorded_batches(trainer)
    events, _ = train(trainer)
    assert set(kinds) == {"MaskedBatch"}
    (warning,) = of_kind(events, Warned)
    assert "blind spots to the end (no refinement)" in warning.message


def test_early_stopping_does_not_cut_off_the_refinement(monkeypatch):
    schedule = {"early_stopping": True, "early_stopping_patience": 1}
    trainer = trainer_for(n_epochs=8, schedule=schedule, refinement=refinement(0.5))
    losses = iter([3.0, 4.0, 4.0, 4.0, 2.0, 2.5, 1.0, 1.0])
    monkeypatch.setattr(trainer.validation, "loss", lambda network: next(losses))
    _, result = train(trainer)
    assert len(result.history) == 6


@pytest.mark.parametrize(
    ("losses", "kept"),
    [
        ([3.0, 2.0, 1.0, 1.5], 3),  # both better than before: the latest
        ([3.0, 2.0, 1.0, 2.5], 2),
        ([2.0, 3.0, 2.5, 2.1], 0),  # none is better than the best with blind spots
    ],
)
def test_the_latest_refined_weights_are_kept_if_better_than_those_before(monkeypatch, losses, kept):
    schedule = {"early_stopping": False}
    trainer = trainer_for(n_epochs=4, schedule=schedule, refinement=refinement(0.5))
    remaining, seen = iter(losses), []

    def loss(network):
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(remaining)

    monkeypatch.setattr(trainer.validation, "loss", loss)
    _, result = train(trainer)
    weights = result.network.state_dict()
    same = [all(torch.equal(weights[name], one[name]) for name in weights) for one in seen]
    assert same == [epoch == kept for epoch in range(4)]


@pytest.mark.parametrize(
    ("losses", "n_refined"),
    [
        ([2.0, 2.1, 2.2, 1.9, 1.8, 1.7], 2),  # worse than before, and ever worse
        ([2.0, 2.2, 2.1, 2.05, 1.9, 1.8], 5),  # worse than before, but better and better
        ([2.0, 2.03, 2.04, 1.95, 1.9, 1.8], 5),  # a little worse, as it is by chance
        ([2.0, 1.8, 1.9, 1.7, 1.8, 1.9], 5),  # better than before
    ],
)
def test_a_refinement_that_harms_is_taken_back(monkeypatch, losses, n_refined):
    schedule = {"early_stopping": False}
    options = {"n_epochs": 6, "steps_per_epoch": 2, "schedule": schedule}
    trainer = trainer_for(**options, refinement=refinement(0.8, variance=1.5))
    kinds, remaining, seen = recorded_batches(trainer), iter(losses), []

    def loss(network):
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(remaining)

    monkeypatch.setattr(trainer.validation, "loss", loss)
    events, result = train(trainer)
    is_refined = [kind == "RecorruptedBatch" for kind in kinds]
    assert is_refined == [False] * 2 + [True] * 2 * n_refined + [False] * 2 * (5 - n_refined)
    assert len(of_kind(events, Warned)) == (n_refined == 2)
    weights = result.network.state_dict()
    last_better = max(i for i, value in enumerate(losses) if value == min(losses) or i == 5)
    assert all(torch.equal(weights[name], seen[last_better][name]) for name in weights)


def test_refinement_restores_what_hidden_pixels_know():
    """With fine detail and hardly any noise, the pixel itself is the best predictor."""
    rng = np.random.default_rng(0)
    stack = rng.normal(0, 1, (3, 64, 64)).astype(np.float32)
    noisy = stack + rng.normal(0, 0.1, stack.shape).astype(np.float32)
    options = {"n_epochs": 4, "steps_per_epoch": 80, "learning_rate": 1e-2, "stack": noisy}
    error = {}
    for share in (0.0, 0.75):
        trainer = trainer_for(**options, refinement=refinement(share, variance=0.01))
        events = trainer.run(lambda: False)
        losses = [event.train_loss for event in of_kind(list(events), EpochFinished)]
        error[share] = losses[-1]
    assert error[0.0] > 0.8, "white signal cannot be predicted from around"
    assert error[0.75] < 0.4


def test_divergence_at_the_start_is_one_sentence():
    trainer = trainer_for()
    trainer.network.head.weight.data.fill_(math.nan)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1; lower the learning rate"):
        train(trainer)


def test_divergence_later_keeps_the_best_weights(monkeypatch):
    trainer = trainer_for(n_epochs=5)
    losses = iter([2.0, 1.0, math.nan])
    monkeypatch.setattr(trainer.validation, "loss", lambda network: next(losses))
    events, result = train(trainer)
    (warning,) = of_kind(events, Warned)
    assert "epoch 3" in warning.message
    assert "best weights so far are kept" in warning.message
    assert len(result.history) == 2
    assert not result.is_stopped


def fail_above(trainer, n_patches, error=SHORTAGE):
    """Let the network run out of memory with more than ``n_patches`` patches."""
    network = trainer.network
    sizes = []

    def forward(x):
        sizes.append(len(x))
        if len(x) > n_patches:
            raise error
        return type(network).forward(network, x)

    network.forward = forward
    return sizes


def test_out_of_memory_halves_the_batch_and_training_goes_on():
    trainer = trainer_for(batch_size=8, steps_per_epoch=6)
    sizes = fail_above(trainer, 2)
    events, result = train(trainer)
    assert [w.message for w in of_kind(events, Warned)] == [
        "Out of memory: training goes on with batches of 4 patches.",
        "Out of memory: training goes on with batches of 2 patches.",
    ]
    assert sizes[:3] == [8, 4, 2]
    assert set(sizes[3:]) == {2}
    assert len(result.history) == 2
    assert all(math.isfinite(epoch.train_loss) for epoch in result.history)


def test_out_of_memory_with_one_patch_is_one_sentence():
    trainer = trainer_for(batch_size=4)
    fail_above(trainer, 0)
    with pytest.raises(DeviceError, match=r"one patch of 16 pixels; lower patch_size or features"):
        train(trainer)


def test_a_validation_without_memory_is_made_once_the_training_has_given_back_its_own(monkeypatch):
    """On a GPU, a recorded step keeps what it needs to itself."""
    trainer, seen = trainer_for(n_epochs=2), []
    whole = trainer.validation.loss

    def loss(network):
        has_gradients = any(weight.grad is not None for weight in trainer.network.parameters())
        seen.append(has_gradients)
        if has_gradients:
            raise SHORTAGE
        return whole(network)

    monkeypatch.setattr(trainer.validation, "loss", loss)
    _, result = train(trainer)
    assert seen == [True, False] * 2
    assert len(result.history) == 2


def test_other_errors_are_not_mistaken_for_a_shortage():
    trainer = trainer_for()
    fail_above(trainer, 0, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        train(trainer)


def test_the_same_seed_trains_the_same_weights_bit_for_bit():
    first, second, other = (train(trainer_for(seed=s))[1].network.state_dict() for s in (4, 4, 5))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("is_refined", [False, True])
def test_the_number_of_threads_changes_no_weight(monkeypatch, is_refined):
    monkeypatch.setattr(gradients, "_PART_COST", 0)  # a part for each patch
    plan = refinement(0.5) if is_refined else None
    results = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            results.append(train(trainer_for(n_epochs=4, batch_size=5, refinement=plan))[1])
    alone, *others = results
    for other in others:
        assert [e.val_loss for e in other.history] == [e.val_loss for e in alone.history]
        weights = other.network.state_dict()
        assert all(torch.equal(w, weights[name]) for name, w in alone.network.state_dict().items())


@pytest.mark.parametrize("n_in_part", [1, 4, 6])
def test_the_parts_of_a_batch_give_the_gradient_of_the_whole(monkeypatch, n_in_part):
    trainer = trainer_for(batch_size=6)
    config, network = trainer.config, trainer.network
    cost = n_in_part * config.features**2 * config.patch_size**2
    monkeypatch.setattr(gradients, "_PART_COST", cost)
    bank, split = trainer.data.bank, trainer.data.split
    source = BatchSource(bank, split.training, trainer.data.kernel, config, torch.Generator())
    batch = source.draw(6)
    whole = batch.loss(network(batch.seen))
    expected = torch.autograd.grad(whole, list(network.parameters()))
    parts = Gradients(network, torch.amp.GradScaler("cpu", enabled=False), torch.float32, 16)
    with Workers(CPU) as workers:
        loss = parts.set_from(batch, workers, lambda: False)
    assert torch.isclose(loss, whole)
    for weight, gradient in zip(network.parameters(), expected, strict=True):
        assert torch.allclose(weight.grad, gradient, rtol=1e-3, atol=1e-6)


def test_training_does_not_touch_global_randomness():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    train(trainer_for(n_epochs=1))
    assert torch.equal(torch.rand(2), expected)


def test_previews_show_the_slice_that_is_watched_and_cost_little(monkeypatch):
    stack = noisy_lines((4, 64, 48))
    source = ArraySource(stack)
    watched = iter(range(100))
    statistics = estimate_normalization([source])
    previewer = Previewer([source], statistics, "2D", lambda: next(watched) % 4)
    trainer = trainer_for(n_epochs=3, stack=stack)
    events, _ = train(trainer, previewer=previewer)
    previews = of_kind(events, Preview)
    assert previews[0].slice_index == 0
    assert previews[0].image.shape == (64, 48)
    assert previews[0].image.dtype == np.float32
    assert isinstance(events[events.index(previews[0]) - 1], EpochFinished)
    monkeypatch.setattr("autoStructN2V.trainers.spare_previews._SHARE", 0.0)
    events, _ = train(trainer_for(n_epochs=3, stack=stack), previewer=previewer)
    assert len(of_kind(events, Preview)) == 1
