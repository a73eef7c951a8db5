"""How much of a training's time its checkpoints take.

Trains a few epochs of stage 2 with each preset and counts what is spent on keeping the state after
an epoch. The target is 2 % of the time; where that does not suffice for every epoch, some are left
out. The last epoch is always kept, which weighs the more the shorter a training is.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoStructN2V.datasets import ArraySource
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import PRESETS, finish, recorded_events, validate_config
from autoStructN2V.pipeline.files.checkpoints import StageCheckpoints
from autoStructN2V.trainers import EpochFinished
from tables import (
    Clock,
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    use_threads,
    write_report,
)
from tasks import make_task

_COLUMNS = ["preset", "epochs", "of these kept", "training s", "checkpoints s", "share"]


@dataclass
class Watched:
    """Counts what saving takes, for all stages."""

    clock: Clock
    spent: float = 0.0
    n_kept: int = 0

    def __enter__(self) -> Watched:
        self._save = StageCheckpoints.save
        save = self._save

        def timed(checkpoints: StageCheckpoints, *given: Any, **named: Any) -> None:
            before, start = checkpoints._seconds, self.clock()
            save(checkpoints, *given, **named)
            self.spent += self.clock() - start
            self.n_kept += checkpoints._seconds > before

        StageCheckpoints.save = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *exception: object) -> None:
        StageCheckpoints.save = self._save  # type: ignore[method-assign]


def run(preset: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train for a few epochs; return the figures of one row."""
    clock = clock_of(arguments.clock)
    times: list[float] = []

    def count(event: object) -> None:
        if isinstance(event, EpochFinished):
            times.append(clock())

    source = ArraySource(make_task("T2_hline", 21)["noisy"][:8], "T2_hline")
    with tempfile.TemporaryDirectory() as folder:
        kernel = Kernel.from_array([[True] * 11]).save(Path(folder) / "kernel.npy")
        fields = {"preset": preset, "num_epochs": arguments.epochs, "run_stage1": False}
        given = {"mask_source": "file", "mask_file_path": kernel}
        config = validate_config({**fields, "output_dir": folder, "stage2": given})
        with Watched(clock) as watched:
            finish(recorded_events([source], config), count)
    # from the end of the first epoch to that of the last one; the first loads much
    training = times[-1] - times[0]
    figures = {"preset": preset, "epochs": len(times), "kept": watched.n_kept}
    return figures | {"training": training, "checkpoints": watched.spent}


def cells_of(row: dict[str, Any]) -> list[str]:
    share = 100.0 * row["checkpoints"] / row["training"]
    seconds = [f"{row['training']:.1f}", f"{row['checkpoints']:.2f}"]
    return [row["preset"], str(row["epochs"]), str(row["kept"]), *seconds, f"{share:.1f} %"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=["fast", "balanced"])
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="default 5")
    add_clock_argument(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for preset in arguments.presets:
        row = run(preset, arguments)
        table.add(cells_of(row), row)
    write_report(arguments.json, {"machine": machine(), "rows": table.rows})


if __name__ == "__main__":
    main()
