"""A model applied to stacks, slice by slice, with its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.validity import put_back
from autoStructN2V.inference.predictor import Predictor, SliceFinished
from autoStructN2V.pipeline.clock import PredictionClock
from autoStructN2V.pipeline.steps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.events import PredictionProgress
    from autoStructN2V.pipeline.results import StackTarget


class Denoiser:
    """A model that is ready to be applied to some stacks.

    Parameters
    ----------
    model : TrainedModel
        Model to apply.
    network : FlexibleUNet
        Its network, on the device that computes.
    sources : sequence of ImageSource
        All stacks that will be denoised, on their own grid, without the patterns that are removed
        first.
    should_stop : callable
        Asked after every tile; True ends the stack at hand.
    """

    def __init__(
        self,
        model: TrainedModel,
        network: FlexibleUNet,
        sources: Sequence[ImageSource],
        should_stop: Callable[[], bool],
    ) -> None:
        self._predictor = Predictor.of_model(model, network)
        self._grid = Grid(model.grid_share)
        n_tiles = sum(self._predictor.n_tiles(source) for source in self._grid.of(sources))
        self._clock = PredictionClock(model.stage, n_tiles)
        self._should_stop = should_stop

    def leave_out(self, source: ImageSource) -> None:
        """Count no tiles of a stack that is denoised already."""
        (worked_on,) = self._grid.of([source])
        self._clock.leave_out(self._predictor.n_tiles(worked_on))

    def denoise(
        self, source: ImageSource, target: StackTarget
    ) -> Generator[PredictionProgress, object, None]:
        """Denoise the slices of one stack that ``target`` does not have yet, and give it these."""
        (worked_on,) = self._grid.of([source])
        n_per_slice = self._predictor.n_tiles(worked_on) // worked_on.shape[0]
        self._clock.leave_out(n_per_slice * len(target.finished))
        for _ in denoise_slices(self._predictor, self._grid, source, target, self._should_stop):
            yield self._clock.advance()


def denoise_slices(
    predictor: Predictor,
    grid: Grid,
    source: ImageSource,
    target: StackTarget,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Denoise the slices of a stack that a target does not have yet, and give it these.

    It is how a stack is denoised, on one machine and in blocks by the workers of a cluster.

    Parameters
    ----------
    predictor : Predictor
        Applies the model.
    grid : Grid
        That it is applied on.
    source : ImageSource
        Stack on its own grid.
    target : StackTarget
        Takes the slices.
    should_stop : callable
        As of :meth:`Predictor.denoise`.

    Yields
    ------
    None
        After every tile.
    """
    (worked_on,) = grid.of([source])
    for event in predictor.denoise(worked_on, should_stop, target.finished):
        if isinstance(event, SliceFinished):
            image = grid.back(event.image, source)
            target.write(event.index, put_back(source, event.index, image))
        else:
            yield
