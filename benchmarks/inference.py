"""How fast and with how much memory stacks are denoised.

Speed: pixels per second of the tiled prediction (reading, normalizing, cutting and stitching
included) over those of the bare network that gets the whole slice in one pass. Both run
alternately in one process; a size that is not a multiple of anything is among the defaults. The
target is a ratio of at least 0.85.

Memory: peak of denoising a TIFF file to a TIFF file, for a short and a long stack, each in a
process of its own. The target is that the long one needs at most 10 % more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import tifffile
import torch

from autoStructN2V.datasets import ArraySource, Normalization, StackWriter, open_images
from autoStructN2V.inference import Predictor, SliceFinished
from autoStructN2V.models import FlexibleUNet, NetworkConfig
from autoStructN2V.trainers import build_network
from tables import (
    Clock,
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    seconds,
    use_threads,
    write_report,
)

if TYPE_CHECKING:
    from autoStructN2V.datasets import ImageSource

_IDENTITY = Normalization(0.0, 1.0, -3.0, 3.0, 0.0, 0.67, 1.0)
_SIZES = [(256, 256), (512, 512), (1024, 1024), (2048, 2048), (517, 389), (1023, 771)]
_MEMORY_SLICES = (30, 300)
_MEMORY_SIDE = 512
_MEASURE_ONE = "--measure-one"


def size_of(text: str) -> tuple[int, int]:
    """Read ``512`` or ``517x389``."""
    sides = [int(side) for side in text.split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(f"{text!r}: give a side, or height x width")
    return sides[0], sides[-1]


def network_of(features: int, layers: int, device: str) -> FlexibleUNet:
    config = NetworkConfig(features=features, num_layers=layers)
    return build_network(config, 1, seed=0).placed_on(torch.device(device)).eval()


def denoise(predictor: Predictor, source: ImageSource) -> None:
    """Denoise all slices and throw them away."""
    for _ in predictor.denoise(source):
        pass


@torch.inference_mode()
def predict_whole(network: FlexibleUNet, batch: torch.Tensor) -> None:
    """Pass a whole slice through the network in one piece."""
    network(batch).cpu()


def compare(
    network: FlexibleUNet, shape: tuple[int, int], arguments: argparse.Namespace
) -> dict[str, float]:
    """Return the speed of tiled and bare prediction of one slice, pixels per second."""
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    predictor = Predictor(network, _IDENTITY, "2D", arguments.window)
    source = ArraySource(image)
    batch = torch.from_numpy(image)[None, None].to(predictor.device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    clock: Clock = clock_of(arguments.clock)
    tiled, bare = [], []
    for _ in range(arguments.repeats + 1):  # the first round warms up
        tiled.append(seconds(lambda: denoise(predictor, source), clock))
        bare.append(seconds(lambda: predict_whole(network, batch), clock))
    ratios = [b / t for b, t in zip(bare[1:], tiled[1:], strict=True)]
    return {
        "height": shape[0],
        "width": shape[1],
        "n_tiles": predictor.n_tiles(source),
        "bare": image.size / median(bare[1:]),
        "tiled": image.size / median(tiled[1:]),
        "ratio": median(ratios),
    }


def measure_speed(arguments: argparse.Namespace) -> Table:
    """Compare all sizes."""
    table = Table(["size", "tiles", "bare Mpx/s", "tiled Mpx/s", "ratio"])
    network = network_of(arguments.features, arguments.layers, arguments.device)
    for shape in arguments.sizes:
        row = compare(network, shape, arguments)
        cells = [f"{shape[0]} x {shape[1]}", str(row["n_tiles"])]
        cells += [f"{row[name] / 1e6:.2f}" for name in ("bare", "tiled")]
        table.add([*cells, f"{row['ratio']:.2f}"], row)
    return table


def measure_memory(arguments: argparse.Namespace) -> Table:
    """Compare the peak memory of a short and a long stack."""
    table = Table(["slices", "file MB", "peak MB", "of the short stack"])
    with tempfile.TemporaryDirectory() as folder:
        for n_slices in _MEMORY_SLICES:
            path = write_noise(Path(folder) / f"noisy_{n_slices}.tif", n_slices)
            peak = peak_of_fresh_process(path, arguments)
            first = table.rows[0]["peak_bytes"] if table.rows else peak
            n_bytes = path.stat().st_size
            cells = [str(n_slices), f"{n_bytes / 1e6:.0f}", f"{peak / 1e6:.0f}"]
            values = {"slices": n_slices, "peak_bytes": peak, "ratio": peak / first}
            table.add([*cells, f"{peak / first:.3f}"], values)
    return table


def write_noise(path: Path, n_slices: int) -> Path:
    """Write a stack of noise, slice by slice."""
    generator = np.random.default_rng(0)
    side = _MEMORY_SIDE
    slices = (generator.integers(0, 4096, (side, side), np.uint16) for _ in range(n_slices))
    tifffile.imwrite(
        path, slices, shape=(n_slices, side, side), dtype=np.uint16, photometric="minisblack"
    )
    return path


def peak_of_fresh_process(path: Path, arguments: argparse.Namespace) -> int:
    command = [sys.executable, __file__, _MEASURE_ONE, str(path), "--device", arguments.device]
    command += ["--features", str(arguments.memory_features), "--layers", str(arguments.layers)]
    if arguments.threads is not None:
        command += ["--threads", str(arguments.threads)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def denoise_file(path: Path, network: FlexibleUNet) -> None:
    """Denoise a file to a file, as the command line does."""
    (source,) = open_images(path, mode="2D")
    predictor = Predictor(network, Normalization(2048.0, 1182.0, 0, 4095, 2048, 1024, 900), "2D")
    with StackWriter(path.with_stem(f"{path.stem}_denoised"), source) as writer:
        for event in predictor.denoise(source):
            if isinstance(event, SliceFinished):
                writer.write(event.index, event.image)


def peak_memory() -> int:
    """Return the most memory in bytes that this process ever had."""
    status = Path("/proc/self/status")
    if status.exists():
        # on Linux ru_maxrss of a new process starts at that of the one that started it
        lines = status.read_text(encoding="utf-8").splitlines()
        peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
        if peaks:
            return 1024 * peaks[0]
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--sizes",
        nargs="*",
        type=size_of,
        default=_SIZES,
        metavar="HxW",
        help="slices, as 512 or 517x389; without any the speed is left out",
    )
    add("--features", type=int, default=32, metavar="N", help="first level (default 32)")
    add("--layers", type=int, default=2, metavar="N", help="levels of the network (default 2)")
    add("--window", type=int, metavar="PIXELS", help="window of the prediction; default: its own")
    add("--repeats", type=int, default=5, metavar="N", help="timed rounds (default 5)")
    add("--no-memory", action="store_true", help="leave out the memory")
    add(
        "--memory-features",
        type=int,
        default=8,
        metavar="N",
        help="features of the network of the memory test (default 8)",
    )
    add("--device", default="cpu", choices=["cpu", "cuda", "mps"])
    add(_MEASURE_ONE, type=Path, metavar="FILE", help=argparse.SUPPRESS)
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    if arguments.measure_one is not None:
        network = network_of(arguments.features, arguments.layers, arguments.device)
        denoise_file(arguments.measure_one, network)
        print(peak_memory())
        return
    report = {"machine": machine(arguments.device), "features": arguments.features}
    report["speed"] = measure_speed(arguments).rows
    if not arguments.no_memory:
        print()
        report["memory"] = measure_memory(arguments).rows
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
