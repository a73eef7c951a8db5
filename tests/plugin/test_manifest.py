# The manifest is what napari reads at start-up: it must be found in an installed package, every
# command must exist, and reading it must cost nothing.

import subprocess
import sys

import numpy as np
import pytest
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-autostructn2v")


def test_installed_manifest_lists_samples(manifest: PluginManifest) -> None:
    assert manifest.display_name == "autoStructN2V"
    assert len(manifest.contributions.sample_data) == 6


def test_every_command_gives_a_noisy_layer_and_its_truth(manifest: PluginManifest) -> None:
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    for sample in manifest.contributions.sample_data:
        layers = import_python_name(commands[sample.command])()
        (clean, clean_options, _), (noisy, options, kind) = layers
        assert kind == "image" and noisy.shape == clean.shape and noisy.ndim == 3
        assert options["name"] != clean_options["name"]
        assert 0.05 < np.std(noisy - clean) < 0.2


def test_start_up_does_not_import_torch() -> None:
    code = "import sys, napari_autostructn2v.sample_data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
