# SPDX-License-Identifier: Apache-2.0
"""Between pictures as the engine keeps them, (H, W, 3) float32 arrays, and as networks take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.api.method import Pixels


def to_tensor(rgb: Pixels) -> Tensor:
    """(H, W, 3) to (1, 3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(rgb, np.float32)).permute(2, 0, 1)[None].contiguous()


def to_pixels(x: Tensor) -> Pixels:
    """(1, 3, H, W) to (H, W, 3) in [0, 1]."""
    rgb: Pixels = x[0].clamp(0, 1).permute(1, 2, 0).contiguous().cpu().numpy()
    return rgb


def to_array(x: Tensor) -> Any:
    """A copy that shares no memory with the tensor."""
    return x.detach().cpu().numpy().copy()


def shrink(x: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) at 1/scale of its size, by area averaging; a side shorter than `scale` becomes one pixel."""
    return x if scale == 1 else F.avg_pool2d(x, tuple(min(scale, side) for side in x.shape[-2:]), ceil_mode=True)
