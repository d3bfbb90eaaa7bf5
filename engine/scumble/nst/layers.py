# SPDX-License-Identifier: Apache-2.0
"""Layers that the feed-forward networks share. All take and give (N, C, H, W)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.norms import InstanceNorm2d


def reflect_pad(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Mirror the borders without repeating the edge; a side shorter than the padding is mirrored several times.

    torch's own reflection needs every side longer than its padding (a 1 x 1 picture has none), and copies a channels-last
    map in bfloat16 several times over, which took a quarter of a network's time.
    """
    h, w = x.shape[-2:]
    if max(left, right) < w and max(top, bottom) < h:
        padded: Tensor = _Mirror.apply(x, left, right, top, bottom)
        return padded
    rows, columns = _mirror(h, top, bottom, x.device), _mirror(w, left, right, x.device)
    return x.index_select(-2, rows).index_select(-1, columns)


class _Mirror(torch.autograd.Function):
    """The padding by slices, in the order (channels last or not) of its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
        ctx.padding = (left, right, top, bottom)
        n, c, h, w = x.shape
        last = x.is_contiguous(memory_format=torch.channels_last)
        order = torch.channels_last if last else torch.contiguous_format
        size = (n, c, top + h + bottom, left + w + right)
        y = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=order)
        y[:, :, top : top + h, left : left + w] = x
        y[:, :, :top, left : left + w] = x[:, :, 1 : top + 1].flip(2)
        y[:, :, top + h :, left : left + w] = x[:, :, h - 1 - bottom : h - 1].flip(2)
        y[..., :left] = y[..., left + 1 : 2 * left + 1].flip(3)
        y[..., left + w :] = y[..., left + w - 1 - right : left + w - 1].flip(3)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        left, right, top, bottom = ctx.padding
        h, w = gradient.shape[2] - top - bottom, gradient.shape[3] - left - right
        inner = gradient[..., left : left + w].clone()
        inner[..., 1 : left + 1] += gradient[..., :left].flip(3)
        inner[..., w - 1 - right : w - 1] += gradient[..., left + w :].flip(3)
        result = inner[:, :, top : top + h]
        result[:, :, 1 : top + 1] += inner[:, :, :top].flip(2)
        result[:, :, h - 1 - bottom : h - 1] += inner[:, :, top + h :].flip(2)
        return result, None, None, None, None


def _mirror(length: int, before: int, after: int, device: torch.device) -> Tensor:
    index = torch.arange(-before, length + after, device=device)
    if length == 1:
        return torch.zeros_like(index)
    index = index.remainder(2 * (length - 1))
    return torch.where(index < length, index, 2 * (length - 1) - index)


def binomial_blur(x: Tensor, padded: bool = False) -> Tensor:
    """(N, C, H, W) under 1 2 1 / 4 along both axes, which removes waves of period 2 exactly and halves those of period 4.

    `padded` input brings one pixel more on each side than the output has.
    """
    tap = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = torch.outer(tap, tap).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x if padded else reflect_pad(x, 1, 1, 1, 1), kernel, groups=x.shape[1])


class Conv(nn.Module):
    """Reflection padding, convolution, and optionally instance normalization and ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, norm: bool = True, relu: bool = True) -> None:
        super().__init__()
        self.pad = kernel // 2
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride)
        self.norm = InstanceNorm2d(c_out) if norm else None
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        p = self.pad
        y: Tensor = self.conv(reflect_pad(x, p, p, p, p))
        if self.norm is not None:
            y = self.norm(y)
        return F.relu(y) if self.relu else y


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip connection and no ReLU after the sum (Johnson et al., supplement; Gross & Wilber)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Conv(channels, channels, 3)
        self.second = Conv(channels, channels, 3, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))  # type: ignore[no-any-return]


class Upsample(nn.Module):
    """Bilinear upsampling by 2, then a convolution.

    A transposed convolution prints a checkerboard (Odena et al. 2016), and nearest upsampling hands the convolution a
    staircase, from which it makes a lattice of period 2 and 4 on smooth gradients.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = Conv(c_in, c_out, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="bilinear"))  # type: ignore[no-any-return]
