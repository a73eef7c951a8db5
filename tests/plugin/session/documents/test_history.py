"""Undo and redo: values come back one step at a time, and a stroke is one step."""

from __future__ import annotations

from napari_autostructn2v.session.documents.history import History


def test_steps_are_taken_back_and_brought_back_by_name() -> None:
    history = History("a")
    history.apply("b", "second")
    history.apply("c", "third")
    assert (history.undo_name, history.redo_name) == ("third", "")
    history.undo()
    assert (history.value, history.undo_name, history.redo_name) == ("b", "second", "third")
    history.redo()
    assert (history.value, history.can_redo) == ("c", False)


def test_a_new_step_forgets_what_was_taken_back() -> None:
    history = History("a")
    history.apply("b", "second")
    history.undo()
    history.apply("c", "other")
    assert not history.can_redo
    history.undo()
    assert (history.value, history.can_undo) == ("a", False)


def test_a_stroke_is_one_step_and_one_without_a_change_is_none() -> None:
    history = History("a")
    with history.stroke("draw a line"):
        history.apply("b", "draw")
        history.apply("c", "draw")
    assert history.undo_name == "draw a line"
    with history.stroke("nothing"):
        pass
    history.undo()
    assert (history.value, history.can_undo) == ("a", False)


def test_undo_ends_a_stroke_first() -> None:
    history = History("a")
    history.begin_stroke()
    history.apply("b", "draw")
    history.undo()
    assert (history.value, history.redo_name) == ("a", "draw")
    history.apply("c", "draw")
    assert history.undo_name == "draw", "the stroke is over"


def test_a_replaced_value_is_no_step_of_its_own() -> None:
    history = History("a")
    history.apply("b", "slider")
    history.replace("c")
    history.undo()
    assert history.value == "a"


def test_listeners_hear_the_value_before_and_now() -> None:
    history, heard = History("a"), []
    history.changed.connect(lambda before, now: heard.append((before, now)))
    history.apply("b", "second")
    history.undo()
    assert heard == [("a", "b"), ("b", "a")]


def test_old_steps_are_forgotten() -> None:
    history = History(0)
    for value in range(1, 301):
        history.apply(value, "count")
    while history.can_undo:
        history.undo()
    assert history.value == 100
