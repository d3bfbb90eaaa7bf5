# SPDX-License-Identifier: Apache-2.0
"""The sizes at which a picture is optimised, coarse to fine, and what each begins with.

Invariant: a finer size begins with all that a coarser one has found and loses no detail that this could not see.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 96
"""No coarser size has a long side below this: at 96 pixels relu5_1 still sees six cells."""


def level_sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """(height, width) of each level, coarse to fine, the last being the picture's own."""
    sizes = [(height, width)]
    while len(sizes) < levels and max(height, width) >> len(sizes) >= SMALLEST:
        k = 2 ** len(sizes)
        sizes.insert(0, (max(1, round(height / k)), max(1, round(width / k))))
    return sizes


def begin(content: Tensor, content_before: Tensor | None, x: Tensor | None, start: str, seed: int) -> Tensor:
    """What a level begins with, in the shape of its `content` (1, 3, H, W).

    After a coarser level, whose answer is `x` and whose content was `content_before`, that is the content and what was
    changed there, so that details the coarser level could not see are kept; from noise, the answer alone, enlarged. Where
    another method's answer is improved, that is the content here.
    """
    size = (content.shape[2], content.shape[3])
    if x is None:
        if start == "noise":
            noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))
            return (0.5 + 0.2 * noise).to(content.device)
        return content.clone()
    if content_before is None or start == "noise":
        return to_size(x, size)
    return content + to_size(x - content_before, size)


def reduced_to(pixels: int, x: Tensor) -> tuple[int, int]:
    """(height, width) of (1, 3, H, W) with no more than so many pixels, in its proportions."""
    height, width = x.shape[2:]
    ratio = min(1.0, math.sqrt(pixels / (height * width)))
    return max(1, math.floor(height * ratio)), max(1, math.floor(width * ratio))


def to_size(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) at `size`, antialiased where it is smaller."""
    if x.shape[2:] == size:
        return x
    return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)
