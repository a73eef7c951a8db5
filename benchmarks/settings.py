"""The preset and the fields of the configuration that a benchmark trains with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V.pipeline import PRESETS
from autoStructN2V.pipeline.configuration.file import read_settings
from autoStructN2V.pipeline.configuration.presets import merged

if TYPE_CHECKING:
    import argparse


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--preset`` and ``--set``."""
    parser.add_argument("--preset", choices=list(PRESETS), default="fast", help="default fast")
    add_set_argument(parser)


def add_set_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="any field of the configuration, as num_epochs=1 stage2.features=64",
    )


def chosen_fields(arguments: argparse.Namespace, **fixed: Any) -> dict[str, Any]:
    """Return the nested fields of the configuration; ``--set`` wins over ``fixed``."""
    return merged({"preset": arguments.preset, **fixed}, read_settings(arguments.set))
