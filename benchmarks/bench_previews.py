# SPDX-License-Identifier: Apache-2.0
"""How much the preview of a 24-megapixel picture tells of the result: both brought to one size, in dB.

A host previews a copy of the layer whose longer side has 1024 pixels (some less), with the same request. Gatys is only
reported: its descents go apart from the smallest differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from skimage import data

from benchmarks.figures import Figure
from scumble import pipeline, plugins
from scumble.methods.base import Runtime
from scumble.pixels import AnyPixels
from scumble.resample import Array, resize
from scumble.styles import StyleStore

SIZE = 4000, 6000
SIDES = 1024, 512
METHODS = "johnson", "adain", "gatys"


def bench() -> Iterator[Figure]:
    large = photograph()
    for method in METHODS:
        whole = painted(large, method, {})
        for side in SIDES:
            small = (side * SIZE[0] // SIZE[1], side)
            preview = painted(to_bytes(resize(floats(large), *small)), method, {})
            note = f"a copy of {small[1]} x {small[0]}; {SIZE[0] * SIZE[1] / 1e6:.0f} megapixels, starry-night"
            limit = 26.0 if side == SIDES[0] and method != "gatys" else None
            yield Figure(f"{method}: preview against result", psnr(resize(whole, *small), preview), "dB", limit, True, note)


def photograph() -> AnyPixels:
    """(4000, 6000, 4) uint8: a photograph, enlarged, with grain as a camera's."""
    seen = data.astronaut().astype(np.float32) / 255
    grain = np.random.default_rng(0).standard_normal((*SIZE, 1), np.float32) * 0.03
    return to_bytes(resize(seen[:340], *SIZE) + grain)


def to_bytes(rgb: Array) -> AnyPixels:
    """(H, W, 3) to an opaque (H, W, 4) uint8."""
    opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return np.concatenate([np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8), opaque], 2)


def floats(pixels: AnyPixels) -> Array:
    rgb: Array = pixels[..., :3].astype(np.float32) / np.float32(255)
    return rgb


def painted(pixels: AnyPixels, method: str, options: dict[str, Any]) -> Array:
    """(H, W, 3) in [0, 1]."""
    out = np.empty_like(pixels)
    request = pipeline.Request(plugins.method(method), [(StyleStore().get("starry-night"), 1.0)], 1.0, options, pixels)
    for _ in pipeline.run(request, Runtime(), out):
        pass
    return floats(out)


def psnr(a: Array, b: Array) -> float:
    return float(-10 * np.log10(np.square(a - b).mean()))
