"""The description of a package in the words of the BioImage Model Zoo."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch

from autoStructN2V.citations import NOISE2VOID, SOFTWARE, STRUCTN2V, UNET

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.citations import Citation
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.exchange.details import PackageDetails
    from autoStructN2V.pipeline.exchange.parts import Parts

_RELATIVE_TOLERANCE = 1e-4
_TOLERANCE = 1e-3  # of the standard deviation of the images: other machines sum in other orders
_SLICES = {
    "2D": ["noisy"],
    "2.5D": ["above", "middle", "below"],
    "2.5D along time": ["before", "middle", "after"],
}
_INPUT, _OUTPUT = "noisy", "denoised"


def description(model: TrainedModel, details: PackageDetails, parts: Parts) -> dict[str, Any]:
    """Return the description of a package.

    Parameters
    ----------
    model : TrainedModel
        What is described.
    details : PackageDetails
        What a person says of it.
    parts : Parts
        Its files.

    Returns
    -------
    dict
        Fields of ``bioimageio.spec.model.v0_5.ModelDescr``.
    """
    return {
        "name": details.name,
        "description": details.description or _description(model),
        "authors": [{"name": author} for author in details.authors],
        "license": details.license,
        "cite": [_cite(one) for one in _citations(model)],
        "git_repo": SOFTWARE.url,
        "tags": ["denoising", "self-supervised", "unet", "pytorch", "noise2void", "2d"],
        "documentation": _file(parts.documentation),
        "covers": [_file(parts.cover)],
        "attachments": [_file(path) for path in parts.attachments],
        "inputs": [_input(model, parts)],
        "outputs": [_output(model, parts)],
        "weights": _weights(model, parts),
        "config": {"bioimageio": _figures(model)},
    }


def documentation(model: TrainedModel, details: PackageDetails) -> str:
    """Return what a person has to know before the model is applied, as Markdown."""
    seen = model.normalization.relative_to(0.0)
    images = ", ".join(map(str, model.provenance.get("images", [])[:3])) or "not recorded"
    overlap = model.build(torch.device("cpu")).receptive_radius
    limits = [f"- {sentence}" for sentence in left_out(model)]
    return "\n".join(
        [
            f"# {details.name}",
            "",
            details.description or _description(model),
            "",
            f"- Trained on: {images}",
            f"- Trained with: napari-autostructn2v {model.provenance.get('version', '')}",
            f"- Kernel: {model.kernel.description.sentence}",
            f"- Intensities of the training images: {seen.low:.5g} to {seen.high:.5g}",
            "",
            "It removes the noise of the instrument and the settings that it was trained on. "
            "Images of another one need a training of their own, which takes minutes.",
            "",
            f"Apply it to whole images; blocks have to overlap by {overlap} pixels on each side.",
            *(["", "## What the package leaves out", "", *limits] if limits else []),
            "",
            "## Validation",
            "",
            "Look at noisy minus denoised: it should look like noise, without structure of the "
            "sample. The attached report has estimates of the error that need no clean images.",
            "",
        ]
    )


def left_out(model: TrainedModel) -> list[str]:
    """Say what this program does with the model and others, which read the package, do not."""
    found = []
    if len(model.symmetries) > 1:
        found.append(
            f"Predictions are not averaged over {len(model.symmetries)} orientations, which "
            "napari-autostructn2v does; results differ a little."
        )
    first = {
        "remove_periodic": "Periodic patterns, offsets of lines and stripes are not taken out",
        "also_remove": "Patterns that were chosen for the training are not taken out",
        "repair_outliers": "Outliers and missing pixels are not filled",
        "align_rows": "Rows that a scanner recorded beside the others are not moved back",
        "evens_slices": "Slices of stacks that bleach are not brought to one brightness",
    }
    found += [
        f"{sentence} first, which napari-autostructn2v does where images have them."
        for name, sentence in first.items()
        if model.provenance.get(name)
    ]
    if model.provenance.get("is_matched"):
        found.append(
            "Images are not normalized each for itself, which napari-autostructn2v does with this "
            "model: images of other intensities than those of the training come out wrong."
        )
    return found


def _description(model: TrainedModel) -> str:
    kind = "structured Noise2Void" if model.stage == 2 else "Noise2Void"
    start = ""
    if model.provenance.get("has_head_start"):
        start = ", beginning with weights that were trained on drawn images"
    return f"Removes noise from microscopy images; trained by {kind} on noisy images alone{start}."


def _citations(model: TrainedModel) -> list[Citation]:
    return [SOFTWARE, NOISE2VOID, *([STRUCTN2V] if model.stage == 2 else []), UNET]


def _file(path: Path) -> dict[str, Any]:
    """Return a file as the format has it, with what tells whether it was changed."""
    with path.open("rb") as file:
        return {"source": path, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _cite(citation: Citation) -> dict[str, str]:
    where = {"doi": citation.doi} if citation.doi else {"url": citation.url}
    return {"text": citation.text, **where}


def _input(model: TrainedModel, parts: Parts) -> dict[str, Any]:
    seen = model.normalization.relative_to(0.0)
    size = {"min": parts.smallest, "step": 1}
    return {
        "id": _INPUT,
        "description": "Noisy images in the intensities of the training",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": _SLICES[model.mode_text]},
            {"type": "space", "id": "y", "size": size},
            {"type": "space", "id": "x", "size": size},
        ],
        "data": {"type": "float32"},
        "test_tensor": _file(parts.test_input),
        # in the order of this program, which loses no digits where the mean is large
        "preprocessing": [
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
            *_linear(1.0, -seen.mean),
            *_linear(1.0 / seen.std, 0.0),
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
        ],
    }


def _linear(gain: float, offset: float) -> list[dict[str, Any]]:
    """Return a linear scaling, unless it changes nothing, which the format refuses."""
    if (gain, offset) == (1.0, 0.0):
        return []
    return [{"id": "scale_linear", "kwargs": {"gain": gain, "offset": offset}}]


def _output(model: TrainedModel, parts: Parts) -> dict[str, Any]:
    seen = model.normalization.relative_to(0.0)
    return {
        "id": _OUTPUT,
        "description": "Denoised images in the intensities of the input",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["denoised"]},
            *(_output_axis(name) for name in ("y", "x")),
        ],
        "data": {"type": "float32"},
        "test_tensor": _file(parts.test_output),
        "postprocessing": [
            *_linear(seen.std, seen.mean),
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},
        ],
    }


def _output_axis(name: str) -> dict[str, Any]:
    # without a halo, for which programs would make up what lies beyond the border of an image
    size = {"tensor_id": _INPUT, "axis_id": name}
    return {"type": "space", "id": name, "size": size}


def _weights(model: TrainedModel, parts: Parts) -> dict[str, Any]:
    version = torch.__version__.partition("+")[0]
    kwargs = {**model.network_config.model_dump(), "in_channels": len(_SLICES[model.mode_text])}
    return {
        "pytorch_state_dict": {
            **_file(parts.weights),
            "pytorch_version": version,
            "architecture": {
                **_file(parts.architecture),
                "callable": "make_network",
                "kwargs": kwargs,
            },
        },
        "torchscript": {
            **_file(parts.traced),
            "pytorch_version": version,
            "parent": "pytorch_state_dict",
        },
    }


def _figures(model: TrainedModel) -> dict[str, Any]:
    tolerance = {
        "relative_tolerance": _RELATIVE_TOLERANCE,
        "absolute_tolerance": _TOLERANCE * model.normalization.std,
    }
    return {
        "task": "denoising",
        "architecture_type": "2D U-Net",
        "model_parameter_count": sum(tensor.numel() for tensor in model.weights.values()),
        "training": {"training_epochs": model.provenance.get("epochs")},
        "reproducibility_tolerance": [tolerance],
        "out_of_scope_use": "Images of another instrument, exposure or kind of noise.",
    }
