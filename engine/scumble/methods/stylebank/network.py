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

from scumble.nst.layers import Conv, binomial_blur, reflect_pad
from scumble.nst.norms import InstanceNorm2d, moments

STRIDE = 4
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 44
"""Pixels on each side on which an output pixel depends, at most, a multiple of STRIDE: 4 (9x9) + 1 + 2 (the strides) + 20 (the
bank and two residual blocks at a quarter) + 4 (the stride of 1/2) + 2 (its blur) + 2 + 1 (a neighbour for the upsampling, one
for its convolution) + 4 (9x9) + 1 (blur) = 41."""

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


class Doubled(nn.Module):
    """A convolution of stride 1/2, as the paper has it (3x3 to four phases, which are then interleaved), and ReLU.

    All phases begin with the same filters, so that it begins without a checkerboard (Aitken et al. 2017, arXiv 1707.02937).
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.phases = _conv(c_in, 4 * c_out, 3)
        with torch.no_grad():
            weight = self.phases.conv.weight
            weight.copy_(weight[::4].repeat_interleave(4, 0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = F.pixel_shuffle(self.phases(x), 2)
        return y.contiguous(memory_format=torch.channels_last)


class Smooth(nn.Module):
    """Bilinear upsampling by 2, a 3x3 convolution and ReLU. It leaves little of the lattice that `Doubled` may make."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = _conv(c_in, c_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="bilinear"))
        return y


class Autoencoder(nn.Module):
    """E: 9x9, 3x3 stride 2, 3x3 stride 2; D: residual blocks, 3x3 stride 1/2, bilinear x 2 and 3x3, 9x9, and a fixed blur.

    `width` scales the paper's 32 and 64 channels at the full and at half the resolution; a bank always sees 128 at a quarter.
    Pictures are (N, 3, H, W) in [0, 1] with sides that are multiples of 4; what `decode` gives reaches a little beyond.
    It begins by giving pictures back, somewhat blurred: some channels of each layer carry pixels, the others He's noise.
    """

    def __init__(self, width: float = 0.5, blocks: int = 2) -> None:
        super().__init__()
        self.width = width
        full, half = (max(3, round(n * width)) for n in (32, 64))
        self.down = nn.Sequential(_conv(3, full, 9), _conv(full, half, 3, 2), _conv(half, CHANNELS, 3, 2))
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
        self.up = nn.Sequential(Doubled(CHANNELS, half), Smooth(half, full))
        self.head = _conv(full, 3, 9, relu=False)
        _carry_pixels(self.down, self.up, self.head)

    def encode(self, x: Tensor) -> Tensor:
        """The features (N, 128, H / 4, W / 4), none of them negative."""
        y: Tensor = self.down(x * 2 - 1)
        return y

    def decode(self, features: Tensor, painted: bool = False) -> Tensor:
        """The picture of `features`. The last blur is float32, whatever the rest: bfloat16 has 256 levels from a half to 1.

        What a bank has `painted` is blurred at half the size too, where `Doubled` may leave a lattice: banks move features to
        where no reconstruction was, which made a lattice of four pixels. A reconstruction needs those details.
        """
        doubled, smooth = self.up
        y = doubled(self.blocks(features))
        y = self.head(smooth(binomial_blur(y) if painted else y))
        with torch.autocast(y.device.type, enabled=False):
            return binomial_blur(y.float() * 0.5 + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """The picture given back, D(E(x))."""
        return self.decode(self.encode(x))


SHARPENING = 2.5
"""How much of what a 5x5 binomial blur takes away D puts on top, at the start."""


@torch.no_grad()
def _carry_pixels(down: nn.Sequential, up: nn.Sequential, head: Conv) -> None:
    """Channels 0 to 2 are the picture, at half the size its means of 2 x 2 pixels, at a quarter 0 to 11 the 2 x 2 of those."""
    convs = [_parameters(layer) for layer in (*down, *up, head)]
    (first, shift), (to_half, _), (to_quarter, _), (from_quarter, _), (from_half, _), (last, back) = convs
    first[:3], shift[:3] = 0, 0.5  # from [-1, 1], which E works in, to [0, 1], which no ReLU cuts
    to_half[:3], from_half[:3] = 0, 0
    to_quarter[:12], from_quarter[:12] = 0, 0
    last[:], back[:] = 0, -1
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    for c in range(3):
        first[c, c, 4, 4] = 0.5
        to_half[c, c, 1:, 1:] = 0.25
        from_half[c, c, 1, 1] = 1
        last[c, c, 2:7, 2:7] = -2 * SHARPENING * torch.outer(row, row)
        last[c, c, 4, 4] += 2 * (1 + SHARPENING)
    for k in range(12):  # pixel_shuffle interleaves channels 4 c + 2 dy + dx
        to_quarter[k, k // 4, 1 + k // 2 % 2, 1 + k % 2] = 1
        from_quarter[k, k, 1, 1] = 1


def _parameters(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution in `layer`."""
    weight, bias = layer.parameters()
    return weight, bias


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

    def paint(self, x: Tensor, banks: Sequence[Bank], shares: Tensor | None = None) -> Tensor:
        """The picture under one bank, or with `shares` (S, 1, H, W), which sum to 1 at each pixel, under S, mixed by place:
        sum_i K_i * (M_i x F)."""
        normalised = self.norm(self.coder.encode(x))
        if shares is None:
            (bank,) = banks
            painted = bank(normalised)
        else:
            painted = torch.zeros_like(normalised)
            for bank, share in zip(banks, F.avg_pool2d(shares, STRIDE).to(normalised.dtype), strict=True):
                painted = painted + bank(normalised, share[None])
        return self.coder.decode(painted, painted=True)


def fused(banks: Sequence[tuple[float, Bank]]) -> Bank:
    """Linear fusion: one bank, sum_i w_i K_i. Weights (1, 0) give the first bit for bit."""
    return Bank(torch.stack([w * b.kernel for w, b in banks]).sum(0), torch.stack([w * b.bias for w, b in banks]).sum(0))
