"""A model file can claim anything: it is refused in one sentence, and costs no memory."""

from __future__ import annotations

import resource
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from autoStructN2V.datasets.normalization import Normalization
from autoStructN2V.errors import ModelError
from autoStructN2V.inference.trained_model import TrainedModel, load_model, save_model
from autoStructN2V.masking import Kernel
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAPPINGS = ("network", "weights", "normalization", "provenance")
CONFIG = NetworkConfig(features=8, num_layers=1)
STATISTICS = Normalization(1.0, 2.0, 0.0, 3.0, 1.0, 0.5, 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a model file that loads."""
    file = tmp_path / "stage1_model.pth"
    weights = FlexibleUNet(CONFIG).state_dict()
    kernel = Kernel.center_only("2D")
    save_model(file, TrainedModel(CONFIG, weights, STATISTICS, "2D", "n2v", 1, kernel))
    load_model(file)
    return file


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = torch.load(path, weights_only=True)
    edit(content)
    torch.save(content, path)


def refusal(path: Path) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError) as error:
        load_model(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # kB
    assert "\n" not in str(error.value)
    return str(error.value)


def circle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(path, number):
    change(path, lambda content: content["weights"]["head.weight"].fill_(number))
    assert "head.weight holds values that are not finite" in refusal(path)


@pytest.mark.parametrize(
    "kernel",
    [
        torch.zeros(1, 1, 1).expand(1, 99_999, 99_999),
        torch.ones(1, 2, 2),
        torch.ones(2, 3, 3),
        torch.zeros(1, 3, 3),
        torch.ones(3, 3),
        torch.ones(0),
        torch.ones(1, 33, 33),
        "kernel",
        None,
    ],
)
def test_kernels_that_cannot_be(path, kernel):
    change(path, lambda content: content.update(kernel=kernel))
    assert "kernel" in refusal(path)


@pytest.mark.parametrize(
    "weight", [torch.zeros(1).expand(10**10), torch.zeros(8, 1, 3, 3).to_sparse(), 1.0, "w", None]
)
def test_weights_of_absurd_shapes_and_types(path, weight):
    change(path, lambda content: content["weights"].update({"head.weight": weight}))
    refusal(path)


def test_a_network_larger_than_its_weights_is_never_made(path):
    change(path, lambda content: content["network"].update(features=128, num_layers=5))
    assert "do not fit a 2D network of 128 features and 5 layers" in refusal(path)


@pytest.mark.parametrize("value", [circle(), torch.zeros(3), {"a": circle()}, "x" * 20_000_000])
def test_notes_that_cannot_be_written_beside_a_result(path, value):
    change(path, lambda content: content["provenance"].update(images=value))
    refusal(path)


@pytest.mark.parametrize("name", ["mode", "method", "stage", "version", "format", *MAPPINGS])
@pytest.mark.parametrize(
    "value", [torch.zeros(1).expand(10**9), torch.tensor(np.nan), [], {}, 10**30, None]
)
def test_entries_of_any_type(path, name, value):
    if name == "provenance" and isinstance(value, dict):
        pytest.skip("no notes are no flaw")
    change(path, lambda content: content.update({name: value}))
    refusal(path)


def test_statistics_that_are_no_numbers_are_one_line(path):
    change(path, lambda content: content["normalization"].update(mad=torch.ones(2, 2)))
    said = refusal(path)
    assert "hold mad tensor([[1., 1.], [1., 1.]])" in said and "\n" not in said


@pytest.mark.parametrize("inside", ["archive/data.pkl", "archive/data/0"])
def test_what_unpacks_to_more_than_the_file_is_refused(path, inside):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = next(iter(parts)).split("/")[0]
    parts[inside.replace("archive", name)] = bytes(400_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert path.stat().st_size < 1_000_000
    del parts
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("value", ["diagonal", None, [], 3, {}])
def test_stripes_that_there_are_not(path, value):
    change(path, lambda content: content["provenance"].update(remove_stripes=value))
    assert "remove stripes" in refusal(path)
