"""The painted grid: mouse and keyboard find the cells where they are, and marks are visible."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QWidget

from autoStructN2V.masking import propose_kernel
from napari_autostructn2v.mask_editor.grid import KernelGrid, describe_cell
from napari_autostructn2v.session.documents.kernel_document import KernelDocument
from napari_autostructn2v.widgets.colors import GridColors
from napari_autostructn2v.widgets.correlation import CorrelationLegend, CorrelationScale
from tests.plugin.conftest import deleted
from tests.plugin.session.documents.test_kernel_document import evidence

SIZES = [(1, 1), (7, 7), (11, 11), (31, 31), (1, 21), (21, 1)]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def document():
    return KernelDocument()


@pytest.fixture
def grid(qtbot, document):
    grid = KernelGrid(document)
    qtbot.addWidget(grid)
    grid.resize(grid.sizeHint())
    grid.show()
    qtbot.waitExposed(grid)
    return grid


def propose(document, n_planes=1):
    document.set_proposal(
        propose_kernel(evidence(n_planes), document.extractor), document.extractor
    )


def middle(grid, cell):
    return grid.rect_of(cell).center()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [150, 340, 700])
def test_every_cell_lies_inside_and_is_found_at_its_place(document, grid, size, width):
    document.resize(*size)
    grid.resize(max(width, grid.minimumSizeHint().width()), grid.sizeHint().height())
    for y, x in np.ndindex(*size):
        rect = grid.rect_of((0, y, x))
        assert grid.rect().contains(rect)
        assert grid.cell_at(rect.center()) == (0, y, x)
        assert rect.width() == rect.height()


@pytest.mark.parametrize("size", SIZES)
def test_cells_are_large_enough_to_click(document, grid, size):
    document.resize(*size)
    grid.resize(grid.sizeHint())
    assert grid.rect_of((0, 0, 0)).width() >= 7


def test_rows_go_down_and_columns_to_the_right(grid):
    first, below, right = (middle(grid, (0, y, x)) for y, x in [(0, 0), (1, 0), (0, 1)])
    assert below.y() > first.y() and below.x() == first.x()
    assert right.x() > first.x() and right.y() == first.y()


def test_a_click_toggles_a_cell_and_its_mirror_image(qtbot, document, grid):
    qtbot.mouseClick(grid, LEFT, pos=middle(grid, (0, 4, 8)))
    assert document.kernel.middle[4, 8] and document.kernel.middle[6, 2]
    qtbot.mouseClick(grid, LEFT, pos=middle(grid, (0, 6, 2)))
    assert document.kernel.n_hidden == 1


def test_a_double_click_toggles_twice(qtbot, document, grid):
    qtbot.mouseClick(grid, LEFT, pos=middle(grid, (0, 0, 0)))
    qtbot.mouseDClick(grid, LEFT, pos=middle(grid, (0, 0, 0)))
    assert document.kernel.n_hidden == 1


def test_the_center_cannot_be_removed(qtbot, document, grid):
    qtbot.mouseClick(grid, LEFT, pos=middle(grid, (0, 5, 5)))
    assert document.kernel.middle[5, 5]


@pytest.mark.parametrize("button", [Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton])
def test_only_the_left_button_draws(qtbot, document, grid, button):
    qtbot.mouseClick(grid, button, pos=middle(grid, (0, 0, 0)))
    assert document.kernel.n_hidden == 1


def test_a_fast_drag_leaves_no_gaps_and_is_one_step(qtbot, document, grid):
    qtbot.mousePress(grid, LEFT, pos=middle(grid, (0, 0, 0)))
    qtbot.mouseMove(grid, pos=middle(grid, (0, 0, 10)))
    qtbot.mouseRelease(grid, LEFT, pos=middle(grid, (0, 0, 10)))
    assert document.kernel.middle[0].all() and document.kernel.middle[-1].all()
    document.history.undo()
    assert document.kernel.n_hidden == 1
    assert not document.history.can_undo


def test_a_drag_paints_the_new_state_of_its_first_cell(qtbot, document, grid):
    document.add_shape("horizontal", 11)
    document.set_cells([(0, 5, 1)], False)
    qtbot.mousePress(grid, LEFT, pos=middle(grid, (0, 5, 0)))
    qtbot.mouseMove(grid, pos=middle(grid, (0, 5, 3)))
    qtbot.mouseRelease(grid, LEFT, pos=middle(grid, (0, 5, 3)))
    np.testing.assert_array_equal(document.kernel.middle[5, :4], False)


def test_a_proposal_that_arrives_during_a_drag_does_no_harm(qtbot, document, grid):
    document.resize(31, 31)
    grid.resize(grid.sizeHint())
    qtbot.mousePress(grid, LEFT, pos=middle(grid, (0, 30, 30)))
    propose(document)
    qtbot.mouseMove(grid, pos=QPoint(3, 3))
    qtbot.mouseRelease(grid, LEFT, pos=QPoint(3, 3))
    assert document.kernel == document.proposal.kernel


def test_the_keyboard_moves_toggles_and_goes_home(qtbot, document, grid):
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Space):
        qtbot.keyClick(grid, key)
    assert grid.focus_cell == (0, 4, 7)
    assert document.kernel.middle[4, 7] and document.kernel.middle[6, 3]
    qtbot.keyClick(grid, Qt.Key.Key_Home)
    assert grid.focus_cell == document.center


def test_other_keys_are_left_to_napari(qtbot, document, grid):
    qtbot.keyClick(grid, Qt.Key.Key_Q)
    # a simulated click of a key without a name aborts with some versions of Qt
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        unknown = QKeyEvent(kind, Qt.Key.Key_unknown, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(grid, unknown)
    assert document.is_untouched


def test_the_focus_stays_inside_the_kernel(qtbot, document, grid):
    for _ in range(20):
        qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert grid.focus_cell == (0, 5, 0)
    document.resize(3, 3)
    assert grid.focus_cell == document.center


def test_page_keys_ask_for_another_slice(qtbot, document, grid):
    document.set_mode("2.5D")
    with qtbot.waitSignal(grid.slice_requested) as asked:
        qtbot.keyClick(grid, Qt.Key.Key_PageDown)
    assert asked.args == [2]
    grid.set_z(2)
    qtbot.mouseClick(grid, LEFT, pos=middle(grid, (2, 5, 5)))
    assert document.planes[2, 5, 5] and document.planes[0, 5, 5]


def test_assistive_technology_hears_about_the_focus_cell(qtbot, document, grid):
    propose(document)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    assert grid.accessibleName() == "Kernel, dy 0, dx +1: correlation 0.80, hidden"
    qtbot.keyClick(grid, Qt.Key.Key_Space)
    assert grid.accessibleName().endswith("shown")
    assert "Space" in grid.accessibleDescription()


def test_the_cell_under_the_mouse_is_described(qtbot, document, grid):
    propose(document)
    with qtbot.waitSignal(grid.cell_described) as described:
        qtbot.mouseMove(grid, pos=middle(grid, (0, 4, 8)))
    assert described.args == ["dy -1, dx +3: correlation 0.00, shown"]


def test_cells_of_stacks_have_a_third_offset(document):
    propose(document, n_planes=3)
    z, y, x = document.center
    assert describe_cell(document, (0, y, x + 2)).startswith("dz -1, dy 0, dx +2: correlation 0.60")
    assert "always hidden" in describe_cell(document, (z, y, x))


def test_cells_that_were_not_measured_say_so(document):
    assert describe_cell(document, (0, 0, 0)) == "dy -5, dx -5: shown"
    small = propose_kernel(evidence(max_lag=6), document.extractor)
    document.set_proposal(small, document.extractor)
    document.resize(21, 21)
    assert describe_cell(document, (0, 0, 0)).endswith("not measured")


def color(grid, cell, at=None):
    rect = grid.rect_of(cell)
    return grid.grab().toImage().pixelColor(at or rect.topLeft() + QPoint(4, 4))


def test_stronger_correlation_is_warmer_and_hidden_cells_keep_their_color(document, grid):
    propose(document)
    y, x = document.center[1:]
    shown = color(grid, (0, y - 3, x))
    strong, weak = color(grid, (0, y, x + 1)), color(grid, (0, y, x + 3))
    assert strong.hslSaturationF() > weak.hslSaturationF() > shown.hslSaturationF()
    rect = grid.rect_of((0, y, x + 1))
    border = color(grid, (0, y, x + 1), rect.topLeft())
    assert border == GridColors(grid.palette()).ink
    document.set_cells([(0, y, x + 1)], False)
    assert color(grid, (0, y, x + 1), rect.topLeft()) == strong


def test_the_scale_is_symmetric_and_ignores_the_center(document):
    propose(document)
    scale = CorrelationScale.of(document)
    assert scale.limit == pytest.approx(0.8)
    assert scale.position(0.8) == 1 and scale.position(-2) == -1 and scale.position(0) == 0
    assert 0.1 < scale.position(0.1) < 0.2


def test_the_legend_names_its_ends(qtbot, document):
    legend = CorrelationLegend()
    qtbot.addWidget(legend)
    legend.set_scale(None)
    assert legend.accessibleDescription() == "nothing measured"
    propose(document)
    legend.set_scale(CorrelationScale.of(document))
    assert legend.accessibleDescription() == "-0.8 to 0.8"
    assert not legend.grab().isNull()


def test_a_closed_grid_is_forgotten_by_the_document(qtbot, document):
    parent = QWidget()
    KernelGrid(document, parent)
    n_listeners = len(document.changed)
    deleted(parent, qtbot)
    assert len(document.changed) < n_listeners
    document.toggle((0, 0, 0))
