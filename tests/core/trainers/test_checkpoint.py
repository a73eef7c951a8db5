"""A training that is interrupted after any epoch goes on as if it had not been."""

import copy
import io

import pytest
import torch

from autoStructN2V.trainers import EpochFinished
from tests.core.trainers.test_trainer import of_kind, refinement, train, trainer_for


class Kept:
    """Checkpoints in memory, as they would come back from a file."""

    def __init__(self, states=()):
        self.states = list(states)
        self.note = None

    def restore(self, load):
        if self.states:
            load(self.states[-1])
        return self.note

    def save(self, epoch, state, *, is_last):
        file = io.BytesIO()
        torch.save(state(), file)
        file.seek(0)
        self.states.append(torch.load(file, weights_only=True))


def kept_training(trainer, states=(), should_stop=lambda: False):
    """Train from the last of some states; return states, events and result."""
    kept, events = Kept(states), []
    run = trainer.run(should_stop, None, kept)
    while True:
        try:
            events.append(next(run))
        except StopIteration as end:
            return kept.states, events, end.value


def figures(result):
    """Return what does not depend on the clock."""
    names = ("epoch", "train_loss", "val_loss", "best_val_loss", "learning_rate")
    return [[getattr(epoch, name) for name in names] for epoch in result.history]


KINDS = {
    "adam": {},
    "muon": {"optimizer": "muon"},
    "random values, turned patches": {"masking_strategy": 2, "use_augmentation": True},
    "early stopping": {"schedule": {"early_stopping_patience": 1}, "learning_rate": 0.05},
    "refinement": {"refinement": 0.5, "learning_rate": 1e-2},
    "refinement by levels": {"refinement": 0.5, "learning_rate": 1e-2},
}
LEVELS = ((-1.0, 0.05), (1.0, 0.15))


def new_trainer(kind):
    options = dict(KINDS[kind])
    share = options.pop("refinement", 0.0)
    levels = LEVELS if "levels" in kind else ()
    plan = refinement(share, levels=levels) if share else None
    return trainer_for(n_epochs=6, refinement=plan, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_bit_for_bit_from_every_epoch(kind):
    states, events, undisturbed = kept_training(new_trainer(kind))
    _, without = train(new_trainer(kind))
    assert figures(without) == figures(undisturbed)
    assert len(states) == len(undisturbed.history)
    assert (len(states) < 6) == (kind == "early stopping")
    assert any(state["refinement"]["is_on"] for state in states) == kind.startswith("refinement")
    for n_done in range(1, len(states) + 1):
        later, again, result = kept_training(new_trainer(kind), copy.deepcopy(states[:n_done]))
        assert figures(result) == figures(undisturbed)
        assert len(of_kind(again, EpochFinished)) == len(of_kind(events, EpochFinished))
        assert len(later) == len(states)
        for name, weight in undisturbed.network.state_dict().items():
            assert torch.equal(weight, result.network.state_dict()[name]), name


def test_a_training_that_is_stopped_in_an_epoch_goes_on_with_that_epoch():
    states, _, undisturbed = kept_training(trainer_for(n_epochs=3))
    stops = iter([False] * 3)  # two in the first epoch, one at its end
    before, _, stopped = kept_training(
        trainer_for(n_epochs=3), should_stop=lambda: next(stops, True)
    )
    assert stopped.is_stopped
    assert len(before) < len(states)
    _, _, result = kept_training(trainer_for(n_epochs=3), before)
    assert figures(result) == figures(undisturbed)


def changed(state, path, value):
    """Return a copy of a state with another value."""
    state = copy.deepcopy(state)
    inner = state
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return state


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["network"], {}),
        (["network", "head.weight"], torch.zeros(3)),
        (["network", "head.bias"], torch.tensor([float("nan")])),
        (["averaged"], None),
        (["optimization", "n_steps"], 10**9),
        (["optimization", "n_steps"], "2"),
        (["optimization", "rates"], []),
        (["optimization", "rates"], [["fast"]]),
        (["optimization", "averages"], [{0: {"exp_avg": torch.zeros(2)}}]),
        (["optimization", "averages"], [{10**6: {"exp_avg": torch.zeros(2)}}]),
        (["optimization", "averages"], [{0: {"exp_avg": "large"}}]),
        (["refinement"], {"is_on": True, "limit": 1.0, "before": []}),
        (["standing", "history"], [{}]),
        (["standing", "history", 0, "epoch"], 7),
        (["standing", "history", 0, "val_loss"], "low"),
        (["standing", "history", 0, "val_loss"], float("nan")),
        (["standing", "epochs_since_best"], None),
        (["random"], torch.zeros(3, dtype=torch.uint8)),
        (["batch_size"], 0),
        (["batch_size"], 10**9),
    ],
)
def test_values_that_do_not_fit_are_refused(path, value):
    states, _, _ = kept_training(trainer_for(n_epochs=1))
    wrong = changed(states[0], path, value)
    refused = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)
    with pytest.raises(refused):
        trainer_for(n_epochs=1).load_state_dict(wrong)
