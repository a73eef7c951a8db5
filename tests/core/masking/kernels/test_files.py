"""Damaged kernel files are refused in one sentence, whatever NumPy makes of them."""

from __future__ import annotations

import pytest

from autoStructN2V.errors import KernelError
from autoStructN2V.masking import load_kernel

HEADERS = [
    b"{'descr': '|b1', 'fortran_order': False, 'shape': (1, 5), }\0(",
    b"{'descr': '|b1', 'fortran_order': False, 'shape': (1, 5), } (",
    b"{'descr': '|b1', 'fortran_order': False, 'shape': (1, 10**99), }",
    b"{'descr': '|b1', 'fortran_order': False, 'shape': (-1, 5), }",
    b"{'descr': '|b1', 'fortran_order': False, 'shape': (99999, 99999), }",
    b"{" * 4000,
    b"\xff\xfe",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_are_no_headers(tmp_path, header):
    padded = header.ljust(118) + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little")
    (tmp_path / "k.npy").write_bytes(start + padded + b"\1" * 5)
    with pytest.raises(KernelError, match=r"k\.npy is not a readable \.npy file"):
        load_kernel(tmp_path / "k.npy")
