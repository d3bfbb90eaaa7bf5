# SPDX-License-Identifier: Apache-2.0
"""What `scumble evaluate` compares is only read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scumble.cli.app import main
from scumble.cli.exits import Exit


def draw(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 80, 3), np.uint8)).save(path)
    return path


def test_results_never_replace_what_is_compared_nor_go_among_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A photograph that bore an answer's name was replaced, and answers among the photographs were compared the next time."""
    photo, painting = draw(tmp_path / "out/pictures/gatys/a--b.png", 0), draw(tmp_path / "paintings" / "b.png", 1)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").symlink_to(photo)
    before = photo.read_bytes()
    for contents, styles, out, message in (
        (photo, painting, "out", "one of the photographs, would be overwritten"),
        (tmp_path / "photos", painting, "out", "one of the photographs, would be overwritten"),
        (painting, photo.parent, "out", "one of the paintings, would be overwritten"),
        (painting, painting.parent, "paintings/results", "the folder of the paintings"),
    ):
        assert main(["evaluate", str(contents), str(styles), "-o", str(tmp_path / out), "--methods", "gatys"]) == Exit.USAGE
        assert message in " ".join(capsys.readouterr().err.split())
    assert photo.read_bytes() == before
    assert not (tmp_path / "out" / "results.json").exists()
