"""PyTorch's compiler does not end a napari whose windows are drawn in software."""

import importlib
import sys
from importlib.util import find_spec

import pytest

from autoStructN2V.trainers.stepping.compiler import keep_triton_out

MESA = "7f01-7f02 r-xp 00000000 08:01 77 /usr/lib/x86_64-linux-gnu/libLLVM-15.so.1\n"
NUMPY = "7f03-7f04 r-xp 00000000 08:01 78 /usr/lib/python3/numpy/_core.so\n"


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Return a function that states what is loaded in this process; Triton is not."""
    others = {name: module for name, module in sys.modules.items() if name != "triton"}
    monkeypatch.setattr(sys, "modules", others)

    def state(text):
        loaded = tmp_path / "maps"
        loaded.write_text(text)
        return loaded

    return state


def test_beside_the_llvm_of_mesa_triton_is_as_if_not_installed(libraries):
    keep_triton_out(libraries(NUMPY + MESA))
    assert sys.modules["triton"] is None
    with pytest.raises(ImportError):
        importlib.import_module("triton")
    assert find_spec("triton") is None


def test_triton_is_left_alone_where_nothing_is_drawn_in_software(libraries):
    keep_triton_out(libraries(NUMPY))
    assert "triton" not in sys.modules


def test_triton_that_was_loaded_before_is_left_alone(libraries, monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", sys)
    keep_triton_out(libraries(MESA))
    assert sys.modules["triton"] is sys


def test_other_systems_have_no_such_list(tmp_path, libraries):
    libraries(MESA)
    keep_triton_out(tmp_path / "nothing")
    assert "triton" not in sys.modules
