"""How help and errors look: flags without <bool>, errors without the word of a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer import BadParameter
from typer.core import TyperCommand, TyperGroup, TyperOption

from autoStructN2V.errors import in_own_words

if TYPE_CHECKING:
    from collections.abc import Iterable


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return arguments and options, ``--help`` among them."""
        return _without_types_of_flags(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a command; what is wrong with one is said in plain words."""
        try:
            return super().parse_args(ctx, args)
        except BadParameter as error:
            error.message = in_own_words(error.message)
            raise


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
