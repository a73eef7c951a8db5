"""Options that several commands have, declared once: as the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from inspect import Parameter
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable

GroupT = TypeVar("GroupT")


def with_options_of(
    group: type[GroupT],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command have the fields of a dataclass as options, beside its own.

    Parameters
    ----------
    group : type
        Dataclass whose fields are annotated as the parameters of a command are. The command takes
        one of it as its first argument.
    """

    def extended(command: Callable[..., None]) -> Callable[..., None]:
        taken, *own = inspect.signature(command, eval_str=True).parameters.values()
        names = [field.name for field in dataclasses.fields(group)]  # type: ignore[arg-type]

        @functools.wraps(command)
        def called(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in names}
            command(**{taken.name: group(**chosen)}, **given)

        # what is required comes first, in the help too
        parameters = sorted(
            [*_parameters(group), *own], key=lambda one: one.default is not one.empty
        )
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return extended


def _parameters(group: type) -> list[Parameter]:
    """Return the fields of a dataclass as parameters."""
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.POSITIONAL_OR_KEYWORD,
            default=Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]
