"""Trained models as files.

One file holds everything that is needed to denoise new data on another computer: network
parameters and weights, intensity statistics, mode, kernel, and how the model was made. Files are
read with ``weights_only=True``, so that a hostile one cannot run code.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch

from autoStructN2V.datasets.normalization import Normalization
from autoStructN2V.errors import KernelError, ModelError, UserError
from autoStructN2V.inference.hostile_files import (
    damaged,
    fits,
    read_mapped,
    read_plain,
    require_finite,
    require_kernel,
    require_plain,
)
from autoStructN2V.inference.packaged import is_package, unpacked
from autoStructN2V.inference.tensor_files import save_tensors
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.patterns.fourier.choices import PatternEdits
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.symmetry import SYMMETRIES, Symmetry
from autoStructN2V.vocabulary import Method, TripletsAlong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from autoStructN2V.vocabulary import Mode

_FORMAT = "autoStructN2V model"
_VERSION = 1


@dataclass(frozen=True)
class TrainedModel:
    """A trained network with all that is needed to apply it.

    Attributes
    ----------
    network_config : NetworkConfig
    weights : dict of Tensor
        State of the network.
    normalization : Normalization
        Intensity statistics of the training data.
    mode : {"2D", "2.5D"}
    method : {"n2v", "autostructn2v"}
    stage : {1, 2}
    kernel : Kernel
        Kernel it was trained with.
    average_turns : bool
        Whether to denoise in all orientations that leave the kernel unchanged, and average.
    grid_share : float
        Rows and columns of the grid that images are denoised on, relative to those they have.
    provenance : dict
        How it was made: training data, date, losses, versions; plain values only.
    triplets_along : {"z", "time"}
        What the triplets of 2.5D follow each other along.
    """

    network_config: NetworkConfig
    weights: dict[str, Tensor]
    normalization: Normalization
    mode: Mode
    method: Method
    stage: int
    kernel: Kernel
    provenance: dict[str, Any] = field(default_factory=dict)
    average_turns: bool = False
    grid_share: float = 1.0
    triplets_along: TripletsAlong = "z"

    @property
    def is_along_time(self) -> bool:
        """Whether the network sees a frame of a movie with the ones before and after it."""
        return self.mode == "2.5D" and self.triplets_along == "time"

    @property
    def mode_text(self) -> str:
        """The mode in words, which names time where triplets are along it."""
        return f"{self.mode} along time" if self.is_along_time else self.mode

    @property
    def stage_in_names(self) -> int | None:
        """The stage that names of results tell; None for N2V, which has no stages."""
        return None if self.method == "n2v" else self.stage

    @property
    def pattern_edits(self) -> PatternEdits:
        """What a person wanted removed, or left in, otherwise than it is found."""
        names = ("also_remove", "keep_patterns")  # unknown to older models
        return PatternEdits.read(*(str(self.provenance.get(name, "")) for name in names))

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """Orientations in which to denoise; four at most, which gains nearly as much as eight."""
        return self.kernel.symmetries[:4] if self.average_turns else SYMMETRIES[:1]

    @property
    def digest(self) -> str:
        """What tells its results from those of others, in few letters."""
        found = hashlib.sha256(repr((self.normalization.to_dict(), self.grid_share)).encode())
        found.update(self.kernel.cells.tobytes())
        for name, weight in sorted(self.weights.items()):
            found.update(name.encode())
            found.update(weight.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def build(self, device: torch.device) -> FlexibleUNet:
        """Return the network on ``device``, ready to predict.

        Raises
        ------
        ModelError
            When the weights do not fit the network parameters.
        """
        self.require_fit()
        network = FlexibleUNet(self.network_config, self._n_channels)
        network.load_state_dict(self.weights)
        return network.placed_on(device).eval()

    def require_fit(self) -> None:
        """Make sure that the weights are those of the network.

        Raises
        ------
        ModelError
            When they are not.
        """
        c = self.network_config
        if not fits(self.weights, c, self._n_channels):
            raise ModelError(
                f"The weights do not fit a {self.mode} network of {c.features} features and "
                f"{c.num_layers} layers; model and configuration belong to different trainings, "
                "choose files of the same training."
            )

    @property
    def _n_channels(self) -> int:
        return 3 if self.mode == "2.5D" else 1


def save_model(path: Path, model: TrainedModel) -> None:
    """Write a model to a .pth file, atomically.

    Raises
    ------
    OutputError
        When the file cannot be written; nothing half-written remains.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "network": model.network_config.model_dump(),
        "weights": {name: tensor.detach().cpu() for name, tensor in model.weights.items()},
        "normalization": model.normalization.to_dict(),
        "mode": model.mode,
        "method": model.method,
        "stage": model.stage,
        "kernel": torch.from_numpy(model.kernel.cells.copy()),
        "provenance": model.provenance,
        "average_turns": model.average_turns,
        "grid_share": model.grid_share,
        "triplets_along": model.triplets_along,
    }
    save_tensors(path, content)


