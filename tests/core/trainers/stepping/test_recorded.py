"""Steps on a CUDA device are recorded and repeated; they are the steps that were asked for."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource, Normalization, load_patch_bank, split_patches
from autoStructN2V.masking import Autocorrelation, Kernel, NoiseSampler
from autoStructN2V.masking.noise.strength.by_pixel import PixelStrength
from autoStructN2V.models.workers import Workers
from autoStructN2V.trainers import StageConfig, TrainingData, build_network
from autoStructN2V.trainers.stepping.recorded import StepRecorder
from autoStructN2V.trainers.stepping.stepper import Stepper

if TYPE_CHECKING:
    from autoStructN2V.datasets import Mode

PLAIN = Normalization(0.0, 1.0, -3.0, 3.0, 0.0, 0.67, 1.0)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


class FakeGraph:
    """Stands in for a graph of CUDA, and counts."""

    def __init__(self) -> None:
        self.n_replays = 0

    def register_generator_state(self, generator: torch.Generator) -> None:
        """Take a generator."""

    def replay(self) -> None:
        """Count a repetition."""
        self.n_replays += 1


class FakeGenerator:
    """Stands in for a generator on CUDA: has a state that can be replaced."""

    def __init__(self, state: str = "before") -> None:
        self.state = state
        self.device = torch.device("cuda", 0)

    def clone_state(self) -> FakeGenerator:
        """Return a copy."""
        return FakeGenerator(self.state)

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, other: FakeGenerator) -> None:
        """Go on from the state of another one."""
        self.state = other.state


class FakeEvent:
    """Stands in for an event of CUDA, and tells when it is waited for."""

    waited: int = 0

    def __init__(self, **_: Any) -> None:
        pass

    def record(self) -> None:
        """Mark a place in the work of the device."""

    def synchronize(self) -> None:
        """Count what is waited for."""
        FakeEvent.waited += 1


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    """Return the graphs that are recorded, of a device that is not there."""
    made: list[FakeGraph] = []

    def graph() -> FakeGraph:
        made.append(FakeGraph())
        return made[-1]

    @contextmanager
    def recording(*_: Any, **__: Any) -> Any:
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "default_generators", (FakeGenerator(),))
    FakeEvent.waited = 0
    return made


def steps_of(recorder: StepRecorder, kind: str, n: int, asked: list[str]) -> None:
    def step() -> torch.Tensor:
        asked.append(kind)
        return torch.zeros(())

    for _ in range(n):
        recorder.make(kind, step)


def test_a_step_is_asked_for_a_few_times_and_then_repeated(graphs):
    asked: list[str] = []
    steps_of(StepRecorder(FakeGenerator()), "hidden", 20, asked)
    assert [graph.n_replays for graph in graphs] == [17]
    assert len(asked) == 4  # three are made, and one is recorded
    assert FakeEvent.waited == 15  # at most two are not done


def test_another_kind_of_step_is_recorded_anew(graphs):
    asked: list[str] = []
    recorder = StepRecorder(FakeGenerator())
    for kind in ("hidden", "refined", "hidden"):
        steps_of(recorder, kind, 10, asked)
    assert [graph.n_replays for graph in graphs] == [7, 7, 7]


def test_replaced_tensors_are_recorded_anew(graphs):
    recorder = StepRecorder(FakeGenerator())
    steps_of(recorder, "hidden", 10, [])
    recorder.forget()
    steps_of(recorder, "hidden", 10, [])
    assert [graph.n_replays for graph in graphs] == [7, 7]


def test_what_cannot_be_recorded_is_asked_for_each_time(graphs, monkeypatch):
    generator = FakeGenerator()
    (of_all,) = torch.cuda.default_generators

    @contextmanager
    def refuse(*_: Any, **__: Any) -> Any:
        generator.state = of_all.state = "being recorded"
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nat some place")

    asked: list[str] = []
    steps_of(StepRecorder(FakeGenerator(), is_possible=False), "hidden", 10, asked)
    monkeypatch.setattr(torch.cuda, "graph", refuse)
    recorder = StepRecorder(generator)
    steps_of(recorder, "hidden", 10, asked)
    assert recorder.failure == "operation not permitted when stream is capturing"
    assert len(asked) == 21  # once to no avail
    assert all(graph.n_replays == 0 for graph in graphs)
    assert (generator.state, of_all.state) == ("before", "before")


def test_too_little_memory_for_recording_is_told_so_that_batches_get_smaller(graphs, monkeypatch):
    generator = FakeGenerator()

    def full(*_: Any, **__: Any) -> Any:
        generator.state = "being recorded"
        raise torch.OutOfMemoryError("CUDA out of memory")

    recorder = StepRecorder(generator)
    with monkeypatch.context() as patched, pytest.raises(torch.OutOfMemoryError):
        patched.setattr(torch.cuda, "graph", full)
        steps_of(recorder, "batches of 8", 10, [])
    assert generator.state == "before"
    steps_of(recorder, "batches of 4", 10, [])
    assert graphs[-1].n_replays == 7


def test_the_generator_of_all_is_free_while_a_step_is_recorded(graphs, monkeypatch):
    (of_all,) = torch.cuda.default_generators
    states: list[str] = []

    @contextmanager
    def recording(*_: Any, **__: Any) -> Any:
        of_all.state = "being recorded"
        yield

    def step() -> torch.Tensor:
        states.append(of_all.state)
        return torch.zeros(())

    monkeypatch.setattr(torch.cuda, "graph", recording)
    recorder = StepRecorder(FakeGenerator())
    for _ in range(10):
        recorder.make("hidden", step)
    assert states == ["before"] * 4
    assert [graph.n_replays for graph in graphs] == [7]


STACK = np.random.default_rng(0).normal(size=(3, 128, 128)).astype(np.float32)
CUDA = torch.device("cuda")


def stepper_on_cuda(
    mode: Mode = "2D", *, is_recorded: bool = True, learning_rate: float = 5e-3
) -> Stepper:
    config = StageConfig(features=16, num_layers=1, optimizer="muon", learning_rate=learning_rate)
    bank = load_patch_bank([ArraySource(STACK)], PLAIN, mode, CUDA, 2**31)
    split = split_patches(bank.shapes, config.patch_size, (0.8, 0.1, 0.1), np.random.default_rng(0))
    n_slices = 1 if mode == "2D" else 3
    data = TrainingData(bank, split, Kernel(np.ones((n_slices, 1, 5), bool)))
    network = build_network(config, n_slices, seed=0).placed_on(CUDA)
    stepper = Stepper(network, data, config, n_steps=200, seed=0)
    assert stepper._recorder is not None
    stepper._recorder._is_possible = is_recorded
    return stepper


def losses_of(stepper: Stepper, n: int, noise: NoiseSampler | None = None) -> list[float]:
    with Workers(CUDA) as workers:
        return [float(stepper.step(noise, workers, lambda: False)[0]) for _ in range(n)]


def is_repeated(stepper: Stepper) -> bool:
    return stepper._recorder is not None and stepper._recorder._graph is not None


@needs_cuda
def test_repeated_steps_are_those_that_were_asked_for():
    recorded, asked_for = stepper_on_cuda(), stepper_on_cuda(is_recorded=False)
    np.testing.assert_allclose(losses_of(recorded, 40), losses_of(asked_for, 40), rtol=0.02)
    assert is_repeated(recorded)
    assert not is_repeated(asked_for)
    rates = [
        [float(one.param_groups[0]["lr"]) for one in stepper._optimization._optimizers]
        for stepper in (recorded, asked_for)
    ]
    assert rates[0] == rates[1] == [pytest.approx(recorded.learning_rate)] * 2
    for one, other in zip(
        recorded.averaged.parameters(), asked_for.averaged.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.01)


LEVELS = ((-1.0, 0.5), (0.0, 1.0), (1.0, 1.5))
BY_PIXEL = PixelStrength(LEVELS, np.linspace(0.5, 1.5, 15)[None].repeat(3, axis=0))


@needs_cuda
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
@pytest.mark.parametrize(("levels", "by_pixel"), [((), None), (LEVELS, None), (LEVELS, BY_PIXEL)])
def test_all_kinds_of_steps_can_be_recorded(mode, levels, by_pixel):
    """With pixels that are no signal, slices on scales of their own, and noise of any strength."""
    n_slices = 1 if mode == "2D" else 3
    values = np.zeros((n_slices, 11, 11))
    values[n_slices // 2, 5, 5] = 1.0
    measured = Autocorrelation(
        values, values, values, 0.5, 10_000, 1.0, levels=levels, by_pixel=by_pixel
    )
    noise = NoiseSampler(measured, None, (0.0, 1.0), 64, CUDA, by_levels=bool(levels))
    stepper = stepper_on_cuda(mode)
    bank = stepper._batches._bank
    bank.valid = torch.rand(bank.pixels.shape, device=CUDA) < 0.9
    bank.scales = torch.ones(3, 2, device=CUDA)
    for added in (None, noise, None):
        losses = losses_of(stepper, 10, added)
        assert is_repeated(stepper)
        assert np.isfinite(losses).all()


@needs_cuda
def test_each_repetition_draws_other_patches():
    stepper = stepper_on_cuda(learning_rate=1e-30)  # weights that stay do not change the losses
    losses = losses_of(stepper, 30)
    assert is_repeated(stepper)
    assert len(set(losses)) == 30


@needs_cuda
def test_a_recorded_training_goes_on_from_its_state():
    whole, begun, continued = (stepper_on_cuda() for _ in range(3))
    expected = losses_of(whole, 40)[20:]
    losses_of(begun, 20)
    continued.load_state_dict(begun.state_dict())
    np.testing.assert_allclose(losses_of(continued, 20), expected, rtol=0.02)


@needs_cuda
def test_a_step_that_cannot_be_recorded_is_made_all_the_same(monkeypatch):
    stepper = stepper_on_cuda()
    draw = stepper.draw

    def waiting(noise: Any) -> Any:
        batch = draw(noise)
        float(torch.zeros(1, device=CUDA).sum())  # waits, which cannot be recorded
        return batch

    monkeypatch.setattr(stepper, "draw", waiting)
    losses = losses_of(stepper, 10)
    assert not is_repeated(stepper)
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    np.testing.assert_allclose(losses, losses_of(stepper_on_cuda(is_recorded=False), 10), rtol=0.02)
    assert torch.isfinite(torch.randn(4, device=CUDA)).all()  # others can draw as before


@needs_cuda
def test_other_threads_use_the_device_while_a_step_is_recorded():
    over = threading.Event()
    failures: list[Exception] = []

    def busy() -> None:
        own = torch.Generator(CUDA)
        try:
            while not over.is_set():
                float(torch.randn(200_000, generator=own, device=CUDA).square().sum())
                torch.cuda.empty_cache()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        steppers = [stepper_on_cuda() for _ in range(5)]
        losses = [losses_of(stepper, 10) for stepper in steppers]
    finally:
        over.set()
        thread.join()
    assert not failures
    assert all(is_repeated(stepper) for stepper in steppers)
    np.testing.assert_allclose(losses, [losses[0]] * 5, rtol=0.02)


@needs_cuda
def test_other_threads_draw_from_the_generator_of_all_while_a_step_is_recorded(monkeypatch):
    """A network of another plugin, say, that draws its random weights."""
    stepper = stepper_on_cuda()
    draw = stepper.draw
    found: list[Any] = []

    def of_another() -> None:
        try:
            found.append(float(torch.randn(4, device=CUDA).square().sum()))
        except Exception as error:
            found.append(error)

    def drawn_beside(noise: Any) -> Any:
        batch = draw(noise)
        if torch.cuda.is_current_stream_capturing():
            thread = threading.Thread(target=of_another)
            thread.start()
            thread.join()
        return batch

    monkeypatch.setattr(stepper, "draw", drawn_beside)
    losses_of(stepper, 10)
    assert is_repeated(stepper)
    assert [type(value) for value in found] == [float]


@needs_cuda
def test_what_was_recorded_keeps_no_memory_when_a_training_is_over():
    stepper = stepper_on_cuda()
    losses_of(stepper, 3)
    stepper.release()
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        losses_of(stepper, 10)
        assert is_repeated(stepper)
        stepper.release()
    assert torch.cuda.memory_allocated() <= before + 2**20
