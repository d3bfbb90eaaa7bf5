# SPDX-License-Identifier: Apache-2.0
"""scripts/train_flagship.py: pictures packed small, and a training of as many steps as fit."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.library.places import SHIPPED, shared_path
from scumble.library.weights import load_card
from scumble.methods.style_memory import train as memory

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_flagship", ROOT / "scripts" / "train_flagship.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Photographs and paintings, the first of each for testing; one painting is of a style that ships."""
    random = np.random.default_rng(0)
    for kind in ("photos", "paintings"):
        (tmp_path / kind).mkdir()
        with open(tmp_path / kind / "manifest.csv", "w", newline="", encoding="utf-8") as f:
            rows = csv.writer(f)
            rows.writerow(["file", "split", "title"])
            for i in range(4):
                name = "Vincent-van-Gogh_The-Starry-Night.jpg" if (kind, i) == ("paintings", 1) else f"{i}.png"
                pixels = random.integers(0, 255, (30, 40, 3), np.uint8).repeat(16, 0).repeat(16, 1)
                Image.fromarray(pixels).save(tmp_path / kind / name)
                rows.writerow([name, "test" if i == 0 else "train", f"No. {i}"])
    return tmp_path / "photos", tmp_path / "paintings"


def test_a_pack_is_as_small_as_asked_and_holds_no_picture_of_the_test_split(
    script: ModuleType, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    large = script.pack(*folders, tmp_path / "large", None, 60)
    size = sum(file.stat().st_size for file in (tmp_path / "large").rglob("*.jpg"))
    small = script.pack(*folders, tmp_path / "small", None, 0.6 * size / 1e6)
    assert 224 <= small < large == 448
    assert sum(file.stat().st_size for file in (tmp_path / "small").rglob("*")) <= 0.6 * size + 5000
    assert sorted(file.name for file in (tmp_path / "small" / "photographs").glob("*.jpg")) == ["1.jpg", "2.jpg", "3.jpg"]
    with pytest.raises(ScumbleError, match="do not fit"):
        script.pack(*folders, tmp_path / "none", None, 0.01)


@pytest.mark.usefixtures("small_paintings")
@pytest.mark.timeout(600)
def test_it_trains_from_a_pack_and_writes_networks_and_rows(
    script: ModuleType, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCUMBLE_TRAIN_DIR", str(tmp_path / "runs"))
    monkeypatch.setattr(memory, "_sheet", lambda *_: torch.zeros(3, 8, 8))
    script.pack(*folders, tmp_path / "pack", None, 60)
    steps = script.train(tmp_path / "pack", tmp_path / "out", 0.0, shared_path(SHIPPED, "memory"), batch=2, crop=32, timed=2)
    card = load_card(tmp_path / "out" / "memory" / "shared.safetensors")
    assert steps == card["training"]["steps"] == 2
    assert (tmp_path / "out" / "memory" / "starry-night.safetensors").is_file()
