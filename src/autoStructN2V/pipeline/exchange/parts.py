"""The files of a package: weights in two forms, tensors to test it with, pictures and words."""

from __future__ import annotations

import inspect
import shutil
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.files import write_json
from autoStructN2V.inference.model_files import MODEL_FILES, PICTURE_FILE, REPORT_FILE
from autoStructN2V.inference.trained_model import save_model
from autoStructN2V.models import unet
from autoStructN2V.pipeline.configuration.file import read_config, without_places
from autoStructN2V.pipeline.configuration.models import validate_config
from autoStructN2V.pipeline.files.folders import CONFIG
from autoStructN2V.pipeline.report.pictures import before_after

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.models.unet import FlexibleUNet

_LEAST_SIDE = 64  # px: of images in a package
_LEAST_CELLS = 8  # of the coarsest level along a side
_ATTACHED = ("mask.npy", "mask.png", "noise_report.json", REPORT_FILE)
_FACTORY = '''

def make_network(in_channels, **config):
    """Return the network that the weights belong to."""
    from types import SimpleNamespace

    return FlexibleUNet(SimpleNamespace(**config), in_channels)
'''


class AnySize(torch.nn.Module):
    """A graph that takes images of any size, which the traced one inside of it does not.

    Parameters
    ----------
    traced : ScriptModule
        Takes sides that are a multiple of ``step``.
    step : int
        In pixels.
    """

    def __init__(self, traced: torch.jit.ScriptModule, step: int) -> None:
        super().__init__()
        self.traced = traced
        self.step = step

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict (B, 1, H, W) from (B, C, H, W), as the network does."""
        height, width = x.shape[-2], x.shape[-1]
        bottom, right = (-height) % self.step, (-width) % self.step
        if bottom > 0 or right > 0:
            x = torch.nn.functional.pad(x, [0, right, 0, bottom], mode="replicate")
        prediction: torch.Tensor = self.traced(x)
        return prediction[..., :height, :width]


@dataclass(frozen=True)
class Parts:
    """Where the files of a package lie.

    Attributes
    ----------
    weights, traced, architecture, test_input, test_output, cover, documentation : Path
    attachments : tuple of Path
        The model as this program saves it, and what lay beside it.
    smallest : int
        Least height and width of images, in pixels.
    """

    weights: Path
    traced: Path
    architecture: Path
    test_input: Path
    test_output: Path
    cover: Path
    documentation: Path
    attachments: tuple[Path, ...]
    smallest: int


def write_parts(
    model: TrainedModel, beside: Path | None, documentation: str, folder: Path
) -> Parts:
    """Write the files of a package.

    Parameters
    ----------
    model : TrainedModel
        Model to give away.
    beside : Path or None
        Model folder that it comes from, whose kernel, configuration, report and picture are taken.
    documentation : str
        Markdown.
    folder : Path
        Empty folder to write to.

    Returns
    -------
    Parts
    """
    network = model.build(torch.device("cpu"))
    # torch documents memory_format but does not declare it
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    smallest = max(_LEAST_SIDE, _LEAST_CELLS * network.stride)
    noisy, denoised = _test_tensors(model, network, smallest)
    parts = Parts(
        weights=folder / "weights.pt",
        traced=folder / "traced.pt",
        architecture=folder / "architecture.py",
        test_input=folder / "test_input.npy",
        test_output=folder / "test_output.npy",
        cover=folder / "cover.png",
        documentation=folder / "README.md",
        attachments=_attachments(model, beside, folder),
        smallest=smallest,
    )
    torch.save(network.state_dict(), parts.weights)
    _graph(network, smallest).save(str(parts.traced))
    parts.architecture.write_text(inspect.getsource(unet) + _FACTORY, "utf-8")
    np.save(parts.test_input, noisy)
    np.save(parts.test_output, denoised)
    parts.documentation.write_text(documentation, "utf-8")
    own = beside / PICTURE_FILE if beside is not None else None
    if own is not None and own.is_file():
        shutil.copyfile(own, parts.cover)
    else:
        before_after(noisy[0, noisy.shape[1] // 2], denoised[0, 0]).save(parts.cover)
    return parts


def _attachments(model: TrainedModel, beside: Path | None, folder: Path) -> tuple[Path, ...]:
    own = folder / MODEL_FILES[model.stage]
    save_model(own, model)
    found = [own]
    for name in _ATTACHED if beside is not None else ():
        assert beside is not None  # there is nothing to look through
        if (beside / name).is_file():
            found.append(folder / name)
            shutil.copyfile(beside / name, folder / name)
    if beside is not None and (beside / CONFIG).is_file():
        found.append(folder / CONFIG)
        config = validate_config(read_config(beside / CONFIG))
        write_json(folder / CONFIG, without_places(config))
    return tuple(found)


def _test_tensors(
    model: TrainedModel, network: FlexibleUNet, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return made images (1, C, side, side) float32 as bright as those of the training, denoised.

    The result is (1, 1, side, side) float32; without averaging over orientations.
    """
    n_slices = network.in_channels
    made = make_sample("stack", shape=(n_slices, side, side)).noisy
    seen = model.normalization.relative_to(0.0)
    scaled = (made - made.mean()) / made.std()
    noisy = seen.denormalize(scaled.astype(np.float32))[None].astype(np.float32)
    with torch.inference_mode():
        prediction = network(torch.from_numpy(seen.normalize(noisy)).contiguous()).numpy()
    return noisy, seen.denormalize(prediction).astype(np.float32)


def _graph(network: FlexibleUNet, side: int) -> torch.jit.ScriptModule:
    """Return the network as a graph that needs none of its source."""
    example = torch.zeros(1, network.in_channels, side, side)
    with warnings.catch_warnings():
        # of branches for other sizes, and of a successor that the format does not know yet
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, example)  # type: ignore[no-untyped-call]
        graph: torch.jit.ScriptModule = torch.jit.script(AnySize(traced, network.stride))
    return graph
