# SPDX-License-Identifier: Apache-2.0
"""Convolutions of a map that is twice as large, made at the small size.

Bilinear upsampling by 2 is a convolution, too, one for each of the four phases of the large map (which pixel of 2 x 2), so it
and the convolution behind it are one: as many multiplications, in half the time, because no large map is made between. Phases
of a channel lie side by side, in the order of `pixel_shuffle`, which interleaves them.

Invariant: weights and results are those of the plain convolutions at the large size, except for rounding and for the border,
where the small map is padded instead of the large one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NEIGHBOURS = ((0.75, 0.25, 0.0), (0.25, 0.75, 0.0), (0.0, 0.75, 0.25), (0.0, 0.25, 0.75))
"""What pixels 2i - 1 to 2i + 2 of a doubled row take of pixels i - 1, i and i + 1 of the row."""


class DoubledConv(nn.Conv2d):
    """A 3x3 convolution of the map upsampled by 2 bilinearly: (N, C_in, h + 2, w + 2), padded as the caller likes, to the
    phases (N, 4 C_out, h, w) of (N, C_out, 2 h, 2 w)."""

    taps: Tensor

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3)
        taps = torch.tensor(_NEIGHBOURS)
        self.register_buffer("taps", torch.stack([taps[phase : phase + 3] for phase in (0, 1)]), persistent=False)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """`weight` and `bias` take the place of its own."""
        return _convolved(
            x, "ocde,fdk,gel->ofgckl", self.weight if weight is None else weight, self.taps, self.bias if bias is None else bias
        )


class PhasedConv(nn.Conv2d):
    """A 5x5 convolution of a map that is given in phases: (N, 4 C_in, h + 2, w + 2) to the phases (N, 4 C_out, h, w)."""

    taps: Tensor

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 5)
        taps = torch.zeros(2, 5, 2, 3)  # of the phase, the tap, and the phase and neighbour that the tap falls on
        for phase in (0, 1):
            for tap in range(5):
                place = phase + tap - 2
                taps[phase, tap, place % 2, place // 2 + 1] = 1
        self.register_buffer("taps", taps, persistent=False)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """`weight` and `bias` take the place of its own."""
        return _convolved(
            x,
            "ocde,fdpk,geql->ofgcpqkl",
            self.weight if weight is None else weight,
            self.taps,
            self.bias if bias is None else bias,
        )


def interleaved(phases: Tensor) -> Tensor:
    """(N, 4 C, h, w) to (N, C, 2 h, 2 w)."""
    return F.pixel_shuffle(phases, 2)


def _convolved(x: Tensor, equation: str, weight: Tensor, taps: Tensor, bias: Tensor | None) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        kernel = torch.einsum(equation, weight, taps, taps).reshape(4 * len(weight), x.shape[1], 3, 3)
    assert bias is not None
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, kernel, bias.repeat_interleave(4))
