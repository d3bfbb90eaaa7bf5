# SPDX-License-Identifier: Apache-2.0
"""What an optimisation asks of a painting: mean and Gram matrix of every layer, for the painting at several sizes.

Two sources: the painting itself, in any network and at any size, or what was measured of it at a few sizes in one network, so
that a style can ship without its painting (methods/gatys/statistics_file.py).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.nst.losses import mean_gram
from scumble.nst.pretrained import Network
from scumble.nst.vgg import VGG

LADDER = (64, 90, 128, 181, 256, 362, 512, 724, 1024)
"""Long sides at which a painting is measured, half an octave apart, so that no stroke is off by more than a fifth. The largest
is the working scale of the pipeline."""

PICTURE = "picture"
"""Where statistics hold those of the pixels themselves: red, green and blue in [0, 1]."""


@dataclass(frozen=True)
class LayerStatistics:
    """`mean` (C,) and `gram` (C, C) of a feature map, float32: the means over all cells of f and of f f^T."""

    mean: Tensor
    gram: Tensor

    @property
    def centred(self) -> Tensor:
        """The Gram matrix after an activation shift by the mean: the covariance."""
        return self.gram - torch.outer(self.mean, self.mean)


T = TypeVar("T")

FeatureStatistics = Mapping[str, LayerStatistics]
"""By layer name."""


class StyleStatistics:
    """A style's statistics at any size of the painting. Exactly one of `painting` and `ladder` is given."""

    def __init__(
        self,
        painting: Tensor | None = None,
        ladder: Mapping[int, FeatureStatistics] | None = None,
        network: Network | None = None,
    ) -> None:
        """`painting` (1, 3, H, W) in [0, 1]; `ladder` holds statistics by long side, and `network` names what they were
        measured in."""
        if (painting is None) == (ladder is None) or (ladder is None) != (network is None):
            raise ValueError("give a painting, or a ladder and its network")
        self.painting, self.ladder, self.network = painting, ladder, network

    @property
    def layers(self) -> set[str]:
        """The layers that a ladder holds."""
        return set(next(iter(self.ladder.values()))) - {PICTURE} if self.ladder else set()

    def at(self, long_side: int, net: VGG, layers: Sequence[str]) -> Generator[None, None, FeatureStatistics]:
        """Statistics of the painting brought to `long_side` pixels; yields while it computes.

        A ladder interpolates between the sizes below and above, and below its least and above its greatest gives that; `net`
        must be its network. Raises KeyError for a layer the ladder does not hold.
        """
        if self.ladder is not None:
            device = net.mean.device
            rung = interpolated(self.ladder, long_side)
            return {k: LayerStatistics(rung[k].mean.to(device), rung[k].gram.to(device)) for k in (PICTURE, *layers)}
        assert self.painting is not None
        return (yield from measure(net, resized(self.painting.to(net.mean.device), long_side), layers))


def measure(net: VGG, picture: Tensor, layers: Sequence[str]) -> Generator[None, None, FeatureStatistics]:
    """Statistics of (1, 3, H, W) in [0, 1], in float32; yields between stages."""
    by_layer = {PICTURE: LayerStatistics(picture.mean((0, 2, 3)), mean_gram(picture))}
    y = picture.contiguous(memory_format=torch.channels_last)
    for stage in net.stages(layers):
        with torch.no_grad():
            y, features = net.stage(stage, y)
            for name in features.keys() & set(layers):
                by_layer[name] = LayerStatistics(features[name].mean((0, 2, 3)), mean_gram(features[name]))
        yield
    return by_layer


def between(own: FeatureStatistics, style: FeatureStatistics, strength: float) -> FeatureStatistics:
    """Statistics at a strength in [0, 1] between a picture's own and a style's: those of pixels of which that share is the
    style's."""
    return {
        name: LayerStatistics(torch.lerp(own[name].mean, s.mean, strength), torch.lerp(own[name].gram, s.gram, strength))
        for name, s in style.items()
    }


def interpolated(ladder: Mapping[int, FeatureStatistics], long_side: int) -> FeatureStatistics:
    """Statistics for a size in pixels, in proportion to the logarithms of the sizes below and above it."""
    below = max((side for side in ladder if side <= long_side), default=min(ladder))
    above = min((side for side in ladder if side >= long_side), default=max(ladder))
    if below >= above:
        return ladder[above]
    return between(ladder[below], ladder[above], math.log(long_side / below) / math.log(above / below))


def drained(steps: Generator[object, None, T]) -> T:
    """The value of a computation that yields on its way, run without stopping."""
    while True:
        try:
            next(steps)
        except StopIteration as e:
            result: T = e.value
            return result


def ladder_sides(long_side: int, sides: Sequence[int] = LADDER) -> list[int]:
    """At which of the sizes a painting of that long side is measured: enlarging it would measure blur."""
    return [side for side in sides if side <= long_side] or [long_side]


def nearest(sides: Iterable[int], wanted: float) -> int:
    """The one of `sides` that is nearest in proportion."""
    return min(sides, key=lambda side: abs(math.log(side / wanted)))


def resized(picture: Tensor, long_side: int) -> Tensor:
    """(1, 3, H, W) in [0, 1] brought to that long side, antialiased."""
    h, w = picture.shape[-2:]
    ratio = long_side / max(h, w)
    size = (max(1, round(h * ratio)), max(1, round(w * ratio)))
    if size == (h, w):
        return picture
    return F.interpolate(picture, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
