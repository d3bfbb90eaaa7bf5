# SPDX-License-Identifier: Apache-2.0
"""Gatys' method on small pictures: pictures of waves, a style, and what the method makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from scumble.api.method import Content, Event, Pixels, Runtime, Weighted
from scumble.methods.gatys.method import Gatys
from scumble.methods.gatys.presets import Options
from support.painted import Painted, result_of


def waves(height: int, width: int, seed: int = 0) -> Pixels:
    """A smooth picture of coloured waves."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    f, p = np.random.default_rng(seed).uniform(0.05, 0.6, (2, 3, 2)).astype(np.float32)
    return np.stack([0.5 + 0.4 * np.sin(a * x + b * y + 9 * c) for (a, b), (c, _) in zip(f, p, strict=True)], -1)


PAINTING = Painted("painted", waves(40, 48, 1))
QUICK = Options(steps=6)


def events(content: Content, options: Options = QUICK, *styles: Painted) -> list[Event]:
    method, runtime, styles = Gatys(), Runtime(), styles or (PAINTING,)
    states = [Weighted(method.prepare(s, options, runtime), 1 / len(styles)) for s in styles]
    return list(method.run(content, states, options, runtime))


def result(*given: Any) -> Pixels:
    return result_of(events(*given))


def tensor(rgb: Pixels) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].contiguous()
