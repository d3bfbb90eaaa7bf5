# SPDX-License-Identifier: Apache-2.0
"""What every style paints with every method, as sha256 of a small picture: has a change of the code changed any of them?

    python3 scripts/run.py scripts/digests.py before.json              # paint all, on one thread
    python3 scripts/run.py scripts/digests.py after.json before.json   # and compare; exit status 1 where they differ

Two machines, or two versions of torch, give other digests; on one machine they are the same each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["SCUMBLE_DATA_DIR"] = tempfile.mkdtemp(prefix="digests-")  # styles of the user's stay out of it

import numpy as np
import torch
from numpy.typing import NDArray

from scumble.api.method import Checkpoint, Runtime
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline

HEIGHT, WIDTH = 64, 96
GATYS = {"steps": 4, "levels": 1}
"""After two steps no pixel has changed by a level yet, so that every style would paint the same."""


def picture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """(H, W, 4): shades, edges and a little noise, opaque, the same each time."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [np.sin(9 * x + seed) * 0.3 + y * 0.4, np.cos(7 * y - 3 * x), (x > 0.4 + 0.1 * np.sin(20 * y)) * 0.7]
    rgb = np.stack(planes, 2) * 100 + 110 + random.normal(0, 6, (height, width, 3))
    return np.dstack([rgb.clip(0, 255), np.full((height, width), 255)]).astype(np.uint8)


def paint(method: str, styles: list[tuple[Any, float]], options: dict[str, Any] | None = None, **more: Any) -> str:
    """The digest of a picture painted."""
    pixels = picture(HEIGHT, WIDTH, 1)
    out = np.zeros_like(pixels)
    given = (GATYS if method == "gatys" else {}) | (options or {})
    strength = more.pop("strength", 1.0)
    request = pipeline.Request(registry.method(method), styles, strength, given, pixels, "rgba", **more)
    for _ in pipeline.run(request, Runtime(tile=32), out):
        pass
    return hashlib.sha256(out.tobytes()).hexdigest()


def shipped(store: StyleStore) -> Iterator[tuple[str, str]]:
    """Every style that ships, with every method that can paint it."""
    for name, method in registry.methods().items():
        digests = {style.id: paint(name, [(style, 1.0)]) for style in store.list() if method.available(style)}
        assert len(set(digests.values())) == len(digests), f"several styles of {name} paint the same"
        yield from ((f"{name}/{style}", digest) for style, digest in digests.items())


def mixed(store: StyleStore) -> Iterator[tuple[str, str]]:
    """Digests of strength, mixtures, masks, selections, colours, a style of the user's, and methods' own options."""
    own = store.put("A painting", picture(320, 400, 5)[..., :3])
    masks = np.zeros((HEIGHT, WIDTH, 2), np.uint8)
    masks[:, :60, 0], masks[:, 40:, 1] = 255, 200
    layer = pipeline.Context(picture(128, 192, 3), 24, 32, 192, 128)
    for name, method in registry.methods().items():
        a, b = [style for style in store.list() if not style.own and method.available(style)][:2]
        yield f"{name}: strength 0.5", paint(name, [(a, 1.0)], strength=0.5)
        yield f"{name}: masks", paint(name, [(a, 1.0), (b, 1.0)], masks=masks)
        yield f"{name}: of a layer", paint(name, [(a, 1.0)], context=layer)
        yield f"{name}: every pixel", paint(name, [(a, 1.0)], {"scale": "full", "keep_colours": "coral"})
        if method.capabilities.blend:
            yield f"{name}: mixture", paint(name, [(a, 0.3), (b, 0.7)])
        if method.capabilities.arbitrary:
            yield f"{name}: a picture of the user's", paint(name, [(own, 1.0)])
    a, b = store.get("starry-night"), store.get(own.id)
    yield "memory: polished", paint("memory", [(a, 0.6), (b, 0.4)], {"polish": 3}, strength=0.8)
    yield "memory: polished by masks", paint("memory", [(a, 1.0), (b, 1.0)], {"polish": 2}, masks=masks, context=layer)
    yield "gatys: fast", paint("gatys", [(a, 1.0)], {"start": "fast"})
    yield "gatys: code", paint("gatys", [(b, 1.0)], {"preset": "code", "optimiser": "adam"})
    yield "gatys: paper", paint("gatys", [(b, 1.0)], {"preset": "paper", "levels": 2})
    yield "adain: style_scale", paint("adain", [(b, 1.0)], {"style_scale": 0.5})


def refined(store: StyleStore) -> Iterator[tuple[str, str]]:
    """The digest of a style's refinement after its first step."""
    memory: Any = registry.method("memory")
    user = picture(300, 300, 7)[..., :3].astype(np.float32) / np.float32(255)
    for event in memory.refine(store.get("a-painting"), [user], Runtime()):
        if isinstance(event, Checkpoint):
            arrays = sorted(event.arrays.items())
            yield "memory: refined", hashlib.sha256(b"".join(k.encode() + v.tobytes() for k, v in arrays)).hexdigest()
            return


def main(target: Path, before: Path | None = None) -> int:
    """Paint, write, and compare."""
    torch.set_num_threads(1)
    began, digests, store = time.monotonic(), {}, StyleStore()
    for part in (shipped, mixed, refined):
        digests |= dict(part(store))
    target.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    print(f"{len(digests)} pictures in {time.monotonic() - began:.0f} s")
    if before is None:
        return 0
    known = json.loads(before.read_text(encoding="utf-8"))
    other = sorted(name for name in known.keys() | digests.keys() if known.get(name) != digests.get(name))
    print("\n".join(other) or "all as before")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main(*(Path(argument) for argument in sys.argv[1:])))
