# SPDX-License-Identifier: Apache-2.0
"""Render the thumbnails of the shipped styles: one photograph in the manner of each, 128 pixels square.

    python scripts/thumbnails.py

The photograph is scikit-image's cat (Chelsea, CC0); the painting itself never ships.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from skimage import data

from scumble.api.method import Runtime
from scumble.library.places import SHIPPED
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline

SIDE = 128
RENDERED = 3 * SIDE


def main() -> None:
    photograph = Image.fromarray(data.chelsea()).crop((40, 0, 340, 300)).resize((RENDERED, RENDERED), Image.Resampling.LANCZOS)
    pixels = np.asarray(photograph.convert("RGBA"))
    for style in StyleStore().list():
        path = SHIPPED / "styles" / f"{style.id}.png"
        method = next(
            (m for m in registry.methods().values() if path.with_suffix(".json").exists() and m.available(style)), None
        )
        if method is None:
            continue
        out = np.empty_like(pixels)
        for _ in pipeline.run(pipeline.Request(method, [(style, 1.0)], 1.0, {}, pixels), Runtime(), out):
            pass
        Image.fromarray(out).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path, optimize=True)
        print(f"{path.name}  {method.id}")


if __name__ == "__main__":
    main()
