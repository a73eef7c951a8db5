"""Packages that read formats and need not be installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

EXTRA = 'pip install "napari-autostructn2v[formats]"'
"""Installs all packages of the extra of this project."""


def imported(package: str, where: str, command: str = EXTRA) -> Any:
    """Import a package when a file needs it.

    Parameters
    ----------
    package : str
        Its name in an import.
    where : str
        Name of the file that needs it.
    command : str
        What installs it.

    Returns
    -------
    module
        The package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        module: ModuleType = importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f"{where} cannot be read or written without the package {package}, which is not "
            f"installed; install it with: {command}"
        ) from error
    return module
