r"""Train CAREamics on noisy images and denoise them; side_by_side.py runs this script.

It belongs to a Python environment of its own, and needs nothing else of this repository:

    python -m venv PEERS
    PEERS/bin/pip install torch==2.13.0 lightning==2.6.5 torchmetrics==1.8.2 pydantic==2.13.3 \
        numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 tifffile==2026.3.3 zarr==3.1.6 \
        bioimageio.core==0.11.0 matplotlib psutil bm3d==4.0.3 bm4d==4.2.5
    PEERS/bin/pip install --no-deps careamics==0.3.5 torchvision==0.28.0 microssim==0.0.5

The settings are those of a user who knows the noise. Without --axes: Noise2Void with all
augmentations, 2 % of the pixels masked. With it: structN2V without augmentation, which would turn
the mask; 1 % of the pixels, or fewer, so that the masks cover 20 % at most.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from peers import add_files, write_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N2V_PERCENT = 2.0
_STRUCT_PERCENT = 1.0
_STRUCT_COVERED_PERCENT = 20.0


def declare_torchvision_operators() -> torch.library.Library:
    """Let torchvision be imported where its compiled part does not fit the PyTorch.

    CAREamics imports it for parts that Noise2Void does not use.
    """
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    takes = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for operator in ("nms", "qnms"):
        library.define(operator + takes)  # type: ignore[no-untyped-call]
    return library


def method_settings(axes: str | None, span: int) -> dict[str, Any]:
    """Return the settings in which Noise2Void and structN2V differ."""
    if axes is None:
        return {"masked_pixel_percentage": _N2V_PERCENT}
    n_hidden = span * span if axes == "square" else span
    percent = min(_STRUCT_PERCENT, _STRUCT_COVERED_PERCENT / n_hidden)
    return {
        "masked_pixel_percentage": round(percent, 3),
        "struct_n2v_axes": axes,
        "struct_n2v_span": span,
        "augmentations": [],
    }


def train_and_denoise(
    noisy: NDArray[np.float32], arguments: argparse.Namespace, folder: Path
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Return the denoised images and the seconds of preparation, training and prediction."""
    from careamics import CAREamist  # type: ignore[import-not-found]
    from careamics.config.factories import (  # type: ignore[import-not-found]
        create_advanced_n2v_config,
    )

    settings = create_advanced_n2v_config(
        experiment_name="benchmark",
        data_type="array",
        axes="SYX",
        patch_size=[64, 64],
        batch_size=8,
        num_epochs=arguments.epochs,
        num_steps=arguments.steps,
        n_val_patches=8,
        num_workers=0,
        seed=arguments.seed,
        model_params={"depth": 2, "num_channels_init": 32},
        optimizer_params={"lr": 1e-3},
        trainer_params={"accelerator": "cpu"},
        **method_settings(arguments.axes, arguments.span),
    )
    clock = time.process_time if arguments.clock == "cpu" else time.perf_counter
    times = [clock()]
    careamist = CAREamist(settings, work_dir=folder, enable_progress_bar=False)
    times.append(clock())
    careamist.train(train_data=noisy)
    times.append(clock())
    predictions, _ = careamist.predict(pred_data=noisy, batch_size=1)
    times.append(clock())
    images = [np.asarray(one).reshape(-1, *noisy.shape[1:]) for one in predictions]
    spent = dict(zip(("preparation", "training", "prediction"), np.diff(times), strict=True))
    return np.concatenate(images).astype(np.float32), {name: float(s) for name, s in spent.items()}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_files(parser, "images (n, y, x) float32", "versions and seconds")
    add("--axes", choices=["horizontal", "vertical", "cross", "square"], help="of the mask")
    add("--span", type=int, default=5, help="side of the mask in pixels (default 5)")
    add("--epochs", type=int, default=40, help="default 40")
    add("--steps", type=int, help="in an epoch; default: as many as the images have patches")
    add("--seed", type=int, default=42, help="default 42")
    clocks = "seconds that passed, or that the processor worked (default wall)"
    add("--clock", choices=["wall", "cpu"], default="wall", help=clocks)
    add("--threads", type=int, help="CPU threads of PyTorch; default: its own choice")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    library = declare_torchvision_operators()
    from careamics import __version__

    with tempfile.TemporaryDirectory() as folder:
        denoised, spent = train_and_denoise(np.load(arguments.noisy), arguments, Path(folder))
    del library  # its operators lived as long
    figures = {
        "careamics": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "seconds": spent,
    }
    write_files(denoised, figures, arguments)


if __name__ == "__main__":
    main()
