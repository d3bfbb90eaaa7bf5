# SPDX-License-Identifier: Apache-2.0
"""Pictures for small trainings: colours at random, a few pixels wide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def coarse_pictures(folder: Path, count: int, size: tuple[int, int] = (96, 72)) -> Path:
    """`folder`, made, with 0.png, 1.png ... of `size` (width, height)."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(count):
        coarse = random.integers(0, 255, (9, 12, 3), np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder
