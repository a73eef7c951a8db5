"""How the help looks: an option that takes no value shows none, where typer writes <bool>."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    from collections.abc import Iterable


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments and options, ``--help`` among them."""
        return _without_types_of_flags(super().get_params(ctx))


class Program(TyperGroup):
    """What holds the commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options that go before the command."""
        return _without_types_of_flags(super().get_params(ctx))


def _without_types_of_flags(parameters: Iterable[Any]) -> list[Any]:
    listed = list(parameters)
    for parameter in listed:
        if isinstance(parameter, TyperOption) and parameter.is_bool_flag:
            parameter.metavar = ""
    return listed
