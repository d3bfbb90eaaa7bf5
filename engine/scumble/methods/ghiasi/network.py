# SPDX-License-Identifier: Apache-2.0
"""The networks of Ghiasi et al. 2017 (arXiv 1705.06830): a transformer that takes a style's numbers, and their predictor.

Invariant: a style is a vector of scales and shifts, and the vector an affine function of a bottleneck of 100 numbers; so a
mixture of styles is the mixture of either, and every style, trained or not, is a point of one space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.layers import Conv, binomial_blur
from scumble.nst.norms import InstanceNorm2d

STRIDE = 4
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 64
"""Pixels on each side on which an output pixel depends: methods/johnson/network.py counts them."""

BOTTLENECK = 100
"""Numbers by which a painting is known (the paper's section 3.2)."""


class Styled(nn.Module):
    """A convolution behind reflection padding, then conditional instance normalization: gamma * x^ + beta."""

    def __init__(self, c_in: int, c_out: int, kernel: int, precise: bool = False) -> None:
        """`precise` layers normalise in float32, whatever the network's precision."""
        super().__init__()
        self.precise = precise
        self.conv = Conv(c_in, c_out, kernel, norm=False, relu=False)
        self.norm = InstanceNorm2d(c_out, affine=False)
        self.channels = c_out

    def forward(self, x: Tensor, part: Tensor, shares: Tensor | None) -> Tensor:
        """`part` (N or 1, 2 C), a gamma and a beta a channel; with `shares` (S, 1, H, W), at any multiple of the map's
        resolution, N is 1 and (S, 2 C) are mixed at each place."""
        y = self.conv(x).float() if self.precise else self.conv(x)
        if shares is not None:
            place = F.adaptive_avg_pool2d(shares.float(), (y.shape[2], y.shape[3]))[:, 0]
            gamma, beta = torch.tensordot(part.T, place, 1)[None].to(y.dtype).chunk(2, 1)
            return self.norm(y) * gamma + beta  # type: ignore[no-any-return]
        gamma, beta = part.chunk(2, 1)
        if len(part) == 1:
            return self.norm(y, gamma[0], beta[0])  # type: ignore[no-any-return]
        return torch.addcmul(beta[..., None, None].to(y.dtype), self.norm(y), gamma[..., None, None].to(y.dtype))


class StyledNet(nn.Module):
    """c9s1-32, d64, d128 | R128 x 5, u64, u32, c9s1-3: behind the bar every convolution is `Styled`.

    `width` scales every inner channel count; at width 1 a style has 2,758 numbers, as in the paper. Input (N, 3, H, W) in
    [0, 1] with H and W multiples of 4; the output has the same shape and, behind a sigmoid, lies in [0, 1]. Upsampling is
    bilinear and the last layer a fixed blur, as in TransformNet and for its reasons.
    """

    def __init__(self, width: float = 1.0, blocks: int = 5) -> None:
        super().__init__()
        a, b, c = (max(1, round(n * width)) for n in (32, 64, 128))
        self.width, self.depth = width, blocks
        self.down = nn.Sequential(Conv(3, a, 9), Conv(a, b, 3, stride=2), Conv(b, c, 3, stride=2))
        self.blocks = nn.ModuleList([Styled(c, c, 3) for _ in range(2 * blocks)])
        self.up = nn.ModuleList([Styled(c, b, 3), Styled(b, a, 3)])
        self.head = Styled(a, 3, 9, precise=True)
        self._parts = [2 * layer.channels for layer in self.styled()]

    @property
    def style_size(self) -> int:
        """Numbers in a style vector: the gammas and betas of each styled layer, in order."""
        return sum(self._parts)

    def styled(self) -> Iterator[Styled]:
        """The layers a style speaks to, in order."""
        for layer in (*self.blocks, *self.up, self.head):
            yield cast(Styled, layer)

    def forward(self, x: Tensor, styles: Tensor, shares: Tensor | None = None) -> Tensor:
        """`styles` (N or 1, style_size); with `shares` (S, 1, H, W), which sum to 1 at each pixel, S of them are mixed by
        place over one picture (N = 1)."""
        part = iter(torch.split(styles.float(), self._parts, 1))
        y = self.down(x * 2 - 1)
        for first, second in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            y = y + second(F.relu(first(y, next(part), shares)), next(part), shares)
        for layer in self.up:
            y = F.relu(layer(F.interpolate(y, scale_factor=2, mode="bilinear"), next(part), shares))
        y = self.head(y, next(part), shares)
        with torch.autocast(y.device.type, enabled=False):  # bfloat16 has 256 levels between a half and 1
            return binomial_blur(torch.sigmoid(y.float()))

    def plain_style(self, johnson: Mapping[str, Tensor] | None = None) -> Tensor:
        """(style_size,): scales 1 and shifts 0, or those that a network of Johnson's learned for its one style."""
        parts = []
        for number, layer in enumerate(self.styled()):
            name = self._names[number]
            gamma, beta = torch.ones(layer.channels), torch.zeros(layer.channels)
            if johnson is not None and f"{name}.norm.weight" in johnson:
                gamma, beta = johnson[f"{name}.norm.weight"], johnson[f"{name}.norm.bias"]
            parts += [gamma, beta]
        return torch.cat(parts)

    def start_from(self, johnson: Mapping[str, Tensor]) -> None:
        """Take the convolutions of a trained TransformNet of the same width and depth. Raises KeyError or RuntimeError."""
        self.down.load_state_dict({k.removeprefix("down."): v for k, v in johnson.items() if k.startswith("down.")})
        for name, layer in zip(self._names, self.styled(), strict=True):
            layer.conv.conv.load_state_dict({k: johnson[f"{name}.conv.{k}"] for k in ("weight", "bias")})

    @property
    def _names(self) -> list[str]:
        """The names of the styled layers in TransformNet."""
        return [f"blocks.{i}.{k}" for i in range(self.depth) for k in ("first", "second")] + ["up.0.conv", "up.1.conv", "head"]


class StylePredictor(nn.Module):
    """Maps the features of a painting, (N, S), to its bottleneck, (N, 100), and the bottleneck to a style vector.

    `centre` and `spread` (S,) bring the statistics to mean 0 and deviation 1 over the paintings of the training.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, inputs: int, style_size: int, hidden: int = 192) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, BOTTLENECK))
        self.to_style = nn.Linear(BOTTLENECK, style_size)

    def bottleneck(self, features: Tensor) -> Tensor:
        """(N, 100)."""
        with torch.autocast(features.device.type, enabled=False):
            z = (features.float() - self.centre) / self.spread
            return self.layers(z.clamp(-4, 4))  # type: ignore[no-any-return]

    def style(self, bottleneck: Tensor) -> Tensor:
        """(N, style_size), affine in the bottleneck."""
        with torch.autocast(bottleneck.device.type, enabled=False):
            return self.to_style(bottleneck)  # type: ignore[no-any-return]

    def forward(self, features: Tensor) -> Tensor:
        return self.style(self.bottleneck(features))


class GhiasiNet(nn.Module):
    """All trained parts in one file: the transformer, and the style prediction network behind the encoder."""

    def __init__(self, inputs: int, width: float = 0.5, blocks: int = 5) -> None:
        super().__init__()
        self.net = StyledNet(width, blocks)
        self.predictor = StylePredictor(inputs, self.net.style_size)
        self.begin()

    def begin(self, johnson: Mapping[str, Tensor] | None = None) -> None:
        """Every painting's style the same at first: plain, or that of a trained network, whose convolutions are taken too."""
        if johnson is not None:
            self.net.start_from(johnson)
        with torch.no_grad():
            self.predictor.to_style.weight.mul_(0.1)
            self.predictor.to_style.bias.copy_(self.net.plain_style(johnson))
