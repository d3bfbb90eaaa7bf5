# SPDX-License-Identifier: Apache-2.0
"""What Gatys' default takes at 512 px beside a VGG-16 of full width, and how a picture of quality "best" gets better.

Time: the method itself with the same preset and steps through both networks, each in a process of its own, whose memory is read
at its end. Quality: the style memory's answer to a painting that it has not met, and what 10, 30 and 60 seconds of descent make
of it, judged by the complete VGG-16. Pictures and networks are those of shared/ beside the clone, or of the folder that
SCUMBLE_SHARED names; without the complete VGG-16 one of the same size with random weights is timed, and nothing is judged.
SCUMBLE_BENCH_SIDE, SCUMBLE_BENCH_STEPS and SCUMBLE_BENCH_SECONDS make a short trial of it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from skimage import data

from benchmarks.comparison.speed import peak_memory
from benchmarks.figures import Figure, median
from scumble.api.method import Pixels, Preview, Runtime
from scumble.evaluate.contenders import Painting, painter
from scumble.evaluate.contest import at_scale_of, read_paintings
from scumble.evaluate.judges import lpips_judge, vgg16_judge
from scumble.evaluate.panel import Panel, panel
from scumble.methods import registry
from scumble.methods.gatys.method import Gatys
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.tensors import to_tensor
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS
from scumble.painting import pipeline
from scumble.painting.progressive import Effort
from scumble.training.teachers import FILES, load_complete

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SCUMBLE_SHARED", ROOT.parent / "shared"))
SIDE = int(os.environ.get("SCUMBLE_BENCH_SIDE", "512"))
"""Of the picture, in pixels."""
STEPS = int(os.environ.get("SCUMBLE_BENCH_STEPS", "0"))
"""At each size; 0 is the preset's."""
PAINTING = "mansion"
"""Part of the id of a painting of the test split."""
SECONDS = tuple(float(s) for s in os.environ.get("SCUMBLE_BENCH_SECONDS", "10 30 60").split())
FASTER, FIRST = 3.0, 1.2
"""How many times as long the full network takes at least, and the first picture of a job with a quality at most, in times of
the feed-forward method alone."""
REPEATS = 3
FALLS = 1e-4
"""Of the style loss, at least, between two pictures."""


def bench() -> Iterator[Figure]:
    seconds = {}
    for network in ("half", "vgg16"):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.bench_quality", network], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        figures = json.loads(done.stdout.splitlines()[-1])
        seconds[network] = figures["seconds"]
        memory, steps = f"{figures['memory'] / 1e9:.2f} GB", figures["steps"] or "the preset"
        note = f"peak memory {memory}, {figures['threads']} threads, {steps}'s steps"
        yield Figure(f"gatys at {SIDE} px through {network}", figures["seconds"], "s", note=note)
    yield Figure("vgg16 against half", seconds["vgg16"] / seconds["half"], "x", FASTER, True)
    if not (SHARED / "images").is_dir():
        yield Figure("quality", math.nan, "", note=f"left out: there are no pictures in {SHARED}; SCUMBLE_SHARED names them")
        return
    yield from qualities(painting(), judges())


def qualities(style: Painting, judged: Panel | None) -> Iterator[Figure]:
    """Seconds to the first picture, and the style loss of what there is after so many seconds more."""
    painted(style, Effort())  # networks are read
    alone = median([painted(style, Effort())[1] for _ in range(REPEATS)])
    first = median([painted(style, Effort("best", seconds=0.0))[1] for _ in range(REPEATS)])
    yield Figure("the feed-forward answer alone", alone, "s", note=f"median of {REPEATS}")
    yield Figure("first picture of quality best", first / alone, "x", FIRST, note=f"{first:.2f} s, median of {REPEATS}")
    before = math.inf
    for seconds in (0.0, *SECONDS):
        rgb, _ = painted(style, Effort("best", seconds=seconds) if seconds else Effort())
        if judged is None:
            continue
        loss = judged.judged(to_tensor(rgb))["vgg16"]["style"]
        limit, note = None if math.isinf(before) else before - FALLS, f"LPIPS {judged.distance(to_tensor(rgb)):.3f}"
        yield Figure(f"style {seconds:g} s after the first picture", loss, "", limit, note=note)
        before = loss


def painted(style: Painting, effort: Effort) -> tuple[Pixels, float]:
    """The result, and the seconds to the first picture that was there to look at."""
    pixels = opaque()
    out = np.empty_like(pixels)
    request = pipeline.Request(registry.method("memory"), [(style, 1.0)], 1.0, {}, pixels, previews=True, effort=effort)
    begun, first = time.perf_counter(), math.nan
    for event in pipeline.run(request, Runtime(), out):
        if isinstance(event, Preview) and math.isnan(first):
            first = time.perf_counter() - begun
    if math.isnan(first):
        first = time.perf_counter() - begun
    return out[..., :3].astype(np.float32) / np.float32(255), first


def opaque() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Scikit-image's portrait, (SIDE, SIDE, 4)."""
    return np.array(Image.fromarray(data.astronaut()).resize((SIDE, SIDE)).convert("RGBA"))


def painting() -> Painting:
    """A painting that no training saw."""
    return next(p for p in read_paintings(SHARED / "images" / "paintings", SIDE, "test", None) if PAINTING in p.id)


def judges() -> Panel | None:
    """The complete VGG-16 and LPIPS; None where they are missing."""
    folder = str(SHARED / "perceptual")
    lpips = lpips_judge(folder) if Path(folder).is_dir() else None
    if lpips is None:
        return None
    photograph = opaque()[..., :3].astype(np.float32) / np.float32(255)
    style = to_tensor(at_scale_of(painting().pixels, photograph))
    return panel([vgg16_judge(folder)], lpips, to_tensor(photograph), style)


def alone(network: Literal["half", "vgg16"]) -> None:
    """Paint once through one network and print the seconds and the most memory that this process had."""
    photograph = opaque()[..., :3].astype(np.float32) / np.float32(255)
    paint = painter(Gatys(load), {"network": network, "steps": STEPS}, Runtime())
    seconds = paint(photograph, Painting("own", "", photograph[:, ::-1].copy())).seconds
    print(json.dumps({"seconds": seconds, "memory": peak_memory(), "threads": torch.get_num_threads(), "steps": STEPS}))


def load(network: Network, pooling: Literal["max", "average"]) -> VGG:
    """The complete VGG-16 of the folder; where there is none, one of its size, which takes as long."""
    if network != "vgg16":
        return load_perceptual(network, pooling)
    folder = SHARED / "perceptual"
    if any(folder.glob(FILES)):
        return load_complete(str(folder))
    return VGG(DEPTHS["vgg16"], WIDTHS["vgg16"]).requires_grad_(False).eval()


if __name__ == "__main__":
    alone("vgg16" if sys.argv[1] == "vgg16" else "half")
