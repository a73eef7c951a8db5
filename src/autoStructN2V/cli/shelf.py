"""The commands that list the models of earlier trainings, name, delete and bring them back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from autoStructN2V import datasets, pipeline
from autoStructN2V.cli import options  # noqa: TC001 - typer reads the annotations
from autoStructN2V.cli.notes import note
from autoStructN2V.errors import ConfigError

if TYPE_CHECKING:
    from autoStructN2V.pipeline import ShelvedModel


def models(
    folder: options.ShelfFolder = None,
    image: options.ImagesToFit = None,
    as_json: options.AsJson = False,
    axes: options.Axes = None,
    channel: options.Channel = None,
    timepoint: options.Timepoint = None,
    verbose: options.Verbose = False,
) -> None:
    """List the models of earlier trainings, and say how well each fits an image."""
    searched = folder or pipeline.validate_config({}).output_dir
    pipeline.purge_models(searched)
    sources = []
    if image is not None:
        sources = datasets.without_offset(
            datasets.open_images(image, mode="2D", axes=axes, channel=channel, timepoint=timepoint)
        )
    shelf = pipeline.list_models(searched, sources)
    notes = list(shelf.unreadable)
    if not shelf.models:
        notes.append(f"There are no models below {searched}; choose another folder, or train one.")
    for sentence in notes:
        note(sentence)
    if as_json:
        print(json.dumps([asdict(model) for model in shelf.models], indent=2, default=str))
        return
    out = Console(highlight=False, soft_wrap=True)
    for number, model in enumerate(shelf.models, 1):
        _print_model(out, number, model)


def label(
    model: options.OneModel,
    name: options.ModelName = None,
    text: options.ModelNote = None,
    verbose: options.Verbose = False,
) -> None:
    """Give a model a name, or note something on it; `models` lists both."""
    if name is None and text is None:
        raise ConfigError("Nothing is said of the model; give it a --name, a --note or both.")
    pipeline.label_model(model, name=name, note=text)


def delete(model: options.OneModel, verbose: options.Verbose = False) -> None:
    """Delete a model; for 30 days it can be brought back."""
    where = pipeline.delete_model(model)
    out = Console(highlight=False, soft_wrap=True)
    out.print("Deleted. For 30 days this brings it back:")
    out.print(f'  autostructn2v restore "{escape(str(where))}"')


def restore(model: options.DeletedModel, verbose: options.Verbose = False) -> None:
    """Bring back a model that was deleted."""
    where = pipeline.restore_model(model)
    Console(highlight=False, soft_wrap=True).print(f"model:   {escape(str(where))}")


def _print_model(out: Console, number: int, model: ShelvedModel) -> None:
    stages = " and ".join(map(str, model.stages))
    made = f"{model.method}, {model.mode}"
    if model.method != "n2v":
        made += f", stage{'s' if len(model.stages) > 1 else ''} {stages}"
    rows = {
        "Fit": model.reason,
        "Method": made,
        "Trained": model.date,
        "On": model.trained_on,
        "From": model.origin,
        "Noise": model.noise,
        "Kernel": model.kernel,
        "Note": model.note,
        "Folder": str(model.folder),
    }
    out.print(f"[bold]{number}. {escape(model.name)}[/bold]")
    for name, text in rows.items():
        if text:
            out.print(f"   {name + ':':<9}{escape(text)}")
