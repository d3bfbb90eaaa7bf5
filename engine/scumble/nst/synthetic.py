# SPDX-License-Identifier: Apache-2.0
"""Generated pictures, to train on beside photographs: smooth shades, dead leaves, and 1/f noise.

Invariant: the same generator gives the same pictures. All are (3, size, size) float32 in [0, 1].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def picture(size: int, generator: torch.Generator) -> Tensor:
    """A picture of one of the three kinds, at random."""
    kinds = (shades, dead_leaves, noise)
    return kinds[int(torch.randint(len(kinds), (), generator=generator))](size, generator)


def shades(size: int, generator: torch.Generator) -> Tensor:
    """A sky: colours of a coarse grid, smoothly joined. What is flat must stay without a lattice."""
    side = 2 + int(torch.randint(3, (), generator=generator))
    grid = _colours(side * side, generator).T.reshape(1, 3, side, side)
    return F.interpolate(grid, (size, size), mode="bicubic", align_corners=True)[0].clamp(0, 1)


def dead_leaves(size: int, generator: torch.Generator, leaves: int = 120) -> Tensor:
    """Overlapping discs of random colours, radii by a power law (Lee, Mumford and Huang 2001): the edges and areas of
    natural pictures without their meaning."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    canvas = _colours(1, generator)[0][:, None, None].expand(3, size, size).clone()
    colours, places = _colours(leaves, generator), torch.rand(leaves, 3, generator=generator)
    smallest, largest = size / 60, size / 3
    radii = (smallest**-2 + places[:, 2] * (largest**-2 - smallest**-2)) ** -0.5
    for colour, (cy, cx, _), radius in zip(colours, places * size, radii.sort(descending=True).values, strict=True):
        cover = (radius + 0.5 - ((y - cy).square() + (x - cx).square()).sqrt()).clamp(0, 1)
        canvas = canvas * (1 - cover) + colour[:, None, None] * cover
    return canvas


def noise(size: int, generator: torch.Generator) -> Tensor:
    """Clouds: an amplitude spectrum of 1/f, as natural pictures have, in random colours."""
    fy, fx = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    gain = 1 / (fy.square() + fx.square()).sqrt().clamp_min(1 / size)
    planes = torch.fft.irfft2(torch.fft.rfft2(torch.randn(3, size, size, generator=generator)) * gain, s=(size, size))
    planes = planes / planes.std((1, 2), keepdim=True)
    mixing = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0] * torch.tensor([0.25, 0.1, 0.05])
    mixed: Tensor = torch.einsum("ij,jhw->ihw", mixing, planes) + _colours(1, generator)[0][:, None, None]
    return mixed.clamp(0, 1)


def _colours(n: int, generator: torch.Generator) -> Tensor:
    """(n, 3): a common lightness with a little colour, as most surfaces are."""
    lightness = torch.rand(n, 1, generator=generator)
    return (lightness + 0.25 * (torch.rand(n, 3, generator=generator) - 0.5)).clamp(0, 1)
