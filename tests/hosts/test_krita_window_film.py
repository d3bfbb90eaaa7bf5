# SPDX-License-Identifier: Apache-2.0
"""An animation in the whole Krita, painted by a trained network: a pan does not flicker, and a cut shows no ghost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hosts.kritas import KritaUser
from scumble.nst import synthetic
from support.flicker import flicker

HEIGHT, WIDTH, PAN, BEFORE, BORDER = 96, 128, 3, 5, 16
"""BEFORE frames of a pan by PAN pixels, and then another scene."""


def scene(seed: int) -> np.ndarray:
    """(HEIGHT, 256, 3) in [0, 1]: overlapping discs."""
    return synthetic.dead_leaves(256, torch.Generator().manual_seed(seed))[:, :HEIGHT].permute(1, 2, 0).numpy()


def bgra(rgb: np.ndarray) -> np.ndarray:
    whole = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    whole[..., :3] = np.rint(rgb[..., ::-1] * 255)
    return whole


@pytest.fixture(scope="module")
def painted(krita_user: KritaUser) -> dict[str, Any]:
    """What Krita reports, and the frames "steady" and "loose", (N, HEIGHT, WIDTH, 4)."""
    pans = [scene(1)[:, PAN * i : PAN * i + WIDTH] for i in range(BEFORE)]
    frames = np.stack([bgra(rgb) for rgb in (*pans, scene(2)[:, :WIDTH])])
    path = krita_user.host.home / "frames.bgra"
    path.write_bytes(frames.tobytes())
    more = {"SCUMBLE_TEST_FRAMES": str(path), "SCUMBLE_TEST_SIZE": f"{WIDTH}x{HEIGHT}"}
    more["SCUMBLE_TEST_ENGINE"] = krita_user.real_engine()
    report: dict[str, Any] = krita_user.any_krita().play("animation:film", **more)["film"]
    assert "error" not in report, report["error"]
    for name in ("steady", "loose"):
        report[f"{name} frames"] = np.frombuffer(path.with_name(f"{name}.bgra").read_bytes(), np.uint8).reshape(frames.shape)
    return report


def test_frames_are_steady_unless_the_painter_wants_them_otherwise(painted: dict[str, Any]) -> None:
    assert painted["menu"]
    for name in ("steady", "loose"):
        layers, status = painted[name]
        assert layers == ["Background", "layer", "The Starry Night 100 %"]
        assert status.startswith("Ready")


def test_a_pan_flickers_at_most_half_as_much(painted: dict[str, Any]) -> None:
    steady, loose = painted["steady frames"], painted["loose frames"]
    np.testing.assert_array_equal(steady[0], loose[0])
    assert flicker(loose[:BEFORE], PAN, BORDER) > 3
    assert flicker(steady[:BEFORE], PAN, BORDER) <= 0.5 * flicker(loose[:BEFORE], PAN, BORDER)


def test_a_cut_shows_no_ghost(painted: dict[str, Any]) -> None:
    steady, loose = (painted[f"{name} frames"][..., :3].astype(float) for name in ("steady", "loose"))
    before, shown, new = steady[BEFORE - 1], steady[BEFORE], loose[BEFORE]
    ghost = ((shown - new) * (before - new)).sum() / np.square(before - new).sum()
    assert ghost <= 0.02
    assert np.abs(shown - new).mean() < 1
