"""Apply an exported package by bioimageio.core, and compare with what this program makes of it.

    pip install bioimageio.core
    autostructn2v export MODEL --author NAME --output NAME.zip
    python benchmarks/bioimageio_package.py NAME.zip

``test_model`` of that library is run for all weights, then images of another size are denoised by
it and by this program, without averaged orientations. Exit code 1 if anything differs by more than
float32 rounds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bioimageio.core import predict, test_model
from bioimageio.spec import load_model_description

from autoStructN2V.datasets import ArraySource, make_sample
from autoStructN2V.inference import Predictor, load_model

_SIDE = 8  # steps that the images are wider than the smallest ones
_MOST = 1e-5  # difference, in standard deviations of the images


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", type=Path)
    package = parser.parse_args().package
    summary = test_model(package)
    for detail in summary.details:
        print(f"{detail.status}: {detail.name}")
        for error in detail.errors:
            print(f"  {error.msg}")
    difference = compared(package)
    print(f"largest difference: {difference:.2g} standard deviations of the images")
    return 0 if summary.status == "passed" and difference < _MOST else 1


def compared(package: Path) -> float:
    """Return the largest difference between both results, in standard deviations of the images."""
    model = load_model(package)
    description: Any = load_model_description(package, perform_io_checks=False)
    size = description.inputs[0].axes[-1].size
    side = size.min + _SIDE * size.step
    made = make_sample("stack", seed=1, shape=(3, side, side)).noisy
    seen = model.normalization
    stack = seen.denormalize(((made - made.mean()) / made.std()).astype(np.float32))
    network = model.build(torch.device("cpu"))
    ours = Predictor(network, seen, model.mode).denoise_slice(ArraySource(stack), 1)
    given = stack[None] if model.mode == "2.5D" else stack[None, 1:2]
    theirs = predict(model=description, inputs=given).members["denoised"].data.to_numpy()
    return float(np.abs(theirs[0, 0] - ours).max() / seen.std)


if __name__ == "__main__":
    sys.exit(main())
