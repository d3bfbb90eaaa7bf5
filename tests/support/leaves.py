# SPDX-License-Identifier: Apache-2.0
"""Overlapping leaves, as a photograph and as a warm and a cold painting: what tests of the style memory paint."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from scumble.nst import synthetic
from scumble.nst.tensors import to_pixels
from support.painted import Painted


def leaves(height: int, width: int, seed: int = 0) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    made = synthetic.dead_leaves(max(height, width, 32), torch.Generator().manual_seed(seed))
    return made[None, :, :height, :width]


PHOTOGRAPH = to_pixels(leaves(96, 96, 0))
WARM = Painted("warm", to_pixels(leaves(96, 96, 1)) * np.float32([1, 0.6, 0.3]))
COLD = Painted("cold", to_pixels(leaves(96, 96, 2)) * np.float32([0.3, 0.6, 1]))
