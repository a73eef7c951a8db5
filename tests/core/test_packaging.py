"""What is said of the package in several places is the same."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_IN_CONDA = {"lazy_loader": "lazy-loader", "matplotlib": "matplotlib-base", "torch": "pytorch"}


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _recipe() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text("utf-8"))


def _name_and_bounds(requirement: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([\w-]+)\s*(.*)", requirement).groups()
    return _IN_CONDA.get(name, name), bounds


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    project = _project()
    wanted = {_name_and_bounds(each) for each in project["dependencies"]}
    wanted.add(("python", project["requires-python"]))
    assert {_name_and_bounds(each) for each in _recipe()["requirements"]["run"]} == wanted


def test_the_conda_recipe_is_of_this_version_and_starts_the_same_command() -> None:
    project, recipe = _project(), _recipe()
    assert recipe["context"]["version"] == project["version"]
    assert recipe["about"]["license"] == project["license"]
    scripts = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
