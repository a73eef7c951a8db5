"""The settings of a training that goes on from a model: those of the model, but for its length."""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError
from autoStructN2V.inference.model_files import find_models
from autoStructN2V.inference.packaged import is_package, unpacked
from autoStructN2V.inference.trained_model import load_description
from autoStructN2V.pipeline.configuration.file import read_config, without_places
from autoStructN2V.pipeline.configuration.models import validate_config
from autoStructN2V.pipeline.configuration.presets import PRESETS, merged
from autoStructN2V.pipeline.files.folders import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.vocabulary import GoingOn, PresetName

FINE_TUNING_SHARE = 0.2
"""Of the epochs of a new training."""
# what is trained on, and where it is computed and written, is said anew
_OF_ONE_RUN = (
    *("axes", "channel", "channels", "timepoint", "image_extension", "output_dtype"),
    *("device", "threads", "verbose", "experiment_name", "run_stage1", "run_stage2"),
)


def go_on(
    model: Path | str, how: GoingOn = "continue", preset: PresetName | None = None
) -> dict[str, Any]:
    """Return the settings of a training that begins with the networks of a model.

    Method, mode and networks are those of the model, everything else is as in the ``config.json``
    beside it, if there is one. Of autoStructN2V the last stage that there is goes on, with the
    kernel of the model; ``keep_kernel=False`` measures another.

    Parameters
    ----------
    model : path-like
        Model folder of a training, a .pth file, or a package (.zip).
    how : {"continue", "fine_tune"}
        As many epochs again on the same images, or a fifth of them on other images.
    preset : {"fast", "balanced", "high_quality", "documented"}, optional
        Train as this preset does, not as the model was trained.

    Returns
    -------
    dict
        Nested, to be completed by ``input_dir`` and others for :func:`run_pipeline`.

    Raises
    ------
    ModelError
        If there is no model, or more than one.

    Examples
    --------
    >>> run_pipeline({**go_on("results", "fine_tune"), "input_dir": "more"})  # doctest: +SKIP
    """
    files = find_models(model)
    with _unpacked(files[max(files)]) as file:
        found, saved = load_description(file), _saved(file.with_name(CONFIG))
    recipe = _recipe(found, saved, preset)
    n_epochs = validate_config(recipe).num_epochs
    if how == "fine_tune":
        n_epochs = max(1, math.ceil(FINE_TUNING_SHARE * n_epochs))
    return recipe | {
        "num_epochs": n_epochs,
        "run_stage1": found.stage == 1,
        "run_stage2": found.stage == 2,
        "start_model": Path(model).absolute(),
        "start_as": how,
        "keep_kernel": True,
    }


@contextmanager
def _unpacked(file: Path) -> Iterator[Path]:
    if not is_package(file):
        yield file
        return
    with unpacked(file) as inside:
        yield inside


def _saved(path: Path) -> dict[str, Any]:
    """Return how a model was trained; nothing if that is not known, or cannot be used any more."""
    try:
        config = validate_config(read_config(path))
    except ConfigError:
        return {}
    left_out = set(_OF_ONE_RUN)
    if config.start_model is not None and config.start_as == "fine_tune":
        left_out.add("num_epochs")  # few, because others came before them
    said = without_places(config)
    return {name: value for name, value in said.items() if name not in left_out}


def _recipe(
    model: TrainedModel, saved: dict[str, Any], preset: PresetName | None
) -> dict[str, Any]:
    """Return how to train the networks of a model."""
    recipe = saved
    if preset is not None or not saved:
        named = preset or model.provenance.get("preset")
        recipe = {"preset": named if named in PRESETS else "fast"}
    section = model.method if model.method == "n2v" else f"stage{model.stage}"
    network = model.network_config.model_dump()
    own = {name: getattr(model, name) for name in ("method", "mode", "triplets_along")}
    own |= {section: network}
    # the kernel comes from the model, or is measured: a file lies elsewhere by now
    return merged(recipe, merged(own, {"stage2": {"mask_source": "stage1"}}))
