# SPDX-License-Identifier: Apache-2.0
"""Prints and drawings made from pictures, so that a training knows more of them than its paintings show.

Lines are an extended difference of Gaussians (Winnemöller, Kyprianidis and Olsen 2012, section 2.1): the picture sharpened at
one scale, then softly thresholded. An engraving's hatches are lines that swell with the dark; a woodcut's colours are flat.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

KINDS = ("drawing", "engraving", "woodcut")


def printed(picture: Tensor) -> Tensor:
    """One of KINDS made from uint8 (3, H, W), of the same shape; which, and by what lines and inks, torch's generator says."""
    with torch.autocast("cpu", enabled=False):  # so that a step draws what is drawn outside of one
        return (_printed(picture.float() / 255).clamp(0, 1) * 255).to(torch.uint8)


def _printed(x: Tensor) -> Tensor:
    light = _equalized(x.mean(0, keepdim=True))
    kind = KINDS[int(torch.randint(len(KINDS), ()))]
    sheet = _lines(light)
    if kind == "engraving":
        sheet = torch.minimum(sheet, _hatches(light))
    ink, paper = _between(0, 0.35, (3, 1, 1)), _between(0.7, 1, (3, 1, 1))
    if kind == "woodcut":
        levels = int(torch.randint(3, 6, ()))
        flat = gaussian_blur(x, [9, 9], [_between(1.5, 3).item()])
        paper = (flat * levels).round() / levels
    return torch.lerp(ink.expand_as(x), paper.expand_as(x), sheet)


def _between(least: float, most: float, size: tuple[int, ...] = ()) -> Tensor:
    return torch.empty(size).uniform_(least, most)


def _equalized(light: Tensor) -> Tensor:
    """Brought to mean 0.55 and deviation 0.25, so that a dark picture has its whites too."""
    return ((light - light.mean()) / light.std().clamp_min(0.02) * 0.25 + 0.55).clamp(0, 1)


def _lines(light: Tensor) -> Tensor:
    """(1, H, W) in [0, 1]: 0 where a line is."""
    fine = _between(0.6, 1.6).item()
    narrow, wide = (gaussian_blur(light, [13, 13], [sigma]) for sigma in (fine, 1.6 * fine))
    sharp = narrow + _between(8, 25).item() * (narrow - wide)
    threshold, steep = _between(0.15, 0.5).item(), _between(4, 20).item()
    return torch.where(sharp >= threshold, 1.0, 1 + torch.tanh(steep * (sharp - threshold)))


def _hatches(light: Tensor) -> Tensor:
    """(1, H, W) in [0, 1]: lines of one or two directions, which swell with the dark."""
    h, w = light.shape[1:]
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    soft = gaussian_blur(light, [7, 7], [1.5])
    angle, period = _between(0, math.pi).item(), _between(3.5, 8).item()
    sheet = torch.ones_like(light)
    for turn, least in ((0.0, 0.9), (_between(0.6, 1.6).item(), 0.45)):
        along = x * math.cos(angle + turn) + y * math.sin(angle + turn)
        wave = 0.5 + 0.5 * torch.cos(2 * math.pi * along / period)
        sheet = torch.minimum(sheet, torch.sigmoid(12 * (wave - (1 - soft / least))))
    return sheet
