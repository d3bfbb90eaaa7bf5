# SPDX-License-Identifier: Apache-2.0
"""How much the preview of a 24-megapixel picture tells of the result, and how little a selection changes it, for each method.

Preview: a host previews a copy of the layer whose longer side has 1024 pixels (some less), with the same request; both are
brought to one size and compared in dB. With the picture it sends a method that descends the copy that it previewed.
Selection: one area of a layer of 1.6 megapixels, selected tightly and loosely, each with what hosts send around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from skimage import data

from benchmarks.figures import Figure
from scumble.api.method import Method, Runtime
from scumble.client.desk.margins import margin
from scumble.image.pixels import AnyPixels
from scumble.image.resample import Array, resize
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.pipeline import Context

SIZE = 4000, 6000
SIDES = 1024, 512
LAYER = 1024, 1536
TIGHT, LOOSE = (400, 700, 224, 224), (250, 450, 500, 700)
"""y, x, height, width."""


def bench() -> Iterator[Figure]:
    large = photograph()
    for method in registry.methods().values():
        yield from previews(method, large)
        yield selections(method, to_bytes(resize(floats(large), *LAYER)))


def previews(method: Method, large: AnyPixels) -> Iterator[Figure]:
    descends = method.capabilities.iterative
    copies = {side: to_bytes(resize(floats(large), side * SIZE[0] // SIZE[1], side)) for side in SIDES}
    sent = Context(copies[SIDES[0]], 0, 0, SIZE[1], SIZE[0]) if descends else None
    whole = painted(method, large, sent)
    for side, copy in copies.items():
        preview = painted(method, copy)
        note = f"a copy of {copy.shape[1]} x {copy.shape[0]}; {SIZE[0] * SIZE[1] / 1e6:.0f} megapixels, starry-night"
        limit = 26.0 if side == SIDES[0] else None
        value = psnr(resize(whole, *copy.shape[:2]), preview)
        yield Figure(f"{method.id}: preview against result", value, "dB", limit, True, note)


def selections(method: Method, layer: AnyPixels) -> Figure:
    """The largest difference in the tight selection."""
    small = to_bytes(resize(floats(layer), round(1024 * LAYER[0] / LAYER[1]), 1024))
    around = margin(LAYER[1], LAYER[0], 1.0)
    crops = []
    for y, x, height, width in (TIGHT, LOOSE):
        top, left, bottom, right = (
            max(0, y - around),
            max(0, x - around),
            min(LAYER[0], y + height + around),
            min(LAYER[1], x + width + around),
        )
        rgb = painted(method, layer[top:bottom, left:right], Context(small, left, top, LAYER[1], LAYER[0]))
        y, x, height, width = TIGHT
        crops.append(rgb[y - top : y - top + height, x - left : x - left + width])
    apart = 255 * np.abs(crops[0] - crops[1])
    note = f"{(apart <= 2).mean():.4%} of all values within 2"
    return Figure(f"{method.id}: tight against loose selection", float(apart.max()), "of 255", 2.0, note=note)


def photograph() -> AnyPixels:
    """(4000, 6000, 4) uint8: a photograph, enlarged, with grain as a camera's."""
    small = data.astronaut().astype(np.float32) / 255
    grain = np.random.default_rng(0).standard_normal((*SIZE, 1), np.float32) * 0.03
    return to_bytes(resize(small[:340], *SIZE) + grain)


def to_bytes(rgb: Array) -> AnyPixels:
    """(H, W, 3) to an opaque (H, W, 4) uint8."""
    opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return np.concatenate([np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8), opaque], 2)


def floats(pixels: AnyPixels) -> Array:
    rgb: Array = pixels[..., :3].astype(np.float32) / np.float32(255)
    return rgb


def painted(method: Method, pixels: AnyPixels, context: Context | None = None, **options: Any) -> Array:
    """(H, W, 3) in [0, 1]."""
    out = np.empty_like(pixels)
    request = pipeline.Request(method, [(StyleStore().get("starry-night"), 1.0)], 1.0, options, pixels, context=context)
    for _ in pipeline.run(request, Runtime(), out):
        pass
    return floats(out)


def psnr(a: Array, b: Array) -> float:
    return float(-10 * np.log10(np.square(a - b).mean()))
