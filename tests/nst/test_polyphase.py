# SPDX-License-Identifier: Apache-2.0
"""Convolutions of doubled maps, made at the small size: what the plain layers give."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from scumble.nst.polyphase import DoubledConv, PhasedConv, interleaved


def test_doubling_and_convolving_at_the_small_size_is_doubling_and_convolving() -> None:
    torch.manual_seed(0)
    conv, x = DoubledConv(3, 5).double(), torch.randn(2, 3, 9, 12, dtype=torch.double)
    plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="bilinear"), conv.weight, conv.bias)
    ours = interleaved(conv(x))
    assert ours.shape == (2, 5, 14, 20)
    # `ours` begins at pixel 2 of the doubled map, `plain`, which is not padded, at pixel 1.
    assert torch.allclose(ours, plain[..., 1:-1, 1:-1], atol=1e-12)


def test_five_by_five_over_phases_is_five_by_five() -> None:
    torch.manual_seed(0)
    conv, large = PhasedConv(3, 4).double(), torch.randn(2, 3, 20, 16, dtype=torch.double)
    plain = F.conv2d(large, conv.weight, conv.bias)
    assert torch.allclose(interleaved(conv(F.pixel_unshuffle(large, 2))), plain, atol=1e-12)


def test_a_flat_map_stays_flat_in_bfloat16() -> None:
    """Kernels of the four phases are rounded apart from each other; if it showed, it would be a lattice of period 2."""
    torch.manual_seed(0)
    first, second = DoubledConv(16, 16), PhasedConv(16, 4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        y = interleaved(second(F.relu(first(torch.rand(1, 16, 1, 1).expand(1, 16, 20, 20))))).float()
    assert float((y - y.mean((2, 3), keepdim=True)).abs().max()) < 0.02 * float(y.abs().max())
