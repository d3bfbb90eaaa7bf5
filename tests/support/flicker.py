# SPDX-License-Identifier: Apache-2.0
"""How much the frames of a pan flicker."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


def flicker(frames: Sequence[NDArray[Any]] | NDArray[Any], pan: int = 0, border: int = 8) -> float:
    """Mean absolute change of the same places from frame (H, W, 4) to frame, in 255ths of white; each shows what the one before
    shows `pan` pixels to the right. `border` pixels on each side, where paint has no neighbours, are left out."""
    kind = frames[0].dtype
    white = np.iinfo(kind).max if kind.kind == "u" else 1
    inner = slice(border, -border)
    planes = [np.asarray(frame[..., :3], np.float64) * (255 / white) for frame in frames]
    same = ((a[:, pan:], b[:, : b.shape[1] - pan]) for a, b in pairwise(planes))
    return float(np.mean([np.abs(a - b)[inner, inner].mean() for a, b in same]))
