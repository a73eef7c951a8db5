"""Inputs for ``fuzz.py``: images, files, configurations and models, mostly with something wrong."""

from __future__ import annotations

import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

if TYPE_CHECKING:
    from pathlib import Path


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, zero or repeat bytes; half of the time near the beginning or the end."""
    changed = bytearray(content)
    way = rng.choice(["flip", "flip", "flip", "cut", "zero", "number", "repeat"])
    if way == "cut":
        return bytes(changed[: int(rng.integers(0, len(changed)))])
    for _ in range(int(rng.integers(1, 9))):
        side = int(rng.integers(0, 4))
        reach = min(len(changed), 600) if side < 2 else len(changed)
        at = int(rng.integers(0, max(1, reach)))
        at = len(changed) - 1 - at if side == 1 else at
        if way == "flip":
            changed[at] ^= 1 << int(rng.integers(0, 8))
        elif way == "zero":
            changed[at : at + 8] = bytes(len(changed[at : at + 8]))
        elif way == "number":
            value = int(rng.choice([0, 1, 2**15, 2**31 - 1, 2**32 - 1, 10**6]))
            changed[at : at + 4] = struct.pack("<I", value)[: len(changed[at : at + 4])]
        else:
            changed[at:at] = changed[at : at + 16]
    return bytes(changed)


def random_image(rng: np.random.Generator) -> np.ndarray:
    """Return an array of any number of axes, type and values."""
    n_axes = int(rng.choice([2, 2, 3, 3, 3, 4, 5]))
    leading = [int(rng.integers(1, 5)) for _ in range(n_axes - 2)]
    sides = [int(rng.choice([1, 3, 7, 16, 17, 24, 33, 48, 64])) for _ in range(2)]
    shape = (*leading, *sides)
    dtype = rng.choice("u1 u1 i1 u2 u2 i2 u4 i4 u8 i8 f2 f4 f4 f8 c8 ?".split())
    values = rng.normal(float(rng.choice([0, 100, 1e5, 1e9])), float(rng.choice([0, 1, 30])), shape)
    if rng.random() < 0.2:
        flaw = rng.choice([np.nan, np.inf, -np.inf, 1e300, 0.0])
        values.flat[rng.integers(0, values.size, 1 + values.size // 50)] = flaw
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(values.astype(dtype))


def write_random_tiff(path: Path, rng: np.random.Generator) -> None:
    """Write a TIFF of any kind that the writer can make of a random image."""
    image = random_image(rng)
    options: dict[str, Any] = {
        "photometric": str(rng.choice(["minisblack", "miniswhite", "rgb"], p=[0.8, 0.1, 0.1])),
        "compression": rng.choice(np.array([None, "zlib", "lzw", "packbits"], dtype=object)),
        "bigtiff": bool(rng.random() < 0.1),
        "byteorder": str(rng.choice(["<", ">"])),
        "tile": (16, 16) if rng.random() < 0.2 else None,
        "resolution": (float(rng.choice([0.001, 1, 300])),) * 2 if rng.random() < 0.5 else None,
    }
    axes = "TZCYX"[-image.ndim :]
    flavor = rng.choice(["plain", "imagej", "ome", "bare", "unnamed"])
    if flavor == "imagej":
        options |= {"imagej": True, "compression": None, "tile": None}
    if flavor == "ome":
        options["ome"] = True
    unit = str(rng.choice(["um", "µm", "Å", "", "furlong", "\x01"]))
    options["metadata"] = {
        "plain": {"axes": axes},
        "imagej": {"axes": axes, "unit": unit, "spacing": float(rng.choice([0.0, 0.5, np.nan]))},
        "ome": {"axes": axes, "PhysicalSizeX": rng.choice([0.0, 0.1]), "PhysicalSizeXUnit": unit},
        "bare": None,
        "unnamed": {},
    }[str(flavor)]
    try:
        tifffile.imwrite(path, image, **options)
    except Exception:  # not every choice can be written; then a plain one is
        tifffile.imwrite(path, image, photometric="minisblack", metadata=None)


def choices(rng: np.random.Generator) -> list[object]:
    """Return options that say what is in a file, often none."""
    words: list[object] = []
    if rng.random() < 0.3:
        words += ["--axes", rng.choice(["ZYX", "YX", "TZYX", "CYX", "YXC", "XY", "ZZ", ""])]
    for name in ("--channel", "--timepoint"):
        if rng.random() < 0.2:
            words += [name, int(rng.integers(0, 3))]
    return words


def random_value(rng: np.random.Generator, depth: int = 0) -> Any:
    """Return any JSON value."""
    if depth < 3 and rng.random() < 0.2:
        return {f"k{i}": random_value(rng, depth + 1) for i in range(int(rng.integers(0, 4)))}
    plain: list[Any] = [
        None,
        True,
        False,
        0,
        1,
        -1,
        10**30,
        0.5,
        1e308,
        float("nan"),
        "",
        "x",
        "\ud800",
        "2D",
    ]
    plain += [[], [1, 2, 3], [0.7, 0.15, 0.15], "a" * 3000, 7, 33, 1000]
    return plain[int(rng.integers(0, len(plain)))]


def changed_value(value: Any, rng: np.random.Generator) -> Any:
    """Return a value a little different, or any other."""
    if rng.random() < 0.5 or not isinstance(value, int | float):
        return random_value(rng)
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value * 0.9


def change_content(good: Path, path: Path, rng: np.random.Generator) -> None:
    """Save a model one of whose entries is something else."""
    import torch

    content = torch.load(good, weights_only=True)
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = 0
    for _ in range(150):
        deep = [deep]
    values = [None, 0, -1, 10**30, float("nan"), "", "x" * 10_000, [], {}, deep, {"a": endless}]
    values += [torch.zeros(3), torch.tensor(float("nan")), torch.zeros(1).expand(10**9)]
    values += [torch.zeros(1, 1, 1).expand(1, 99_999, 99_999), torch.ones(1, 2, 2) > 0]
    section = content
    name = str(rng.choice(list(section)))
    if isinstance(section[name], dict) and rng.random() < 0.8 and section[name]:
        section = section[name]
        name = str(rng.choice(list(section)))
    current = section[name]
    if isinstance(current, torch.Tensor) and current.is_floating_point() and rng.random() < 0.5:
        section[name] = torch.full_like(current, float(rng.choice([np.nan, np.inf, 1e30])))
    else:
        section[name] = values[int(rng.integers(0, len(values)))]
    torch.save(content, path)


def write_random_kernel(path: Path, rng: np.random.Generator) -> None:
    """Write an array of any shape and type as a kernel file."""
    shape = [int(rng.choice([1, 3, 5, 7, 31])) for _ in range(int(rng.choice([1, 2, 2, 3, 4])))]
    if shape and rng.random() < 0.3:
        shape[0] = int(rng.choice([0, 2, 3, 33]))
    values = rng.integers(0 if rng.random() < 0.5 else 1, 3 if rng.random() < 0.2 else 2, shape)
    dtype = rng.choice(["?", "?", "?", "u1", "i8", "f4", "c8", "O", "S3", "M8[s]"])
    array = np.asarray(values.astype(dtype))
    np.save(path, array, allow_pickle=True)


def write_bomb(path: Path, n_bytes: int) -> None:
    """Write a small model file that unpacks to many bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(n_bytes))
        archive.writestr("archive/version", "3")
