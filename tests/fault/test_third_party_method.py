# SPDX-License-Identifier: Apache-2.0
"""A method that somebody else wrote: installed as a package, found by its entry point, run by a real engine over the wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scumble.client.locate import read_connection

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "scumble-posterize"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package installed as pip installs it, offline."""
    folder = tmp_path_factory.mktemp("third-party")
    source = shutil.copytree(EXAMPLE, folder / "source")  # building leaves files behind
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(folder / "site"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def engine(site: Path, user_folders: Path) -> Iterator[None]:
    """An engine that finds the package beside everything that is built in."""
    log = user_folders / "engine.log"
    with open(log, "wb") as f:
        environment = os.environ | {"PYTHONPATH": str(site)}
        process = subprocess.Popen([sys.executable, "-m", "scumble", "serve"], env=environment, stdout=f, stderr=f)
    try:
        deadline = time.monotonic() + 60
        while read_connection() is None:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail("the engine did not end when it was asked to")


def scumble(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scumble", *map(str, arguments), "--no-start"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.usefixtures("engine")
def test_a_package_with_an_entry_point_is_a_method_like_any_other(tmp_path: Path) -> None:
    listed = scumble("methods", "--json")
    assert listed.returncode == 0, listed.stderr
    methods = {method["id"]: method for method in json.loads(listed.stdout)}
    assert {"johnson", "posterize"} <= set(methods), "the built-in methods are still there"
    assert "colours" in {option["name"] for option in methods["posterize"]["options"]}

    rng = np.random.default_rng(0)
    painting = np.kron(rng.integers(0, 8, (4, 4, 3), np.uint8) * 32 + 16, np.ones((16, 16, 1), np.uint8))
    photograph = np.concatenate([rng.integers(0, 255, (90, 70, 3), np.uint8), np.full((90, 70, 1), 255, np.uint8)], 2)
    photograph[:20, :, 3] = 0
    Image.fromarray(painting).save(tmp_path / "Four by four.png")
    Image.fromarray(photograph).save(tmp_path / "photo.png")

    made = ("stylize", tmp_path / "photo.png", "-o", tmp_path / "out.png", "--style-file", tmp_path / "Four by four.png")
    done = scumble(*made, "--method", "posterize", "--option", "colours=5", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"][0]["styles"] == ["four-by-four@1"]
    out = np.asarray(Image.open(tmp_path / "out.png"))
    assert out.shape == photograph.shape
    assert np.array_equal(out[..., 3], photograph[..., 3])
    assert np.array_equal(out[:20], photograph[:20]), "what is transparent stays as it was"
    colours = {tuple(c) for c in out[20:, :, :3].reshape(-1, 3).tolist()}
    assert colours <= {tuple(c) for c in painting.reshape(-1, 3).tolist()}, "nothing but the painting's colours"
    assert 2 <= len(colours) <= 5

    wrong = scumble(*made, "--method", "posterize", "--option", "colours=99")
    assert wrong.returncode == 2
    assert "2 to 64" in wrong.stderr
