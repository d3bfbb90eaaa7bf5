# SPDX-License-Identifier: Apache-2.0
"""Perceptual losses: content, Gram and total variation.

A loss weight means nothing without its normalization, so each function states its own. Feature maps are (N, C, H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """Gram matrices (N, C, C) of (N, C, H, W), divided by C*H*W (Johnson et al. 2016, section 3.2). The result is float32;
    the product is taken in the features' own precision."""
    n, c, h, w = features.shape
    f = features.reshape(n, c, h * w)
    return (f @ f.transpose(1, 2)).float() / (c * h * w)


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference over the target's variance: 0 is equal, about 2 is unrelated, in any layer and network."""
    target = target.float()
    return (features.float() - target).square().mean() / target.var().clamp_min(1e-6)


def gram_loss(gram_matrix: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of Gram matrices over the target's mean square: 0 is equal, in any layer and network.

    `gram_matrix` (N, C, C), `target` (C, C) or (N, C, C).
    """
    return (gram_matrix - target).square().mean() / target.square().mean().clamp_min(1e-12)


def tv_loss(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, horizontal plus vertical, of (N, C, H, W)."""
    horizontal = (x[..., :, 1:] - x[..., :, :-1]).abs()
    vertical = (x[..., 1:, :] - x[..., :-1, :]).abs()
    zero = x.sum() * 0  # a side of one pixel has no neighbours
    return (horizontal.mean() if horizontal.numel() else zero) + (vertical.mean() if vertical.numel() else zero)


def pixel_weight(alpha: Tensor, height: int, width: int) -> Tensor:
    """How much each cell of a feature map counts: alpha (1, 1, H, W) averaged to `height` x `width`, with sum 1.

    Alpha that is zero everywhere counts the same everywhere.
    """
    weight = F.adaptive_avg_pool2d(alpha.float(), (height, width))
    total = weight.sum()
    return weight / total if total > 0 else torch.full_like(weight, 1 / weight.numel())


def mean_gram(features: Tensor, shift: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """The mean over all cells of (f - shift) (f - shift)^T, float32 (C, C), of one map (1, C, H, W).

    Not divided by the number of channels. `shift` (C,) is an activation shift (Novak and Nikulin 2016, arXiv 1605.04603,
    section 3.3): with the style's own mean there, a Gram matrix tells strokes apart that a large mean would drown. `weight`
    (1, 1, H, W) sums to 1 (`pixel_weight`). The product is taken in the features' own precision.
    """
    c, cells = features.shape[1], features.shape[2] * features.shape[3]
    if shift is not None:
        features = features - shift.to(features.dtype).view(1, c, 1, 1)
    f = features.reshape(c, cells)
    if weight is None:
        return (f @ f.T).float() / cells
    return ((f * weight.reshape(1, cells).to(f.dtype)) @ f.T).float()


def squared_distance(features: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference of two maps (1, C, H, W), the cells weighted by `weight` (1, 1, H, W) with sum 1."""
    squares = (features.float() - target.float()).square()
    return squares.mean() if weight is None else (squares * weight).sum() / squares.shape[1]
