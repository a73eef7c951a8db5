"""A trained model written as a package."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.files import atomic_write
from autoStructN2V.pipeline.exchange.description import description, documentation, left_out
from autoStructN2V.pipeline.exchange.parts import write_parts

if TYPE_CHECKING:
    from types import ModuleType

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.exchange.details import PackageDetails

_MISSING = (
    "Packages are written with bioimageio.spec, which is not installed; install it with "
    '`pip install "napari-autostructn2v[bioimageio]"`.'
)


def export_model(
    model: TrainedModel, details: PackageDetails, path: Path, beside: Path | None = None
) -> list[str]:
    """Write a model as a package of the BioImage Model Zoo.

    Parameters
    ----------
    model : TrainedModel
        Model to give away.
    details : PackageDetails
        Name, authors and license.
    path : Path
        File to write, ``.zip``; what is there is replaced.
    beside : Path, optional
        Folder that the model comes from, whose kernel, configuration, report and picture are taken.

    Returns
    -------
    list of str
        What this program does with the model and the package leaves out, one sentence each.

    Raises
    ------
    ModelError
        If a package cannot say what the model does.
    ConfigError
        If the package ``bioimageio.spec`` is missing, or does not accept the details.
    OutputError
        If the file cannot be written.

    References
    ----------
    Ouyang et al.: BioImage Model Zoo: A Community-Driven Resource for Accessible Deep Learning in
    BioImage Analysis. bioRxiv (2022). doi:10.1101/2022.06.07.495102
    """
    spec = _spec()
    if model.grid_share < 1.0:
        raise ModelError(
            "This model denoises images on a coarser grid than their own, which a package cannot "
            "say; train with Work at the recorded resolution off to export a model."
        )
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the library leaves files open
        folder = Path(name)
        parts = write_parts(model, beside, documentation(model, details), folder)
        with spec.ValidationContext(perform_io_checks=False):  # there may be no network
            described = _described(description(model, details, parts))
            with atomic_write(path) as temporary:
                # not compressed: weights do not get smaller, nothing unpacks to more than it is
                spec.save_bioimageio_package(
                    described, output_path=temporary, compression=zipfile.ZIP_STORED
                )
    return left_out(model)


def _spec() -> ModuleType:
    """Return the library that knows the format, which is loaded when it is needed."""
    try:
        import bioimageio.spec
    except ImportError as error:
        raise ConfigError(_MISSING) from error
    return bioimageio.spec


def _described(fields: dict[str, Any]) -> Any:
    """Return a checked description of the newest version that the library knows."""
    from bioimageio.spec.model.v0_5 import ModelDescr
    from pydantic import ValidationError

    try:
        newest = ModelDescr.implemented_format_version
        return ModelDescr.model_validate({"type": "model", "format_version": newest, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        raise ConfigError(
            f"The package was not written because {where} was not accepted ({first['msg']}); "
            "change it and try again."
        ) from error
