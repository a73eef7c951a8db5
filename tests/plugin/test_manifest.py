# The manifest is what napari reads at start-up: it must be found in an installed package, every
# command must exist, and reading it must cost nothing.

import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import napari.settings
import numpy as np
import pytest
from npe2 import PluginManifest
from npe2.manifest.contributions import ContributionPoints
from npe2.manifest.utils import import_python_name

from autoStructN2V.pipeline import PresetName
from autoStructN2V.vocabulary import DeviceName
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.settings import _preferences, first_config


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
    # what napari does: it finds the manifests and builds its menus and the samples from them
    code = """
import sys
import napari_autostructn2v.sample_data
from npe2 import PluginManager
manager = PluginManager.instance()
manager.discover()
assert 'napari-autostructn2v' in [manifest.name for manifest in manager.iter_manifests()]
sys.exit('torch' in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_window_with_a_sample_costs_no_torch() -> None:
    code = """
import sys
import napari
viewer = napari.Viewer(show=False)
viewer.open_sample('napari-autostructn2v', 'horizontal_lines')
assert len(viewer.layers) == 2
docks = [name for name in sys.modules if name.startswith('napari_autostructn2v.')]
assert docks == ['napari_autostructn2v.sample_data'], docks
sys.exit('torch' in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_four_docks_are_contributed_and_found_under_layers_filter(
    manifest: PluginManifest,
) -> None:
    widgets = manifest.contributions.widgets
    assert [widget.display_name for widget in widgets] == list(DockName)
    in_menu = {item.command for item in manifest.contributions.menus["autostructn2v_filter"]}
    assert {widget.command for widget in widgets} < in_menu
    submenus = [item.submenu for item in manifest.contributions.menus["napari/layers/filter"]]
    assert submenus == ["autostructn2v_filter"]


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    for command in manifest.contributions.commands:
        assert callable(import_python_name(command.python_name)), command.id


def test_the_icon_is_in_the_package(manifest: PluginManifest) -> None:
    package, name = manifest.icon.split(":")
    assert files(package).joinpath(name).read_text().startswith("<svg")


@pytest.mark.skipif(
    "configurations" not in ContributionPoints.model_fields,
    reason="npe2 has preferences of plugins since 0.10",
)
@pytest.mark.parametrize(("setting", "allowed"), [("preset", PresetName), ("device", DeviceName)])
def test_settings_offer_what_the_configuration_allows(
    manifest: PluginManifest, setting: str, allowed: Any
) -> None:
    (settings,) = manifest.contributions.configurations.values()
    assert settings.properties[setting].enum == list(get_args(allowed))


def test_a_session_starts_with_what_was_set_in_the_preferences(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = {"preset": "high_quality", "device": "abacus", "output_folder": str(tmp_path)}
    monkeypatch.setattr("napari_autostructn2v.session.settings._preferences", lambda: wanted)
    assert first_config() == {"preset": "high_quality", "output_dir": tmp_path}


@pytest.mark.skipif(
    not hasattr(napari.settings, "get_plugin_settings"), reason="napari has them since 0.9"
)
def test_napari_reads_the_settings() -> None:
    assert first_config()["preset"] == "fast"
    assert _preferences()["device"] == "auto"
