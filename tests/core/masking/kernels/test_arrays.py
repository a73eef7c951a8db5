"""Documented functions take and return bare arrays, and say the same as the kernel itself."""

import numpy as np
import pytest

from autoStructN2V.errors import KernelError
from autoStructN2V.masking import (
    Kernel,
    center_only,
    describe_kernel,
    kernel_symmetries,
    load_kernel,
    save_kernel,
    trimmed,
    validate_kernel,
)

LINE = np.array([[False, True, True, True, False]])
STACK = np.stack([~LINE & LINE, LINE, LINE])
ARRAYS = pytest.mark.parametrize(("array", "mode"), [(LINE, "2D"), (STACK, "2.5D")])


@ARRAYS
def test_a_valid_kernel_is_copied_and_may_be_edited(array, mode):
    checked = validate_kernel(array, mode)
    assert type(checked) is np.ndarray
    assert np.array_equal(checked, array)
    checked[:] = True
    assert not array.all()


def test_a_kernel_is_expected_to_be_2d_unless_told_otherwise():
    with pytest.raises(KernelError, match="2D mode"):
        validate_kernel(STACK)


@ARRAYS
@pytest.mark.parametrize("form", [np.asarray, Kernel.from_array, np.ndarray.tolist])
def test_arrays_lists_and_kernels_are_taken_alike(tmp_path, array, mode, form):
    kernel, given = Kernel.from_array(array), form(array)
    path = save_kernel(tmp_path / "kernel", given)
    assert path == tmp_path / "kernel.npy"
    for loaded in (load_kernel(path), load_kernel(path, mode)):
        assert type(loaded) is np.ndarray
        assert np.array_equal(loaded, array)
    assert describe_kernel(given) == kernel.description
    assert kernel_symmetries(given) == kernel.symmetries
    assert type(trimmed(given)) is np.ndarray
    assert np.array_equal(trimmed(given), array[..., 1:4])


def test_noise2void_as_an_array():
    assert center_only().tolist() == [[True]]
    assert center_only("2.5D").tolist() == [[[False]], [[True]], [[False]]]
    assert np.array_equal(center_only(size=3), np.ones((3, 3), bool))


def test_an_invalid_kernel_leaves_the_old_file(tmp_path):
    path = save_kernel(tmp_path / "kernel.npy", LINE)
    with pytest.raises(KernelError):
        save_kernel(path, np.zeros((3, 3), bool))
    assert np.array_equal(load_kernel(path), LINE)
