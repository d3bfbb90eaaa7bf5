# SPDX-License-Identifier: Apache-2.0
"""Render the thumbnails of the shipped styles: one photograph in the manner of each, 128 pixels square.

    python scripts/thumbnails.py PHOTOGRAPH [--crop X Y SIDE] [--method gatys] [--only ID ...]

The photograph should show a face, sky and foliage, so that the manner shows at a glance: a woman in a meadow (Unsplash
licence) was used. Neither it nor a painting ships. Gatys paints them: twenty seconds each on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from scumble.api.method import Runtime
from scumble.library.places import SHIPPED
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline

SIDE = 128
RENDERED = 3 * SIDE
STYLE_WEIGHT = 0.8
"""Of gatys' preset: a face this small is easily lost."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--crop", type=int, nargs=3, metavar=("X", "Y", "SIDE"))
    parser.add_argument("--method", default="gatys")
    parser.add_argument("--only", nargs="*")
    asked = parser.parse_args()
    photograph = Image.open(asked.photograph).convert("RGBA")
    x, y, side = asked.crop or (0, 0, min(photograph.size))
    square = photograph.crop((x, y, x + side, y + side)).resize((RENDERED, RENDERED), Image.Resampling.LANCZOS)
    pixels, method = np.asarray(square), registry.method(asked.method)
    given = {"style_weight": STYLE_WEIGHT} if asked.method == "gatys" else {}
    for style in StyleStore().list():
        path = SHIPPED / "styles" / f"{style.id}.png"
        wanted = asked.only is None or style.id in asked.only
        if not (wanted and path.with_suffix(".json").exists() and method.available(style)):
            continue
        out = np.empty_like(pixels)
        for _ in pipeline.run(pipeline.Request(method, [(style, 1.0)], 1.0, given, pixels), Runtime(), out):
            pass
        Image.fromarray(out).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path, optimize=True)
        print(path.name)


if __name__ == "__main__":
    main()
