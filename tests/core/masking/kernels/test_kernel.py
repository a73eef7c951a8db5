"""The kernel as a value: what makes one, what is refused in which words, and what it knows."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from autoStructN2V.errors import KernelError, OutputError
from autoStructN2V.masking import Kernel
from autoStructN2V.symmetry import SYMMETRIES


@st.composite
def kernels(draw):
    """Any valid kernel up to 9 x 9 pixels, 2D or 2.5D."""
    n_slices = draw(st.sampled_from([1, 3]))
    height, width = (2 * draw(st.integers(0, 4)) + 1 for _ in range(2))
    cells = draw(arrays_of.arrays(bool, (n_slices, height, width)))
    cells[n_slices // 2, height // 2, width // 2] = True
    return Kernel(cells)


def line(length, axis=1):
    shape = (1, length) if axis == 1 else (length, 1)
    return np.ones(shape, bool)


def corner():
    kernel = np.zeros((3, 3), bool)
    kernel[1, 1] = kernel[0, 0] = kernel[0, 1] = True
    return kernel


# what it is made of


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_zeros_and_ones_become_booleans(dtype):
    kernel = Kernel(np.ones((1, 3, 3), dtype))
    assert kernel.cells.dtype == bool
    assert kernel == Kernel.from_array(np.ones((3, 3), dtype))


@pytest.mark.parametrize(
    ("array", "mode", "words"),
    [
        (np.ones((3, 4), bool), "2D", "odd"),
        (np.ones((3, 33), bool), "2D", "at most 31"),
        (np.zeros((3, 3), bool), "2D", "center"),
        (np.ones((3, 3, 3), bool), "2D", "2D mode"),
        (np.ones((3, 3), bool), "2.5D", "2.5D mode"),
        (np.ones((5, 3, 3), bool), "2.5D", "3 \\(z-1, z, z\\+1\\)"),
        (np.ones((5, 3, 3), bool), None, "3 \\(z-1, z, z\\+1\\)"),
        (np.ones((2, 3, 3, 3), bool), None, "2D mode"),
        (np.full((3, 3), 0.5), "2D", "not only 0 and 1"),
        (np.full((3, 3), np.nan), "2D", "not only 0 and 1"),
        (np.array([["a"]]), "2D", "not only 0 and 1"),
        (np.ones((0, 3), bool), "2D", "odd"),
        (np.True_, "2D", "shape"),
        (Kernel.center_only("2.5D"), "2D", "2D mode"),
    ],
)
def test_refusals_are_one_sentence(array, mode, words):
    with pytest.raises(KernelError, match=words) as caught:
        Kernel.from_array(array, mode)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (5, 3, 3), (0, 3, 3), ()])
def test_cells_have_one_slice_or_three(shape):
    with pytest.raises(KernelError, match=r"\(1, height, width\) in 2D and \(3, height, width\)"):
        Kernel(np.ones(shape, bool))


@pytest.mark.parametrize("cells", [np.zeros((1, 1, 1)), np.ones((1, 2, 3)), np.ones((3, 1, 33))])
def test_no_kernel_is_made_of_cells_that_are_none(cells):
    with pytest.raises(KernelError):
        Kernel(cells)


def test_the_neighbors_alone_may_lie_in_the_slices_above_and_below():
    cells = np.zeros((3, 1, 3), bool)
    cells[1, 0, 1] = cells[0, 0, 0] = True
    assert Kernel(cells).offsets.tolist() == [[-1, 0, -1]]
    cells[1, 0, 1] = False
    with pytest.raises(KernelError, match="center"):
        Kernel(cells)


# a value


@given(kernels())
def test_it_cannot_be_changed_not_even_a_copy_of_it(kernel):
    for same in (kernel, copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert same == kernel
        with pytest.raises(ValueError, match="read-only"):
            same.cells[:] = False
        with pytest.raises(AttributeError):
            same.cells = kernel.cells
        with pytest.raises(ValueError, match="read-only"):
            same.middle[:] = False


@given(kernels())
def test_arrays_are_copies_on_the_way_in_and_on_the_way_out(kernel):
    given_cells = kernel.cells.copy()
    taken = Kernel(given_cells)
    given_cells[:] = ~given_cells
    for array in (taken.to_array(), np.asarray(taken), np.array(taken)):
        array[:] = ~array
    assert taken == kernel


@given(kernels(), kernels())
def test_kernels_are_equal_and_hash_alike_if_their_cells_are(one, other):
    is_same = one.cells.shape == other.cells.shape and (one.cells == other.cells).all()
    assert (one == other) == is_same
    assert len({one, other, Kernel(one.cells)}) == (1 if is_same else 2)
    assert one != "a kernel"


@given(kernels())
def test_numpy_takes_it_for_an_array_in_the_documented_form(kernel):
    array = np.asarray(kernel)
    assert array.shape == (kernel.cells.shape if kernel.mode == "2.5D" else kernel.middle.shape)
    assert array.dtype == bool
    assert np.array_equal(kernel, kernel.to_array())
    assert np.asarray(kernel, float).sum() == kernel.n_hidden
    assert Kernel.from_array(array) == Kernel.from_array(kernel, kernel.mode) == kernel


# what it knows


@given(kernels())
def test_the_center_is_always_hidden_and_no_neighbor(kernel):
    z, y, x = (side // 2 for side in kernel.cells.shape)
    assert kernel.cells[z, y, x] and kernel.middle[y, x]
    assert kernel.n_slices == {"2D": 1, "2.5D": 3}[kernel.mode]
    assert kernel.n_hidden == len(kernel.offsets) + 1
    assert all(kernel.cells[z + dz, y + dy, x + dx] for dz, dy, dx in kernel.offsets)
    assert [0, 0, 0] not in kernel.offsets.tolist()


@given(kernels(), st.integers(0, 3), st.integers(0, 3))
def test_trimming_keeps_the_offsets_and_takes_any_empty_border_away(kernel, more_y, more_x):
    widened = Kernel(np.pad(kernel.cells, [(0, 0), (more_y, more_y), (more_x, more_x)]))
    trimmed = widened.trimmed()
    assert np.array_equal(trimmed.offsets, kernel.offsets)
    assert trimmed == kernel.trimmed() == trimmed.trimmed()
    assert trimmed.reach == kernel.reach == tuple(side // 2 for side in trimmed.middle.shape)


def test_trimming_keeps_the_center_in_the_center():
    cells = np.zeros((11, 11), bool)
    cells[5, 3:8] = True
    assert Kernel.from_array(cells).trimmed() == Kernel.from_array(line(5))
    one_sided = np.zeros((5, 5), bool)
    one_sided[2, 2] = one_sided[0, 2] = True
    assert Kernel.from_array(one_sided).trimmed().to_array().tolist() == [
        [True],
        [False],
        [True],
        [False],
        [False],
    ]


@pytest.mark.parametrize("size", [1, 3])
def test_noise2void_hides_the_center_alone_or_a_square(size):
    assert Kernel.center_only(size=size) == Kernel(np.ones((1, size, size)))
    in_25d = Kernel.center_only("2.5D", size)
    assert in_25d.mode == "2.5D"
    assert in_25d.n_hidden == in_25d.middle.sum() == size**2


def test_it_draws_itself():
    cells = np.zeros((3, 3, 3), bool)
    cells[1] = np.eye(3)
    cells[0, 0] = True
    assert str(Kernel(cells)) == "###   #..   ...\n...   .+.   ...\n...   ..#   ..."
    assert repr(Kernel(cells)) == "<Kernel 2.5D, 3 x 3 pixels, 6 hidden>"


# symmetries


@pytest.mark.parametrize(
    ("array", "count"),
    [
        (np.ones((1, 1), bool), 8),
        (line(9), 4),
        (line(9, axis=0), 4),
        (np.eye(5, dtype=bool), 4),
        (np.ones((5, 5), bool), 8),
        (corner(), 1),
    ],
)
def test_symmetries_leave_the_kernel_unchanged(array, count):
    symmetries = Kernel.from_array(array).symmetries
    assert len(symmetries) == count
    assert (symmetries[0].quarter_turns, symmetries[0].flip) == (0, False)


def permutation(symmetry):
    """Return what a symmetry does to four numbers that no other does, as bytes."""
    return np.ascontiguousarray(symmetry(np.arange(4).reshape(2, 2))).tobytes()


@given(kernels())
def test_symmetries_are_a_group(kernel):
    """One after the other, and undone, they are symmetries of the kernel again."""
    group = {permutation(s) for s in kernel.symmetries}
    square = np.arange(4).reshape(2, 2)
    for one in kernel.symmetries:
        assert np.ascontiguousarray(one.undo(square)).tobytes() in group
        for other in kernel.symmetries:
            assert np.ascontiguousarray(one(other(square))).tobytes() in group
    assert len(SYMMETRIES) % len(group) == 0


@given(kernels())
def test_symmetries_map_hidden_pixels_on_hidden_pixels(kernel):
    """Checked on the offsets: a symmetry turns (y, x) as it turns the four neighbors."""
    hidden = {tuple(offset) for offset in kernel.offsets}
    side = max(kernel.middle.shape)
    z, y, x = np.indices((kernel.n_slices, side, side)) - np.array(
        [kernel.n_slices // 2, side // 2, side // 2]
    ).reshape(3, 1, 1, 1)
    for symmetry in SYMMETRIES:
        to_y, to_x = symmetry(y), symmetry(x)
        moved = {
            (dz, dy, dx)
            for dz, dy, dx, old_y, old_x in zip(
                z.flat, y.flat, x.flat, to_y.flat, to_x.flat, strict=True
            )
            if (dz, old_y, old_x) in hidden
        }
        assert (symmetry in kernel.symmetries) == (moved == hidden)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_symmetries_can_be_undone(symmetry):
    images = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(symmetry.undo(symmetry(images)), images)


def test_eight_different_symmetries():
    assert len({permutation(s) for s in SYMMETRIES}) == 8


def test_slices_of_a_kernel_turn_together():
    cells = np.zeros((3, 3, 3), bool)
    cells[1, 1, :] = cells[0, :, 1] = True
    assert len(Kernel(cells).symmetries) == 4


# description


@pytest.mark.parametrize(
    ("array", "pattern", "words"),
    [
        (np.ones((1, 1), bool), "none", "only the predicted pixel"),
        (line(9), "horizontal", "horizontal correlation of 9 px"),
        (line(15, axis=0), "vertical", "vertical correlation of 15 px"),
        (np.eye(5, dtype=bool), "diagonal", "top left to bottom right"),
        (np.eye(5, dtype=bool)[::-1], "diagonal", "bottom left to top right"),
        (np.eye(5, dtype=bool) | np.eye(5, dtype=bool)[::-1], "cross", "arm of a cross"),
        (np.ones((5, 5), bool), "blob", "all sides"),
        (corner(), "irregular", "irregular"),
    ],
)
def test_description(array, pattern, words):
    description = Kernel.from_array(array).description
    assert description.pattern_type == pattern
    assert words in description.sentence
    assert description.n_active == array.sum()
    assert description.coverage_percent == pytest.approx(100 * array.mean())
    assert description.size == array.shape


def test_description_names_the_neighboring_slices():
    cells = np.zeros((3, 1, 9), bool)
    cells[1] = True
    description = Kernel(cells).description
    assert "none in the neighboring slices" in description.sentence
    assert description.size == (3, 1, 9)
    cells[0, 0, 3:6] = True
    assert "3 in the slice above and 0 in the slice below" in Kernel(cells).description.sentence


# files


@given(kernel=kernels())
def test_a_saved_kernel_is_read_back(tmp_path_factory, kernel):
    folder = tmp_path_factory.mktemp("kernels")
    path = kernel.save(folder / "kernel")
    assert path.name == "kernel.npy"
    assert Kernel.load(path) == Kernel.load(path, kernel.mode) == kernel
    assert np.array_equal(np.load(path), kernel.to_array()), "the file is in the documented form"
    assert [p.name for p in folder.iterdir()] == ["kernel.npy"]


def test_a_saved_kernel_knows_the_grid_that_it_is_for(tmp_path):
    kernel = Kernel(np.ones((1, 1, 3), bool), 0.6)
    path = kernel.save(tmp_path / "kernel.npy")
    loaded = Kernel.load(path)
    assert loaded == kernel != Kernel(kernel.cells)
    assert loaded.trimmed().grid_share == pickle.loads(pickle.dumps(loaded)).grid_share == 0.6
    assert "1.67 pixels of the image" in loaded.sentences
    assert np.array_equal(np.load(path), kernel.to_array()), "other programs read the array"
    fine = Kernel(kernel.cells).save(tmp_path / "fine.npy")
    np.save(tmp_path / "plain.npy", kernel.to_array())
    assert fine.read_bytes() == (tmp_path / "plain.npy").read_bytes(), "nothing is added"
    assert Kernel.load(fine).grid_sentence == ""


@pytest.mark.parametrize("note", ["{", "[0.5]", '{"grid_share": "x"}', '{"grid_share": 0}', "3"])
def test_a_grid_that_is_none_is_an_error_and_what_is_not_ours_is_none(tmp_path, note):
    path = Kernel.center_only().save(tmp_path / "kernel.npy")
    plain = path.read_bytes()
    path.write_bytes(plain + b"\nautoStructN2V " + note.encode())
    with pytest.raises(KernelError):
        Kernel.load(path)
    path.write_bytes(plain + note.encode())
    assert Kernel.load(path).grid_share == 1.0


def test_a_kernel_for_another_grid_is_refused_in_one_sentence():
    kernel = Kernel(np.ones((1, 1, 3), bool), 0.6)
    kernel.require_grid(0.58)
    with pytest.raises(KernelError, match=r"a grid of 60% .* but .* the grid of the images"):
        kernel.require_grid(1.0)
    with pytest.raises(KernelError, match=r"the grid of the images, but .* a grid of 60%"):
        Kernel(kernel.cells).require_grid(0.6)


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="file is no folder, and a folder"):
        Kernel.center_only().save(tmp_path / "file" / "kernel.npy")
    assert Kernel.center_only().save(tmp_path / "new" / "kernel.npy").exists()


class Hostile:
    def __reduce__(self):
        return (pytest.fail, ("code of a kernel file was run",))


def test_hostile_file_runs_no_code(tmp_path):
    path = tmp_path / "hostile.npy"
    np.save(path, np.array([[Hostile()]], object), allow_pickle=True)
    with pytest.raises(KernelError, match="not a readable"):
        Kernel.load(path)


@pytest.mark.parametrize("keep", [0, 5, 60, 127, 130])
def test_truncated_file_is_refused(tmp_path, keep):
    path = Kernel.from_array(line(9)).save(tmp_path / "kernel.npy")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(KernelError):
        Kernel.load(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(KernelError, match="cannot be read"):
        Kernel.load(tmp_path / "missing.npy")
    text = tmp_path / "text.npy"
    text.write_text("not a kernel")
    with pytest.raises(KernelError, match="not a readable"):
        Kernel.load(text)
    np.savez(tmp_path / "archive.npz", a=line(3))
    with pytest.raises(KernelError):
        Kernel.load(tmp_path / "archive.npz")
    huge = tmp_path / "huge.npy"
    np.save(huge, np.zeros((1100, 1100), bool))
    with pytest.raises(KernelError, match="far more"):
        Kernel.load(huge)


def test_header_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "promise.npy"
    with path.open("wb") as file:
        header = {"descr": "|b1", "fortran_order": False, "shape": (10**9, 10**9)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(KernelError):
        Kernel.load(path)


def test_mode_of_a_file_is_checked(tmp_path):
    path = Kernel.from_array(line(9)).save(tmp_path / "kernel.npy")
    with pytest.raises(KernelError, match=r"2\.5D"):
        Kernel.load(path, "2.5D")
