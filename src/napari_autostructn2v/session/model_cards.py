"""Models of earlier trainings, read from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.inference.model_files import channel_folders
from autoStructN2V.inference.trained_model import load_model
from autoStructN2V.pipeline import find_models
from autoStructN2V.pipeline.channels import channel_names
from napari_autostructn2v.session.state import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_card(path: Path) -> ModelCard:
    """Read the models of a training, of one of one model for each channel as well.

    Parameters
    ----------
    path : Path
        Model folder, package, or a .pth file.

    Raises
    ------
    UserError
        If there is no model, or one cannot be used.
    """
    places = channel_folders(path)
    return _channels_card(places) if places else _card(path)


def channels_card(folder: Path) -> ModelCard:
    """Read the models of all channels of a training; raises as :func:`read_card`."""
    return _channels_card(channel_folders(folder))


def _channels_card(places: Sequence[Path]) -> ModelCard:
    folder = places[0].parent  # what was given may be the folder that the training was written to
    cards = tuple(_card(place) for place in places)
    names = channel_names(folder)
    named = [names[i] if i < len(names) else "" for i in range(len(cards))]
    return ModelCard(cards[0].models, folder, cards, tuple(named))


def _card(path: Path) -> ModelCard:
    files = find_models(path)
    models = [load_model(file) for file in files.values()]
    folder = next(iter(files.values())).parent
    return ModelCard({model.stage: model for model in models}, folder)
