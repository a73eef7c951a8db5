"""What a training begins with that goes on from a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.inference.model_files import find_models, require_mode
from autoStructN2V.inference.model_words import images_seen
from autoStructN2V.inference.trained_model import load_model
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline.going_on.optimizer_state import load_optimizer, optimizer_file
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.trainers.trainer import Trainer
    from autoStructN2V.vocabulary import GoingOn

_NO_OPTIMIZER = (
    "The state of the optimizer is not there or of another kind (the model is of an older version, "
    "or was copied without it), so the training goes on from the weights alone."
)


@dataclass(frozen=True)
class Start:
    """The models that a training begins with.

    Attributes
    ----------
    models : dict of stage to TrainedModel
        At least one.
    optimizers : dict of stage to list
        Averages of gradients, of a training that is continued.
    how : {"continue", "fine_tune"}
    """

    models: dict[int, TrainedModel]
    optimizers: dict[int, list[Any]]
    how: GoingOn

    @classmethod
    def of(cls, config: PipelineConfig) -> Start | None:
        """Return what a training begins with; None if with random weights.

        Raises
        ------
        ModelError
            If there is no model of a stage that is trained, or it is not for these settings.
        """
        if config.start_model is None:
            return None
        stages = config.stages_to_train
        models: dict[int, TrainedModel] = {}
        optimizers: dict[int, list[Any]] = {}
        for file in find_models(config.start_model).values():
            model = load_model(file)
            if model.stage not in stages:
                continue
            _require_fit(model, config, stages[model.stage])
            models[model.stage] = model
            state = load_optimizer(optimizer_file(file))
            if state is not None and config.start_as == "continue":
                optimizers[model.stage] = state
        if not models:
            raise ModelError(
                f"{config.start_model} holds no model of a stage that is to be trained; choose the "
                "model folder of a training, or other stages."
            )
        return cls(models, optimizers, config.start_as)

    def kernel(self, config: PipelineConfig) -> Kernel | None:
        """Return the kernel that stage 2 keeps; None if there is none, or another is wanted."""
        model = self.models.get(2)
        return model.kernel if model is not None and config.keeps_kernel else None

    @property
    def sentence(self) -> str:
        """What is gone on from."""
        newest = self.models[max(self.models)]
        images = images_seen(newest) or "unknown images"
        if self.how == "continue":
            return f"The training on {images} is continued."
        return f"The model of {images} is fine-tuned."

    def is_refined(self, stage: int) -> bool:
        """Whether the model of a stage has learned to the end, without blind spots."""
        return stage in self.models and bool(self.models[stage].provenance.get("is_refined"))

    def has_head_start(self, stage: int) -> bool:
        """Whether the model of a stage, or one that it comes from, began with drawn images."""
        return stage in self.models and bool(self.models[stage].provenance.get("has_head_start"))

    def begin(self, trainer: Trainer, stage: int) -> Iterator[Warned]:
        """Let the training of a stage begin with its model, if there is one.

        Yields
        ------
        Warned
            If a continued training begins without the state of the optimizer.
        """
        model, averages = self.models.get(stage), self.optimizers.get(stage)
        if model is None:
            return
        try:
            notes = trainer.go_on_with(model.weights, averages)
        except ValueError:  # another optimizer, or nothing that one would believe
            averages, notes = None, trainer.go_on_with(model.weights)
        yield from notes
        if averages is None and self.how == "continue":
            yield Warned(_NO_OPTIMIZER)

    def require_same_images(self, sources: Sequence[ImageSource]) -> None:
        """Refuse to continue a training on images of other sizes than it was begun with.

        Raises
        ------
        ConfigError
        """
        model = self.models[max(self.models)]
        before = model.provenance.get("shapes")  # a file may say anything
        now = [list(source.shape) for source in sources]
        if self.how == "continue" and isinstance(before, list) and before != now:
            raise ConfigError(
                f"The training was on images of {_sizes(before)}, and these have {_sizes(now)}; "
                "continue it with the images of then, or fine-tune the model on these."
            )

    def ancestors(self, stage: int) -> list[Any]:
        """Return what the model of a stage comes from, the oldest first, as plain values."""
        model = self.models.get(stage)
        if model is None:
            return []
        made = model.provenance
        before = made.get("ancestors")
        own = {name: made.get(name) for name in ("created", "images", "epochs", "version")}
        return [*(before if isinstance(before, list) else []), {**own, "went_on_as": self.how}]


def _require_fit(model: TrainedModel, config: PipelineConfig, stage: StageConfig) -> None:
    require_mode(model, config.mode, config.triplets_along)
    if model.method != config.method:
        raise ModelError(
            f"The model was trained with {model.method} but {config.method} is configured; choose "
            f"method {model.method} or another model."
        )
    for name in NetworkConfig.model_fields:
        own, wanted = model.network_config[name], stage[name]
        if own != wanted:
            raise ModelError(
                f"The network of the model has {name} {own}, and {wanted} is configured; to go on "
                "from a model its network stays as it is."
            )


def _sizes(shapes: Sequence[Any]) -> str:
    is_known = bool(shapes) and isinstance(shapes[0], list)
    first = " x ".join(map(str, shapes[0])) if is_known else "other sizes"
    return first if len(shapes) < 2 else f"{first} and {len(shapes) - 1} more"
