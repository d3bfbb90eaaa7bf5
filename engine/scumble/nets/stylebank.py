# SPDX-License-Identifier: Apache-2.0
"""StyleBank (Chen et al. 2017, arXiv 1703.09210): an autoencoder that all styles share, and one convolution a style.

Invariant: a style is its bank and nothing else, and the picture's features go through the banks linearly, so a mixture of
styles is one convolution with the mixture of their kernels, and a new bank changes no other style's picture. Neither encoder
nor decoder normalises anything: what normalises stands before the banks, where giving a picture back does not pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nets.layers import Conv, binomial_blur, reflect_pad
from scumble.nets.norms import InstanceNorm2d, moments

STRIDE = 4
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 44
"""Pixels on each side on which an output pixel depends, at most, a multiple of STRIDE: 4 (9x9) + 1 + 2 (the strides) + 20 (the
bank and two residual blocks at a quarter) + 4 + 2 + 2 + 1 (a neighbour for each upsampling, one for its convolution) + 4 (9x9)
+ 1 (blur) = 41."""

CHANNELS = 128
"""Of the features that a bank convolves."""


class Bank(NamedTuple):
    """A style: `kernel` (C, C, 3, 3) and `bias` (C,), for features of mean 0 and deviation 1."""

    kernel: Tensor
    bias: Tensor

    def __call__(self, features: Tensor, share: Tensor | None = None) -> Tensor:
        """(N, C, h, w) to the same, or what it makes of `share` (1, 1, h, w) of them; a share of 1 changes no bit."""
        bias = self.bias.to(features.dtype)[:, None, None]
        if share is not None:
            features, bias = features * share, bias * share
        return F.conv2d(reflect_pad(features, 1, 1, 1, 1), self.kernel.to(features.dtype)) + bias


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1, relu: bool = True) -> Conv:
    """Reflection padding and a convolution by He's start: without norms, torch's own is nearly silent after ten layers."""
    layer = Conv(c_in, c_out, kernel, stride, norm=False, relu=relu)
    nn.init.kaiming_normal_(layer.conv.weight, nonlinearity="relu" if relu else "linear")
    assert layer.conv.bias is not None
    nn.init.zeros_(layer.conv.bias)
    return layer


class Block(nn.Sequential):
    """Two 3x3 convolutions with a skip connection and no norm. It begins as nothing: the paper's decoder has no blocks."""

    def __init__(self) -> None:
        last = _conv(CHANNELS, CHANNELS, 3, relu=False)
        nn.init.zeros_(last.conv.weight)
        super().__init__(_conv(CHANNELS, CHANNELS, 3), last)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + super().forward(x)  # type: ignore[no-untyped-call]
        return y


class Autoencoder(nn.Module):
    """E: 9x9, 3x3 stride 2, 3x3 stride 2; D: residual blocks, two upsamplings with 3x3, 9x9.

    `width` scales the paper's 32 and 64 channels at the full and at half the resolution; a bank always sees 128 at a quarter.
    Pictures are (N, 3, H, W) in [0, 1] with sides that are multiples of 4; what `decode` gives reaches a little beyond.
    """

    def __init__(self, width: float = 0.5, blocks: int = 2) -> None:
        super().__init__()
        full, half = (max(1, round(n * width)) for n in (32, 64))
        self.down = nn.Sequential(_conv(3, full, 9), _conv(full, half, 3, 2), _conv(half, CHANNELS, 3, 2))
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
        self.up = nn.ModuleList([_conv(CHANNELS, half, 3), _conv(half, full, 3)])
        self.head = _conv(full, 3, 9, relu=False)

    def encode(self, x: Tensor) -> Tensor:
        """The features (N, 128, H / 4, W / 4), none of them negative."""
        y: Tensor = self.down(x * 2 - 1)
        return y

    def decode(self, features: Tensor) -> Tensor:
        """The picture of `features`."""
        y = self.blocks(features)
        for up in self.up:
            y = up(F.interpolate(y, scale_factor=2, mode="bilinear"))
        return binomial_blur(self.head(y) * 0.5 + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """The picture given back, D(E(x))."""
        return self.decode(self.encode(x))


class StyleBankNet(nn.Module):
    """All that styles share: the autoencoder, and the norm before the banks."""

    def __init__(self, width: float = 0.5, blocks: int = 2) -> None:
        super().__init__()
        self.coder = Autoencoder(width, blocks)
        self.norm = InstanceNorm2d(CHANNELS, affine=False)

    def own_bank(self, picture: Tensor) -> Bank:
        """The bank that a painting (1, 3, H, W) has before it is trained: it gives any picture's features the mean and the
        deviation of the painting's own, which is AdaIN; so colours are nearly right from the first step."""
        mean, variance = (m.flatten() for m in moments(self.coder.encode(picture)))
        kernel = torch.diag(variance.sqrt())[..., None, None]
        return Bank(F.pad(kernel, (1, 1, 1, 1)), mean)

    def paint(self, x: Tensor, banks: Sequence[Bank], shares: Tensor | None = None, strength: float = 1.0) -> Tensor:
        """The picture under one bank, or with `shares` (S, 1, H, W), which sum to 1 at each pixel, under S, mixed by place:
        sum_i K_i * (M_i x F). `strength` below 1 lets that much of the bank in, and the picture's own features for the rest."""
        features = self.coder.encode(x)
        normalised = self.norm(features)
        if shares is None:
            (bank,) = banks
            painted = bank(normalised)
        else:
            painted = torch.zeros_like(normalised)
            for bank, share in zip(banks, F.avg_pool2d(shares, STRIDE).to(normalised.dtype), strict=True):
                painted = painted + bank(normalised, share[None])
        if strength < 1:
            painted = features + strength * (painted - features)
        return self.coder.decode(painted)


def fused(banks: Sequence[tuple[float, Bank]]) -> Bank:
    """Linear fusion: one bank, sum_i w_i K_i. Weights (1, 0) give the first bit for bit."""
    return Bank(torch.stack([w * b.kernel for w, b in banks]).sum(0), torch.stack([w * b.bias for w, b in banks]).sum(0))
