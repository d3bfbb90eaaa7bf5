# SPDX-License-Identifier: Apache-2.0
"""What `pip install` puts into site-packages, by a wheel that is built here, and what an engine installed so can do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", *("out", "dist", "build", "tests", "docs", "gatys"))
"""Also most of the weights: how many files a folder of them has changes nothing."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True, timeout=100)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=installed, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_nothing_but_scumble_is_installed_at_the_top(installed: Path) -> None:
    """A wheel once put `plugin_gimp` and `plugin_krita` beside it, where any program could import them by mistake."""
    assert {p.name for p in installed.iterdir()} == {"scumble", "scumble-0.1.0.dist-info"}


def test_an_installed_engine_has_its_weights_pages_and_photographs(installed: Path) -> None:
    package = installed / "scumble"
    wanted = ("weights/johnson/starry-night.safetensors", "weights/styles/starry-night.json", "methods/johnson/README.md")
    assert all((package / name).is_file() for name in (*wanted, "methods/style_memory/photographs/coffee.jpg"))


@pytest.mark.parametrize(("host", "file"), [("gimp", "scumble.py"), ("krita", "scumble/__init__.py")])
def test_an_installed_engine_installs_the_plug_ins_it_brings(installed: Path, tmp_path: Path, host: str, file: str) -> None:
    where = run(installed, "-c", "import scumble; print(scumble.__file__)").strip()
    assert Path(where).is_relative_to(installed), "not the clone's"
    run(installed, "-m", "scumble", "plugin", "install", host, "--dir", str(tmp_path / "host"))
    ours = [p for p in (tmp_path / "host").rglob(Path(file).name) if p.read_bytes()]
    assert ours
