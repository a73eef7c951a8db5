"""What a model file may claim: it comes from anywhere, and is checked before it is believed.

That a file runs no code is seen to by ``weights_only=True``. It could still claim memory that it
does not need (a few bytes that unpack to gigabytes, arrays of absurd shapes), or hold numbers with
which every result is NaN.
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, get_args

import torch

from autoStructN2V.errors import ModelError
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE
from autoStructN2V.masking.patterns.fourier.choices import read_choices
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.vocabulary import StripeRemoval

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from autoStructN2V.models.config import NetworkConfig

_MOST_BYTES_OF_PROVENANCE = 10_000_000


def require_stored(path: Path) -> None:
    """Refuse a file that could unpack to more than its size; models are never compressed.

    Parameters
    ----------
    path : Path
        File that exists.

    Raises
    ------
    ValueError
        If it is no archive of uncompressed parts.
    """
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("no archive")
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise ValueError("compressed")
    if sum(part.file_size for part in parts) > path.stat().st_size:
        raise ValueError("parts that overlap")


def require_undamaged(path: Path) -> None:
    """Refuse an archive of which a bit is another than when it was written.

    Raises
    ------
    ValueError
        If a checksum is another.
    """
    with zipfile.ZipFile(path) as archive:
        damaged_part = archive.testzip()
    if damaged_part is not None:
        raise ValueError(f"{damaged_part} is damaged")


def read_plain(path: Path) -> Any:
    """Read plain values and tensors that torch saved; nothing else is believed.

    Parameters
    ----------
    path : Path
        File that exists.

    Returns
    -------
    object
        Tensors on the CPU.

    Raises
    ------
    Exception
        Of nearly any kind, if bytes are damaged or it holds something else.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pickles: what is not plain is refused
        require_stored(path)
        # torch refuses names that are not UTF-8
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)


def read_mapped(path: Path) -> Any:
    """Read as :func:`read_plain` does, but of a tensor only what is looked at.

    Parameters
    ----------
    path : Path
        File that exists; it stays open while one of the tensors is kept.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:  # torch maps files by their names alone
        return read_plain(path)
    require_stored(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(os.fspath(path), map_location="cpu", weights_only=True, mmap=True)


def fits(weights: Mapping[str, Tensor], config: NetworkConfig, in_channels: int) -> bool:
    """Tell whether weights belong to a network, without making one.

    Parameters
    ----------
    weights : mapping of str to Tensor
        State of a network.
    config : NetworkConfig
        Its parameters.
    in_channels : {1, 3}
        Slices that it sees.
    """
    with torch.device("meta"):  # shapes without memory
        wanted = FlexibleUNet(config, in_channels).state_dict()
    return wanted.keys() == weights.keys() and all(
        isinstance(weight, torch.Tensor) and weight.shape == wanted[name].shape
        for name, weight in weights.items()
    )


def require_finite(weights: Mapping[str, Tensor]) -> None:
    """Refuse weights with which every result would be NaN.

    Raises
    ------
    ValueError
        If one is no finite number, or they are no plain arrays of floating-point numbers.
    """
    for name, weight in weights.items():
        if weight.layout != torch.strided or not weight.is_floating_point():
            raise ValueError(f"{name} holds no floating-point numbers")
        if not torch.isfinite(weight).all():
            raise ValueError(f"{name} holds values that are not finite")


def require_kernel(kernel: Any) -> None:
    """Refuse a kernel that cannot be one, before it is made an array.

    Parameters
    ----------
    kernel : object
        To be a tensor (1 or 3, h, w) of odd h and w.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not isinstance(kernel, torch.Tensor) or kernel.layout != torch.strided:
        raise ValueError("the kernel is no array")
    if kernel.ndim != 3 or kernel.shape[0] not in (1, 3):
        raise ValueError(f"the kernel has shape {tuple(kernel.shape)}")
    sides = kernel.shape[1:]
    if any(side % 2 == 0 or side > MAX_KERNEL_SIZE for side in sides):
        raise ValueError(f"the kernel has shape {tuple(kernel.shape)}")


def require_plain(provenance: Mapping[str, Any]) -> None:
    """Refuse notes on how a model was made that cannot be written beside a result.

    Raises
    ------
    ValueError
        If they are nested without end, far too long, no plain values, or name stripes or patterns
        that there are not.
    """
    try:
        text = json.dumps(dict(provenance))
    except TypeError as error:
        raise ValueError("its notes hold other than plain values") from error
    if len(text) > _MOST_BYTES_OF_PROVENANCE:
        raise ValueError("its notes are far too long")
    stripes = provenance.get("remove_stripes", "off")
    if stripes not in get_args(StripeRemoval):
        raise ValueError(f"it says to remove stripes {stripes!r:.50}")
    for name in ("also_remove", "keep_patterns"):
        read_choices(str(provenance.get(name, "")))


def damaged(path: Path, error: BaseException) -> ModelError:
    """Return the error to be raised of a file that is no whole model."""
    reason = " ".join(str(error).split())  # one line
    return ModelError(f"{path} is damaged ({reason:.200}); train again or use a copy.")
