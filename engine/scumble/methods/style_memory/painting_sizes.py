# SPDX-License-Identifier: Apache-2.0
"""The sizes in which the style memory is shown a painting: they decide how broad its strokes are."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from scumble.api.method import Pixels
from scumble.image.resample import resize
from scumble.methods.style_memory.network import STRIDE
from scumble.nst.tensors import to_tensor

PAINTING_SIDE = 384
"""Short side in pixels of a painting for the Gram matrices that its row is refined towards, which decides how broad strokes
are; no view of it is larger."""

PREDICTION_SIDES = (288, 336, 384)
"""Short sides of a painting from which its row is predicted, each as it is and mirrored. One prediction errs by as much
as an hour of training gains; the mean of six errs less (README.md)."""

ENLARGED = 1.5
"""By how much a small painting may be enlarged to these sizes, at most."""


def in_sizes(painting: Pixels, sides: Sequence[int]) -> list[Tensor]:
    """A painting (H, W, 3) with each of these short sides, at most PAINTING_SIDE: (1, 3, h, w), sharp, for strokes that are
    blurred are none. A small one is enlarged; a large one is reduced once."""
    ratio = min(1.0, PAINTING_SIDE / min(painting.shape[:2]))
    height, width = (max(1, round(n * ratio)) for n in painting.shape[:2])
    picture = to_tensor(resize(painting, height, width))
    ratios = [min(side / min(picture.shape[2:]), ENLARGED) for side in sides]
    sizes = [[max(1, round(n * ratio)) for n in picture.shape[2:]] for ratio in ratios]
    return [F.interpolate(picture, size, mode="bicubic", antialias=True).clamp(0, 1) for size in sizes]


def at_size(painting: Pixels, side: int) -> Tensor:
    """The painting in one of the sizes that `in_sizes` gives."""
    return in_sizes(painting, (side,))[0]


def to_stride(x: Tensor) -> Tensor:
    """Enlarged a little where its sides are not multiples of the network's stride."""
    height, width = (max(STRIDE, STRIDE * round(n / STRIDE)) for n in x.shape[2:])
    return x if x.shape[2:] == (height, width) else F.interpolate(x, (height, width), mode="bilinear")
