# SPDX-License-Identifier: Apache-2.0
"""Leaves upon each other, as a photograph and as a warm and a cold painting: what tests of the style memory paint."""

from __future__ import annotations

import numpy as np
import torch

from scumble.api.method import Pixels
from scumble.nst import synthetic
from support.painted import Painted


def picture(seed: int, side: int = 96) -> Pixels:
    made = synthetic.dead_leaves(side, torch.Generator().manual_seed(seed))
    return np.ascontiguousarray(made.permute(1, 2, 0).numpy())


PHOTOGRAPH = picture(0)
WARM = Painted("warm", picture(1) * np.float32([1, 0.6, 0.3]))
COLD = Painted("cold", picture(2) * np.float32([0.3, 0.6, 1]))
