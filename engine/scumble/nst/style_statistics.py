# SPDX-License-Identifier: Apache-2.0
"""What an optimisation asks of a painting: mean and Gram matrix of every layer, for the painting at several sizes.

Two sources: the painting itself, in any network and at any size, or a weight file with a ladder of sizes in the compact
network, so that a style can ship without its painting.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_weights
from scumble.nst.losses import mean_gram
from scumble.nst.vgg import VGG

LADDER = (64, 90, 128, 181, 256, 362, 512, 724, 1024)
"""Long sides of the painting in a weight file, half an octave apart, so that no stroke is off by more than a fifth. The
largest is the working scale of the pipeline."""

PICTURE = "picture"
"""Where statistics hold those of the pixels themselves: red, green and blue in [0, 1]."""

LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_2", "relu5_1")
"""The compact network's layers that a weight file holds: those its distillation was taught (training/perceptual.py)."""


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

Statistics = Mapping[str, LayerStatistics]
"""By layer name."""


class StyleStatistics:
    """A style's statistics at any size of the painting. Exactly one of `painting` and `ladder` is given."""

    def __init__(self, painting: Tensor | None = None, ladder: Mapping[int, Statistics] | None = None) -> None:
        """`painting` (1, 3, H, W) in [0, 1]; `ladder` holds statistics in the compact network by long side."""
        if (painting is None) == (ladder is None):
            raise ValueError("give a painting or a ladder")
        self.painting, self.ladder = painting, ladder

    def at(self, long_side: int, net: VGG, layers: Sequence[str]) -> Generator[None, None, Statistics]:
        """Statistics of the painting brought to `long_side` pixels; yields while it computes.

        A ladder gives its nearest size, whatever `net` is. Raises KeyError for a layer the ladder does not hold.
        """
        if self.ladder is not None:
            device = net.mean.device
            rung = self.ladder[nearest(self.ladder, long_side)]
            return {k: LayerStatistics(rung[k].mean.to(device), rung[k].gram.to(device)) for k in (PICTURE, *layers)}
        assert self.painting is not None
        return (yield from measure(net, resized(self.painting.to(net.mean.device), long_side), layers))


def measure(net: VGG, picture: Tensor, layers: Sequence[str]) -> Generator[None, None, Statistics]:
    """Statistics of (1, 3, H, W) in [0, 1], in float32; yields between stages."""
    found = {PICTURE: LayerStatistics(picture.mean((0, 2, 3)), mean_gram(picture))}
    y = picture.contiguous(memory_format=torch.channels_last)
    for stage in net.stages(layers):
        with torch.no_grad():
            y, features = net.stage(stage, y)
            for name in features.keys() & set(layers):
                found[name] = LayerStatistics(features[name].mean((0, 2, 3)), mean_gram(features[name]))
        yield
    return found


def between(own: Statistics, style: Statistics, strength: float) -> Statistics:
    """As far from a picture's own statistics to a style's as the strength in [0, 1] says: those of pixels, some of which are
    the one's and some the other's."""
    return {
        name: LayerStatistics(torch.lerp(own[name].mean, s.mean, strength), torch.lerp(own[name].gram, s.gram, strength))
        for name, s in style.items()
    }


def drained(steps: Generator[object, None, T]) -> T:
    """What a computation that yields on its way comes to, without stopping."""
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


def pack(ladder: Mapping[int, Statistics]) -> dict[str, Tensor]:
    """A ladder as the tensors of a weight file: "SIZE/LAYER/mean", and "SIZE/LAYER/upper", the upper triangle of the
    covariance, row by row. (Half precision keeps a covariance better than a Gram matrix, whose mean drowns it.)"""
    tensors = {}
    for side, statistics in ladder.items():
        for layer, s in statistics.items():
            rows, columns = torch.triu_indices(len(s.mean), len(s.mean))
            tensors[f"{side}/{layer}/mean"] = s.mean
            tensors[f"{side}/{layer}/upper"] = s.centred[rows, columns]
    return tensors


def load_ladder(path: Path) -> dict[int, Statistics]:
    """The ladder of a weight file. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    ladder: dict[int, dict[str, LayerStatistics]] = {}
    try:
        for name, mean in tensors.items():
            side, layer, kind = name.split("/")
            if kind == "mean":
                ladder.setdefault(int(side), {})[layer] = _unpacked(mean, tensors[f"{side}/{layer}/upper"])
        if not ladder or any(statistics.keys() != {PICTURE, *LAYERS} for statistics in ladder.values()):
            raise ValueError("a layer is missing")
    except (KeyError, ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no Gram matrices ({e}).",
            "Install Scumble again, or make it anew: scumble train gatys.",
        ) from e
    return dict(ladder)


def _unpacked(mean: Tensor, upper: Tensor) -> LayerStatistics:
    covariance = mean.new_zeros(len(mean), len(mean))
    rows, columns = torch.triu_indices(len(mean), len(mean))
    covariance[rows, columns] = upper
    covariance[columns, rows] = upper
    return LayerStatistics(mean, covariance + torch.outer(mean, mean))
