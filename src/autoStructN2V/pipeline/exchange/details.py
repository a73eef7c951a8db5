"""What only a person can say of a model that is given away."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from autoStructN2V.errors import ConfigError
from autoStructN2V.frozen_config import FrozenConfig

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]

COMMON_LICENSES = ("CC-BY-4.0", "CC0-1.0", "CC-BY-SA-4.0", "MIT", "BSD-3-Clause", "Apache-2.0")
"""Identifiers of the SPDX list that a form offers."""


_WANTED = {
    "name": "The name {found} cannot be used; give 5 to 128 letters, digits, spaces, - and ().",
    "authors": "No author is named; name at least one person.",
    "license": "{found} is not a known license; give an identifier of the SPDX list, as CC-BY-4.0.",
    "description": "The description is too long; give at most 1024 letters.",
}


class PackageDetails(FrozenConfig):
    """Name, authors and license of a package."""

    name: str = Field(
        min_length=5,
        max_length=128,
        pattern=r"^[\w\- ()]+$",
        title="Name",
        description="What the model is called: letters, digits, spaces, - and ().",
    )
    authors: tuple[Name, ...] = Field(
        min_length=1, title="Authors", description="Who made the model and answers questions."
    )
    license: Name = Field(
        "CC-BY-4.0",
        title="License",
        description="What others may do with the model: an identifier of the SPDX list, as "
        "CC-BY-4.0 or CC0-1.0.",
    )
    description: str = Field(
        "",
        max_length=1024,
        title="Description",
        description="What the images show and how they were recorded.",
    )


def package_details(**given: Any) -> PackageDetails:
    """Return what a person said of a package, checked.

    Parameters
    ----------
    **given
        Fields of :class:`PackageDetails`.

    Raises
    ------
    ConfigError
        Naming the field, the value and what is allowed.
    """
    try:
        return PackageDetails.model_validate(given)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        wanted = _WANTED.get(field, f"There is no field {field}; leave it out.")
        raise ConfigError(wanted.format(found=reprlib.repr(given.get(field)))) from error


def proposed_name(images: list[str]) -> str:
    """Return a name for a model by the images that it was trained on."""
    trained = "".join(c if c.isalnum() or c in " -_" else " " for c in (images or [""])[0])
    return f"Denoising of {' '.join(trained.split()) or 'images'}"[:128]
