"""Quality and time of this program beside those of CAREamics, on the same images and machine.

For each task and seed CAREamics trains and denoises in an environment of its own, with the mask set
by hand that suits the noise best; right after it this program, which finds its kernel by itself.
Each is a new process with the same number of threads. Starting it and importing libraries is not
counted, all else is: preparation, training of all stages, the kernel, and denoising. The scores
are peak signal-to-noise ratio in dB (peak 1), the same after an affine fit, and structural
similarity with the clean truth.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.pipeline import PRESETS
from peers import denoised_by, run_script
from settings import add_set_argument
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import make_task, score

if TYPE_CHECKING:
    from collections.abc import Iterator

# the best of its masks that a user who knows the noise could choose; spans end at 15
_CAREAMICS_MASKS = {
    "T1_random": None,
    "T2_hline": ("horizontal", 13),
    "T3_vline": ("vertical", 15),
    "T4_diag": ("square", 9),
    "T5_periodic": ("horizontal", 15),
    "T6_stack": ("horizontal", 13),
    "T7_blob": ("square", 7),
    "T8_poisson": ("horizontal", 13),
}
_SEED = 42  # of the programs, for task seed 0; quality.py counts in the same way
_COLUMNS = ["task", "seed", "program", "PSNR / affine / SSIM", "seconds", "of these"]
_COLUMNS += ["PSNR difference", "time ratio"]


def careamics_row(task: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train CAREamics on one task, denoise and score."""
    images = make_task(task, seed)
    mask = _CAREAMICS_MASKS[task]
    options: list[object] = ["--epochs", arguments.careamics_epochs, "--seed", _SEED + seed]
    options += ["--axes", mask[0], "--span", mask[1]] if mask else []
    options += ["--steps", arguments.careamics_steps] if arguments.careamics_steps else []
    python, threads = arguments.careamics_python, arguments.threads
    denoised, figures = denoised_by(
        "peer_careamics.py", images["noisy"], options, python, threads, command=None
    )
    row: dict[str, Any] = {"program": f"CAREamics {figures['careamics']}, {_mask_name(mask)}"}
    return row | score(denoised, images["clean"]) | figures


def _mask_name(mask: tuple[str, int] | None) -> str:
    return f"{mask[0]} {mask[1]}" if mask else "N2V"


def own_row(task: str, seed: int, preset: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let quality.py train this program on one task, and take the scores of its last stage."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        options: list[object] = ["--tasks", task, "--seeds", seed, "--preset", preset]
        options += ["--mode", "2D", "--json", file]
        options += ["--set", *arguments.set] if arguments.set else []
        options += ["--threads", arguments.threads] if arguments.threads else []
        run_script("quality.py", options, threads=arguments.threads)
        report = json.loads(file.read_text(encoding="utf-8"))
    (row,) = report["tasks"]
    stage = "stage2" if "stage2" in row else "stage1"
    return {"program": f"this one, {preset}", **row, **row[stage], "machine": report["machine"]}


def rows_of(task: str, seed: int, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of one program after the other, with the comparison to the first."""
    first = careamics_row(task, seed, arguments)
    yield first
    for preset in arguments.presets:
        row = own_row(task, seed, preset, arguments)
        row["psnr_difference"] = row["psnr"] - first["psnr"]
        row["time_ratio"] = total(row) / total(first)
        yield row


def total(row: dict[str, Any]) -> float:
    return float(sum(row["seconds"].values()))


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = f"{row['psnr']:.2f} / {row['psnr_aff']:.2f} / {row['ssim']:.3f}"
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in row["seconds"].items())
    cells = [row["task"], str(row["seed"]), row["program"], scores, f"{total(row):.1f}", parts]
    if "time_ratio" not in row:
        return [*cells, "-", "1"]
    return [*cells, f"{row['psnr_difference']:+.2f}", f"{row['time_ratio']:.2f}"]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    tasks = list(_CAREAMICS_MASKS)
    add(
        "--careamics-python",
        type=Path,
        required=True,
        metavar="FILE",
        help="interpreter of an environment with CAREamics, see peer_careamics.py",
    )
    add(
        "--tasks",
        nargs="+",
        choices=tasks,
        default=tasks[:2],
        metavar="TASK",
        help=f"{', '.join(tasks)}; default: the first two",
    )
    add("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    add("--presets", nargs="+", choices=list(PRESETS), default=["fast"], help="default fast")
    add_set_argument(parser)
    add("--careamics-epochs", type=int, default=40, metavar="N", help="default 40")
    add("--careamics-steps", type=int, metavar="N", help="in an epoch; default: its own choice")
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for task in arguments.tasks:
        for seed in arguments.seeds:
            for row in rows_of(task, seed, arguments):
                whole = {**row, "task": task, "seed": seed}
                table.add(cells_of(whole), whole)
    settings = {"set": arguments.set, "careamics_epochs": arguments.careamics_epochs}
    report = {"machine": machine(), "settings": settings, "rows": table.rows}
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
