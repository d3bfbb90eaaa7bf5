# SPDX-License-Identifier: Apache-2.0
"""Pictures by chance, as tests give them to methods, to the engine and to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scumble.api.method import Pixels


def picture(height: int = 64, width: int = 48, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    """Opaque noise (H, W, 4)."""
    values = np.random.default_rng(seed).random((height, width, 4))
    values[..., 3] = 1
    return levels(values, dtype)


def layer(height: int, width: int, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    """Noise (H, W, 4); a third of its pixels hidden, a third half there."""
    random = np.random.default_rng(seed)
    values = random.random((height, width, 4))
    values[..., 3] = random.choice([0, 0.5, 1], (height, width))
    return levels(values, dtype)


def levels(values: Any, dtype: Any) -> np.ndarray:
    """Values in [0, 1] as `dtype` has them."""
    if np.dtype(dtype).kind == "u":
        return np.rint(np.asarray(values) * np.iinfo(dtype).max).astype(dtype)
    return np.asarray(values, dtype)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    """(H, W, 3) in [0, 1), every pixel for itself."""
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def patches(height: int = 48, width: int = 64, seed: int = 0) -> Pixels:
    """(H, W, 3) in [0, 1]: six rows of eight colours that run into each other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


def noise_file(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    """`path`, with noise of `size` (width, height)."""
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path)
    return path
