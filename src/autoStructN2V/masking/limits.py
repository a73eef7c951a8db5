"""Limits as data: each tuned number with its unit, what it separates, and where it comes from.

A detector has a frozen dataclass of limits, whose default instance it takes as a keyword. So a
trial of other values is a call with another instance, as ``benchmarks/limits.py`` makes it, and
the documentation is made from the same fields.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

Kind = Literal["tuned", "theory", "budget"]


@dataclass(frozen=True)
class Limit:
    """One field of a dataclass of limits.

    Attributes
    ----------
    owner : type
        The dataclass.
    name : str
        Name of the field.
    default : object
        A number, or a tuple of numbers.
    unit : str
        What it counts: pixels, standard errors, a share of something.
    separates : str
        What lies above it, and what below.
    source : str
        Where the value comes from.
    kind : {'tuned', 'theory', 'budget'}
        Chosen by looking at images; follows from theory; bounds work or guards a division.
    """

    owner: type
    name: str
    default: Any
    unit: str
    separates: str
    source: str
    kind: Kind


def limit(default: Any, *, unit: str, separates: str, source: str, kind: Kind = "tuned") -> Any:
    """Declare a field of a dataclass of limits.

    Parameters
    ----------
    default : number or tuple of numbers
        The value in use.
    unit : str
        What it counts, for example ``'px'`` or ``'of the usable pixels'``.
    separates : str
        What lies above it, and what below.
    source : str
        Where the value comes from; says so if that is not known.
    kind : {'tuned', 'theory', 'budget'}, default 'tuned'
        Chosen by looking at images; follows from theory; bounds work or guards a division.

    Returns
    -------
    dataclasses.Field
    """
    about = {"unit": unit, "separates": separates, "source": source, "kind": kind}
    return dataclasses.field(default=default, metadata=about)


def all_limits() -> list[Limit]:
    """List the limits of all detectors, in the order of their modules and fields.

    Returns
    -------
    list of Limit
        Of every dataclass of the core that declares fields by :func:`limit`.
    """
    return [
        Limit(owner, field.name, field.default, **field.metadata)
        for module in _modules()
        for owner in _dataclasses_of(module)
        for field in dataclasses.fields(owner)
        if "separates" in field.metadata
    ]


def _modules() -> Iterator[ModuleType]:
    core = importlib.import_module(__package__.partition(".")[0])
    for found in pkgutil.walk_packages(core.__path__, f"{core.__name__}."):
        yield importlib.import_module(found.name)


def _dataclasses_of(module: ModuleType) -> list[type]:
    """Return the dataclasses that a module defines itself, not those that it imports."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == module.__name__
    ]
