# SPDX-License-Identifier: Apache-2.0
"""Perceptual losses: content, Gram and total variation.

A loss weight means nothing without its normalization, so each function states its own. Feature maps are (N, C, H, W).
"""

from __future__ import annotations

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
