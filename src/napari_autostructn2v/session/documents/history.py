"""Undo and redo of a value that is never written to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
_MAX_UNDO = 200


@dataclass(frozen=True, eq=False)
class _Step(Generic[T]):
    name: str
    before: T


class History(Generic[T]):
    """A value, the steps that led to it, and those that were taken back.

    Parameters
    ----------
    value : T
        What it starts with. States are told apart by identity.

    Attributes
    ----------
    value : T
        The state now.
    """

    changed = Signal(object, object)
    """The value before and the value now, which is the same if only the steps changed."""

    def __init__(self, value: T) -> None:
        self.value = value
        self._undo: list[_Step[T]] = []
        self._redo: list[_Step[T]] = []
        self._stroke: list[T] = []  # the value at its beginning, while there is one

    @property
    def undo_name(self) -> str:
        """Name of the step that :meth:`undo` would take back; empty if there is none."""
        return self._undo[-1].name if self._undo else ""

    @property
    def redo_name(self) -> str:
        """Name of the step that :meth:`redo` would bring back; empty if there is none."""
        return self._redo[-1].name if self._redo else ""

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._redo)

    def apply(self, value: T, name: str) -> None:
        """Go on with another value, as one step or as part of the stroke that has begun."""
        if not self._stroke:
            self._remember(_Step(name, self.value))
        self.replace(value)

    def replace(self, value: T) -> None:
        """Go on with another value as if it had been so before; no step of its own."""
        before, self.value = self.value, value
        self.changed.emit(before, value)

    def begin_stroke(self) -> None:
        """Make all that is applied until :meth:`end_stroke` one step."""
        if not self._stroke:
            self._stroke = [self.value]

    def end_stroke(self, name: str = "draw") -> None:
        """End what :meth:`begin_stroke` began; a stroke that changed nothing is no step."""
        begun, self._stroke = self._stroke, []
        if begun and begun[0] is not self.value:
            self._remember(_Step(name, begun[0]))
            self.changed.emit(self.value, self.value)

    @contextmanager
    def stroke(self, name: str) -> Iterator[None]:
        """Make what is applied in the block one step."""
        self.begin_stroke()
        try:
            yield
        finally:
            self.end_stroke(name)

    def undo(self) -> None:
        """Take back the last step; a stroke that goes on ends first."""
        self.end_stroke()
        self._swap(self._undo, self._redo)

    def redo(self) -> None:
        """Bring back the step taken back last; a stroke that goes on ends first."""
        self.end_stroke()
        self._swap(self._redo, self._undo)

    def _remember(self, step: _Step[T]) -> None:
        self._undo = [*self._undo, step][-_MAX_UNDO:]
        self._redo = []

    def _swap(self, source: list[_Step[T]], target: list[_Step[T]]) -> None:
        if source:
            step = source.pop()
            target.append(_Step(step.name, self.value))
            self.replace(step.before)