def load_model(path: Path | str) -> TrainedModel:
    """Read a model from a .pth file, or from a package (.zip) that was exported.

    Raises
    ------
    ModelError
        When the file is missing, damaged, not a model of this program, or tries to run code.
    """
    path = Path(path)
    if is_package(path):
        with unpacked(path) as file:
            return _loaded(file, path)
    return _loaded(path, path)


def _loaded(file: Path, path: Path) -> TrainedModel:
    """Read a model from a file, which may be a copy of what lies in the one that errors name."""
    with _telling_damage(path):
        model = _parse(_read(file, path, plainly=read_plain), path)
        model.require_fit()
        require_finite(model.weights)
    return model


def load_description(path: Path | str) -> TrainedModel:
    """Read all that a .pth file says of its model but the weights; takes about a millisecond.

    Parameters
    ----------
    path : path-like
        A .pth file of a training.

    Returns
    -------
    TrainedModel
        Without weights: it can be described and compared, and is refused where it is applied.

    Raises
    ------
    ModelError
        When the file is missing, damaged, not a model of this program, or tries to run code. That
        its weights are whole is known only when it is loaded.
    """
    path = Path(path)
    with _telling_damage(path):
        return replace(_parse(_read(path, path, plainly=read_mapped), path), weights={})


@contextmanager
def _telling_damage(path: Path) -> Iterator[None]:
    """Say in one sentence of a file whose values cannot be those of a model that it is damaged."""
    try:
        yield
    except KernelError as error:
        raise damaged(path, error) from error
    except UserError:
        raise
    except Exception as error:
        # values of any type can be in a file, and fail in ways of their own
        raise damaged(path, error) from error


def _parse(content: Mapping[str, Any], path: Path) -> TrainedModel:
    """Make a model of what its file holds; the weights are taken over unseen."""
    _require_format(content, path)
    allowed_values = {"mode": ("2D", "2.5D"), "method": get_args(Method), "stage": (1, 2)}
    for name, allowed in allowed_values.items():
        if not isinstance(content[name], str | int) or content[name] not in allowed:
            raise ValueError(f"{name} is {content[name]!r:.50}")
    for name in ("network", "weights", "normalization", "provenance"):
        if not isinstance(content[name], Mapping):
            raise ValueError(f"{name} holds no entries by name")
    require_kernel(content["kernel"])
    require_plain(content["provenance"])
    along = content.get("triplets_along", "z")
    if along not in get_args(TripletsAlong):
        raise ValueError(f"triplets_along is {along!r:.50}")
    share = float(content.get("grid_share", 1.0))
    return TrainedModel(
        network_config=NetworkConfig.model_validate(content["network"]),
        weights=dict(content["weights"]),
        normalization=Normalization.from_dict(content["normalization"]),
        mode=content["mode"],
        method=content["method"],
        stage=int(content["stage"]),
        kernel=Kernel(content["kernel"].numpy(), share),
        provenance=dict(content["provenance"]),
        average_turns=bool(content.get("average_turns", False)),
        grid_share=share,
        triplets_along=along,
    )


def _require_format(content: Mapping[str, Any], path: Path) -> None:
    if content.get("format") != _FORMAT:
        raise ModelError(
            f"{path} is not a model of autoStructN2V; choose stage1_model.pth or "
            "stage2_model.pth of a training."
        )
    version = content.get("version")
    if not isinstance(version, int) or version != _VERSION:
        raise ModelError(
            f"{path} has model format {version!s:.20}, this version reads "
            f"{_VERSION}; update napari-autostructn2v."
        )


def _read(file: Path, path: Path, plainly: Callable[[Path], Any]) -> Mapping[str, Any]:
    try:
        content = plainly(file)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; choose a .pth file of a training.") from error
    except Exception as error:  # damaged bytes make torch raise nearly anything
        said = str(error).lower()
        is_code = "unsupported global" in said or "unrecognized function" in said
        if isinstance(error, pickle.UnpicklingError) and is_code:
            raise ModelError(
                f"{path} holds something other than a plain model and could run code when opened, "
                "so it was refused; use only models from people you trust."
            ) from error
        raise ModelError(
            f"{path} is damaged or not a model file; train again or use a copy."
        ) from error
    return content if isinstance(content, Mapping) else {}
