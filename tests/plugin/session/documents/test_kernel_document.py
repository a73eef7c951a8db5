"""The kernel that is edited: no edit loses the center, and every edit can be taken back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoStructN2V.errors import KernelError
from autoStructN2V.masking import Autocorrelation, ExtractorConfig, propose_kernel
from napari_autostructn2v.session.documents.kernel_document import KernelDocument


def evidence(n_planes=1, max_lag=15):
    """Noise that is correlated over three pixels along x, and nowhere else."""
    side = 2 * max_lag + 1
    values = np.zeros((n_planes, side, side))
    for dx in range(-3, 4):
        values[:, max_lag, max_lag + dx] = 1 - abs(dx) / 5
    return Autocorrelation(
        values=values,
        standard_error=np.full_like(values, 0.001),
        raw=values,
        background_fraction=0.5,
        n_pixels=100_000,
        noise_variance=1.0,
    )


@pytest.fixture
def document():
    return KernelDocument()


@pytest.fixture(params=[1, 3], ids=["2D", "2.5D"])
def proposed(request, document):
    document.set_proposal(
        propose_kernel(evidence(request.param), document.extractor), document.extractor
    )
    return document


def n_hidden(document):
    return document.kernel.n_hidden


def test_it_begins_with_the_center_alone_in_the_documented_window(document):
    assert document.planes.shape == (1, 11, 11)
    assert n_hidden(document) == 1
    assert document.planes[document.center]


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_an_edit_is_mirrored_through_the_center(document, mode):
    document.set_mode(mode)
    z, y, x = document.center
    document.toggle((0, y - 1, x + 3))
    assert document.planes[2 * z, y + 1, x - 3]
    assert n_hidden(document) == 3


def test_without_mirroring_one_cell_changes(document):
    document.is_mirrored = False
    document.toggle((0, 0, 0))
    assert n_hidden(document) == 2


def test_the_mode_of_an_untouched_kernel_is_not_a_step(document):
    document.set_mode("2.5D")
    assert document.planes.shape == (3, 11, 11)
    assert document.is_untouched
    document.toggle((0, 0, 0))
    document.set_mode("2D")
    document.history.undo()
    assert document.planes.shape == (3, 11, 11)


def test_the_center_stays_hidden(document):
    document.toggle(document.center)
    assert document.planes[document.center]
    assert not document.history.can_undo


def test_a_stroke_is_one_step(document):
    before = document.kernel
    document.history.begin_stroke()
    for x in range(11):
        document.set_cells([(0, 5, x)], True)
    document.history.end_stroke()
    after = document.kernel
    assert after.n_hidden == 11
    document.history.undo()
    assert document.kernel == before
    assert not document.history.can_undo
    document.history.redo()
    assert document.kernel == after


def test_changed_is_emitted_once_an_edit(document):
    calls = []
    document.changed.connect(lambda: calls.append(document.kernel.n_hidden))
    document.toggle((0, 0, 0))
    document.history.undo()
    assert calls == [3, 1]


def test_what_is_handed_out_does_not_change_the_document(document):
    document.planes[:] = True
    np.asarray(document.kernel)[:] = True
    with pytest.raises(ValueError, match="read-only"):
        document.kernel.cells[:] = True
    assert n_hidden(document) == 1


@pytest.mark.parametrize(
    ("shape", "n"),
    [("horizontal", 5), ("vertical", 5), ("falling", 5), ("rising", 5), ("cross", 9)],
)
def test_shapes_go_through_the_center(document, shape, n):
    document.add_shape(shape, 5)
    assert n_hidden(document) == n


def test_diagonals_have_the_directions_of_the_image(document):
    document.add_shape("falling", 3)
    assert document.kernel.middle[4, 4] and document.kernel.middle[6, 6]
    document.clear()
    document.add_shape("rising", 3)
    assert document.kernel.middle[4, 6] and document.kernel.middle[6, 4]


def test_a_long_shape_enlarges_the_kernel_in_one_step(document):
    document.add_shape("horizontal", 21)
    assert document.planes.shape == (1, 11, 21)
    assert document.statistics.pattern_type == "horizontal"
    document.history.undo()
    assert document.planes.shape == (1, 11, 11)


def test_resizing_keeps_the_center_in_the_center(document):
    document.add_shape("square", 3)
    document.resize(21, 1)
    assert document.planes.shape == (1, 21, 1)
    np.testing.assert_array_equal(np.flatnonzero(document.kernel.middle), [9, 10, 11])


@pytest.mark.parametrize("size", [(4, 5), (33, 5), (0, 1)])
def test_an_impossible_size_is_refused_and_nothing_changes(document, size):
    with pytest.raises(KernelError):
        document.resize(*size)
    assert document.planes.shape == (1, 11, 11)
    assert not document.history.can_undo


def test_a_proposal_brings_kernel_evidence_and_advice(proposed):
    assert n_hidden(proposed) > 1
    assert proposed.advice.found
    center = proposed.center
    assert proposed.correlations()[center] == 1
    assert proposed.correlations()[center[0], center[1], center[2] + 1] == pytest.approx(0.8)
    assert not proposed.is_edited


def test_a_proposal_can_be_undone_together_with_its_evidence(proposed):
    proposed.history.undo()
    assert n_hidden(proposed) == 1
    assert proposed.autocorrelation is None
    assert proposed.advice is None


def test_a_larger_grid_alone_is_no_edit(proposed):
    proposed.resize(21, 21)
    assert not proposed.is_edited
    proposed.toggle((0, 0, 0))
    assert proposed.is_edited


def test_cells_that_were_not_measured_are_nan(document):
    document.set_proposal(
        propose_kernel(evidence(max_lag=6), document.extractor), document.extractor
    )
    document.resize(21, 21)
    assert np.isnan(document.correlations()[0, 0]).all()
    assert document.correlations()[document.center] == 1


def test_regenerating_takes_hand_edits_back_and_undo_brings_them(proposed):
    kernel = proposed.kernel
    proposed.toggle((0, 0, 0))
    edited = proposed.kernel
    proposed.regenerate(proposed.extractor)
    assert proposed.kernel == kernel
    proposed.history.undo()
    assert proposed.kernel == edited


def test_a_slider_that_moves_is_one_step(proposed):
    before = proposed.extractor
    for value in (60, 65, 70):
        proposed.regenerate(before.model_copy(update={"base_percentile": value}))
    assert proposed.extractor.base_percentile == 70
    assert proposed.history.undo_name == "base percentile"
    proposed.history.undo()
    assert proposed.extractor == before


def test_parameters_are_kept_when_nothing_has_been_measured(document):
    extractor = ExtractorConfig(base_percentile=60)
    document.regenerate(extractor)
    assert document.extractor == extractor
    assert n_hidden(document) == 1


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_saved_kernel_loads_as_it_was(document, mode, tmp_path):
    document.set_mode(mode)
    document.add_shape("cross", 5, z=0)
    kernel = document.kernel
    path = document.save(tmp_path / "kernel")
    document.clear()
    document.set_mode("2D")
    document.load(path)
    assert document.mode == mode
    assert document.kernel == kernel


def test_a_file_that_is_no_kernel_changes_nothing(document, tmp_path):
    path = tmp_path / "even.npy"
    np.save(path, np.ones((4, 4), bool))
    with pytest.raises(KernelError, match="odd"):
        document.load(path)
    assert document.planes.shape == (1, 11, 11)


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("toggle"), st.integers(0, 2), st.integers(0, 30), st.integers(0, 30)),
        st.tuples(st.just("resize"), st.integers(0, 15), st.integers(0, 15)),
        st.tuples(st.just("set_mode"), st.sampled_from(["2D", "2.5D"])),
        st.tuples(st.just("clear")),
        st.tuples(
            st.just("add_shape"),
            st.sampled_from(["horizontal", "vertical", "falling", "rising", "cross", "square"]),
            st.integers(0, 15),
        ),
    ),
    max_size=12,
)


def apply(document, name, *arguments):
    if name == "toggle":
        sides = document.planes.shape
        document.toggle(tuple(i % side for i, side in zip(arguments, sides, strict=True)))
    elif name == "resize":
        document.resize(*(2 * i + 1 for i in arguments))
    elif name == "add_shape":
        document.add_shape(arguments[0], 2 * arguments[1] + 1)
    else:
        getattr(document, name)(*arguments)


@given(EDITS)
def test_any_series_of_edits_is_valid_and_undone_completely(edits):
    document = KernelDocument()
    first = document.kernel
    document.toggle((0, 0, 0))  # until then, a change of the mode is no step
    for edit in edits:
        apply(document, *edit)
        assert document.planes[document.center]
    last = document.kernel
    while document.history.can_undo:
        document.history.undo()
    assert document.kernel == first
    while document.history.can_redo:
        document.history.redo()
    assert document.kernel == last
