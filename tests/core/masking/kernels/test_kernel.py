"""Kernels: what is accepted, what is refused and in which words, files, symmetries, statistics."""

import numpy as np
import pytest

from autoStructN2V.errors import KernelError, OutputError
from autoStructN2V.masking.kernels.description import describe_kernel
from autoStructN2V.masking.kernels.files import load_kernel, save_kernel
from autoStructN2V.masking.kernels.kernel import center_only, trimmed, validate_kernel
from autoStructN2V.masking.kernels.symmetry import kernel_symmetries
from autoStructN2V.symmetry import SYMMETRIES


def line(length, axis=1):
    shape = (1, length) if axis == 1 else (length, 1)
    return np.ones(shape, bool)


def test_valid_kernels_are_copied():
    for kernel, mode in ((line(9), "2D"), (np.ones((3, 5, 7), bool), "2.5D")):
        checked = validate_kernel(kernel, mode)
        assert checked.dtype == bool
        assert np.array_equal(checked, kernel)
        assert not np.shares_memory(checked, kernel)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_zeros_and_ones_become_booleans(dtype):
    assert validate_kernel(np.ones((3, 3), dtype)).dtype == bool


@pytest.mark.parametrize(
    ("array", "mode", "words"),
    [
        (np.ones((3, 4), bool), "2D", "odd"),
        (np.ones((3, 33), bool), "2D", "at most 31"),
        (np.zeros((3, 3), bool), "2D", "center"),
        (np.ones((3, 3, 3), bool), "2D", "2D mode"),
        (np.ones((3, 3), bool), "2.5D", "2.5D mode"),
        (np.ones((5, 3, 3), bool), "2.5D", "3 \\(z-1, z, z\\+1\\)"),
        (np.full((3, 3), 0.5), "2D", "not only 0 and 1"),
        (np.full((3, 3), np.nan), "2D", "not only 0 and 1"),
        (np.array([["a"]]), "2D", "not only 0 and 1"),
        (np.ones((0, 3), bool), "2D", "odd"),
        (np.True_, "2D", "shape"),
    ],
)
def test_refusals_are_one_sentence(array, mode, words):
    with pytest.raises(KernelError, match=words) as caught:
        validate_kernel(array, mode)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kernel", [line(9), np.ones((3, 5, 7), bool)])
def test_saved_kernel_is_read_back(tmp_path, kernel):
    path = save_kernel(tmp_path / "kernel", kernel)
    assert path.name == "kernel.npy"
    assert np.array_equal(load_kernel(path), kernel)
    assert [p.name for p in tmp_path.iterdir()] == ["kernel.npy"]


def test_invalid_kernel_leaves_the_old_file(tmp_path):
    path = save_kernel(tmp_path / "kernel.npy", line(3))
    with pytest.raises(KernelError):
        save_kernel(path, np.zeros((3, 3), bool))
    assert np.array_equal(load_kernel(path), line(3))


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        save_kernel(tmp_path / "file" / "kernel.npy", np.ones((1, 3), bool))
    assert save_kernel(tmp_path / "new" / "kernel.npy", np.ones((1, 3), bool)).exists()


class Hostile:
    def __reduce__(self):
        return (pytest.fail, ("code of a kernel file was run",))


def test_hostile_file_runs_no_code(tmp_path):
    path = tmp_path / "hostile.npy"
    np.save(path, np.array([[Hostile()]], object), allow_pickle=True)
    with pytest.raises(KernelError, match="not a readable"):
        load_kernel(path)


@pytest.mark.parametrize("keep", [0, 5, 60, 127, 130])
def test_truncated_file_is_refused(tmp_path, keep):
    path = save_kernel(tmp_path / "kernel.npy", line(9))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(KernelError):
        load_kernel(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(KernelError, match="cannot be read"):
        load_kernel(tmp_path / "missing.npy")
    text = tmp_path / "text.npy"
    text.write_text("not a kernel")
    with pytest.raises(KernelError, match="not a readable"):
        load_kernel(text)
    np.savez(tmp_path / "archive.npz", a=line(3))
    with pytest.raises(KernelError):
        load_kernel(tmp_path / "archive.npz")
    huge = tmp_path / "huge.npy"
    np.save(huge, np.zeros((1100, 1100), bool))
    with pytest.raises(KernelError, match="far more"):
        load_kernel(huge)


def test_header_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "promise.npy"
    with path.open("wb") as file:
        header = {"descr": "|b1", "fortran_order": False, "shape": (10**9, 10**9)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(KernelError):
        load_kernel(path)


def test_mode_of_a_file_is_checked(tmp_path):
    path = save_kernel(tmp_path / "kernel.npy", line(9))
    with pytest.raises(KernelError, match=r"2\.5D"):
        load_kernel(path, "2.5D")


def test_center_only():
    assert center_only().sum() == 1
    assert center_only("2.5D").shape == (3, 1, 1)
    assert center_only("2.5D")[1, 0, 0]
    validate_kernel(center_only("2.5D"), "2.5D")


def corner():
    kernel = np.zeros((3, 3), bool)
    kernel[1, 1] = kernel[0, 0] = kernel[0, 1] = True
    return kernel


@pytest.mark.parametrize(
    ("kernel", "count"),
    [
        (np.ones((1, 1), bool), 8),
        (line(9), 4),
        (line(9, axis=0), 4),
        (np.eye(5, dtype=bool), 4),
        (np.ones((5, 5), bool), 8),
        (corner(), 1),
    ],
)
def test_symmetries_leave_the_kernel_unchanged(kernel, count):
    symmetries = kernel_symmetries(kernel)
    assert len(symmetries) == count
    assert (symmetries[0].quarter_turns, symmetries[0].flip) == (0, False)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_symmetries_can_be_undone(symmetry):
    images = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(symmetry.undo(symmetry(images)), images)


def test_eight_different_symmetries():
    patch = np.arange(9).reshape(3, 3)
    assert len({s(patch).tobytes() for s in SYMMETRIES}) == 8


def test_slices_of_a_kernel_turn_together():
    kernel = np.zeros((3, 3, 3), bool)
    kernel[1, 1, :] = kernel[0, :, 1] = True
    assert len(kernel_symmetries(kernel)) == 4


@pytest.mark.parametrize(
    ("kernel", "pattern", "words"),
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
def test_description(kernel, pattern, words):
    statistics = describe_kernel(kernel)
    assert statistics.pattern_type == pattern
    assert words in statistics.sentence
    assert statistics.n_active == kernel.sum()
    assert statistics.coverage_percent == pytest.approx(100 * kernel.mean())


def test_description_names_the_neighboring_slices():
    kernel = np.zeros((3, 1, 9), bool)
    kernel[1] = True
    assert "none in the slices" in describe_kernel(kernel).sentence
    kernel[0, 0, 3:6] = True
    assert "3 in the slice above and 0 in the slice below" in describe_kernel(kernel).sentence


def test_trimmed_cuts_empty_borders_only():
    kernel = np.zeros((11, 11), bool)
    kernel[5, 3:7] = True
    assert trimmed(kernel).shape == (1, 5)
    assert trimmed(kernel).sum() == kernel.sum()
