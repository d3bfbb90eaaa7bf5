# SPDX-License-Identifier: Apache-2.0
"""The image transformation network of Johnson, Alahi and Fei-Fei 2016 (arXiv 1603.08155, supplement, table 1)."""

from __future__ import annotations

from torch import Tensor, nn

from scumble.nst.layers import Conv, Residual, Upsample, binomial_blur

STRIDE = 4
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 64
"""Pixels on each side on which an output pixel depends, a multiple of STRIDE: 4 (c9) + 1 + 2 (d64, d128) + 40 (ten 3x3
convolutions at a quarter) + 4 + 2 + 2 + 1 (u64, u32: a neighbour for the upsampling, one for the convolution) + 4 (c9)
+ 1 (blur) = 61."""


class TransformNet(nn.Module):
    """c9s1-32, d64, d128, R128 x 5, u64, u32, c9s1-3; 1.68 M parameters at width 1.

    `width` scales every inner channel count. Input (N, 3, H, W) in [0, 1] with H and W multiples of 4; the output has
    the same shape, and reaches a little outside [0, 1] (the caller clamps; the paper's scaled tanh saturates instead).
    It ends with a fixed blur: style losses reward a lattice of period 2, which is no stroke of any painting.
    """

    def __init__(self, width: float = 1.0, blocks: int = 5) -> None:
        super().__init__()
        a, b, c = (max(1, round(n * width)) for n in (32, 64, 128))
        self.down = nn.Sequential(Conv(3, a, 9), Conv(a, b, 3, stride=2), Conv(b, c, 3, stride=2))
        self.blocks = nn.Sequential(*(Residual(c) for _ in range(blocks)))
        self.up = nn.Sequential(Upsample(c, b), Upsample(b, a))
        self.head = Conv(a, 3, 9, norm=False, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.blocks(self.down(x * 2 - 1)))
        return binomial_blur(self.head(y) * 0.5 + 0.5)
