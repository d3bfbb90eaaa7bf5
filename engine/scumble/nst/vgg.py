# SPDX-License-Identifier: Apache-2.0
"""VGG-shaped feature networks: picture in, feature maps by name out.

The compact network ships with Scumble; VGG-16 and VGG-19 have the same shape at full width, so one class holds all.
Feature maps are named as in the papers: relu3_1 is the first of the third stage, after its ReLU.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.layers import reflect_pad

Features = Mapping[str, Tensor]
"""Feature maps by layer name, each (N, C, h, w)."""

DEPTHS = {
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
    "half": (2, 2, 3, 3, 1),
    "quarter": (2, 2, 3, 3, 1),
    "compact": (2, 2, 4, 4, 1),
}
WIDTHS = {
    "vgg16": (64, 128, 256, 512, 512),
    "vgg19": (64, 128, 256, 512, 512),
    "half": (32, 64, 128, 256, 256),
    "quarter": (16, 32, 64, 128, 128),
    "compact": (16, 32, 64, 128, 128),
}
"""Simonyan and Zisserman 2014 (arXiv 1409.1556, table 1, columns D and E). half and quarter are VGG-16 to relu5_1 at half and a
quarter of its width; compact is VGG-19 to relu5_1 at a quarter of its width."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""What torchvision's VGG weights were trained with."""


class VGG(nn.Module):
    """Convolutional part of a VGG network. Input (N, 3, H, W) RGB in [0, 1]; sides of any length from 1.

    `pooling` "average" is what Gatys et al. found to give slightly more appealing results (section 2). `padding` is
    "zeros" for the original weights and "reflect" for the compact network, which keeps borders clean.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        depths: Iterable[int],
        widths: Iterable[int],
        padding: Literal["zeros", "reflect"] = "zeros",
        pooling: Literal["max", "average"] = "max",
    ) -> None:
        super().__init__()
        self.padding, self.pooling = padding, pooling
        self.layers: list[str] = []
        self.convs = nn.ModuleDict()
        c_in = 3
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True), 1):
            for k in range(1, depth + 1):
                self.layers.append(f"{stage}_{k}")
                self.convs[f"{stage}_{k}"] = nn.Conv2d(c_in, width, 3, padding=1 if padding == "zeros" else 0)
                c_in = width
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def conv(self, layer: str) -> nn.Conv2d:
        """The convolution of a layer, "3_1" say."""
        module = self.convs[layer]
        assert isinstance(module, nn.Conv2d)
        return module

    def forward(self, x: Tensor, wanted: Collection[str] | None = None) -> dict[str, Tensor]:
        """Feature maps `wanted` ("relu3_1", ...; None gives all); layers beyond the last wanted are not computed.

        Pooling rounds up, so that a side of one pixel stays one. Raises KeyError for a layer that does not exist.
        """
        y, out = x, dict[str, Tensor]()
        for layers in self.stages(wanted):
            y, features = self.stage(layers, y)
            out |= {name: features[name] for name in features if wanted is None or name in wanted}
        return out

    def stages(self, wanted: Iterable[str] | None = None) -> list[list[str]]:
        """The layers ("3_1", ...) on the way to the last of `wanted`, stage by stage. Raises KeyError as `forward` does."""
        names = [f"relu{n}" for n in self.layers]
        asked = set(names if wanted is None else wanted)
        if not asked <= set(names):
            raise KeyError(f"no such layer: {', '.join(sorted(asked - set(names)))}; there are {', '.join(names)}")
        last = max((names.index(name) for name in asked), default=-1)
        return [list(layers) for _, layers in itertools.groupby(self.layers[: last + 1], lambda n: n.split("_")[0])]

    def stage(self, layers: Sequence[str], y: Tensor, pooled: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The layers of one stage over what the stage before gave, the picture at first: the last map, and all by name.
        `pooled`: y has been reduced already."""
        out = {}
        for n in layers:
            if n == "1_1":
                y = ((y - self.mean) / self.std).to(self.conv(n).weight.dtype)
            elif n.endswith("_1") and not pooled:
                y = self.pool(y)
            if self.padding == "reflect":
                y = reflect_pad(y, 1, 1, 1, 1)
            y = F.relu(self.convs[n](y))
            out[f"relu{n}"] = y
        return y, out

    def pool(self, y: Tensor) -> Tensor:
        """Between two stages: (N, C, h, w) to half the sides, rounded up."""
        pool = F.max_pool2d if self.pooling == "max" else F.avg_pool2d
        return pool(y, 2, ceil_mode=True)


def narrow(network: Literal["half", "quarter"], pooling: Literal["max", "average"] = "max") -> VGG:
    """A narrow VGG-16 to relu5_1 (half: 2.5 M parameters, quarter: 0.6 M), without its weights."""
    return VGG(DEPTHS[network], WIDTHS[network], padding="reflect", pooling=pooling)


def compact(pooling: Literal["max", "average"] = "max") -> VGG:
    """The compact perceptual network (16/32/64/128/128 channels, 0.8 M parameters), without its weights."""
    return VGG(DEPTHS["compact"], WIDTHS["compact"], padding="reflect", pooling=pooling)


def halved(net: VGG) -> VGG:
    """A copy whose convolutions compute in bfloat16; pictures still go in as float32, maps come out in bfloat16."""
    copy = deepcopy(net)
    copy.convs.to(torch.bfloat16)
    return copy


def computes_bfloat16(device: str) -> bool:
    """Whether this processor has instructions for bfloat16; one without converts to and fro, which costs more than it saves.

    Only asked of the processor: a GPU keeps float32 until memory runs out. An older torch that cannot tell counts as none.
    """
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and bool(capabilities.get("avx512_bf16"))
