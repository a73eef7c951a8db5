"""The command that writes a model as a package for other programs."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from autoStructN2V import datasets, inference, pipeline
from autoStructN2V.cli import options  # noqa: TC001 - typer reads the annotations
from autoStructN2V.cli.notes import note
from autoStructN2V.errors import ConfigError


def export(
    model: options.ModelToExport,
    output: options.Package,
    author: options.Authors,
    license: options.License = "CC-BY-4.0",
    name: options.PackageName = None,
    description: options.Description = "",
    stage: options.Stage = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
) -> None:
    """Write a model as a package of the BioImage Model Zoo, for other programs."""
    if output.suffix.casefold() != ".zip":
        raise ConfigError(f"{output} is not the name of a package; it must end with .zip.")
    if not overwrite:
        datasets.refuse_existing([output])
    models = pipeline.find_models(model)
    if stage is not None and stage not in models:
        raise ConfigError(f"{model} holds no model of stage {stage}; available: {sorted(models)}.")
    file = models[stage or max(models)]
    trained = inference.load_model(file)
    details = pipeline.package_details(
        name=name or pipeline.proposed_name([*map(str, trained.provenance.get("images", []))]),
        authors=tuple(author),
        license=license,
        description=description,
    )
    left_out = pipeline.export_model(trained, details, output, file.parent)
    out = Console(highlight=False, soft_wrap=True)
    for sentence in left_out:
        note(sentence)
    out.print(f"package: {escape(str(output))}")
