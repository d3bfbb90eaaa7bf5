# SPDX-License-Identifier: Apache-2.0
"""Instance normalization whose statistics can be collected once and frozen.

Invariant: with statistics collected over a picture and then frozen, every output pixel depends on its
receptive field alone, so a picture cut into tiles gives what the whole picture gives: in float32 to the bit, in half
precision to its rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NormStatistics = list[tuple[Tensor, Tensor]]
"""One (mean, variance) pair a norm layer, in the order of `Module.modules()`; each float32 (N, C, 1, 1)."""

PART = 1 << 19
"""Numbers of a map that a processor brings to float32 at a time: 2 MB, which its cache holds."""


class InstanceNorm2d(nn.Module):
    """Instance normalization with a learned scale and shift (Ulyanov et al. 2016, arXiv 1607.08022).

    Input and output (N, C, H, W). `eps` 1e-5 is the value of the paper's code. Without `affine` there is no scale and shift
    of its own; conditional instance normalization hands them to `forward`, (C,) each.
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.collecting = False
        self.pixel_weight: Tensor | None = None
        self.frozen: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        weight, bias = self.weight if weight is None else weight, self.bias if bias is None else bias
        if self.frozen is None and not self.collecting:
            w, b = (None if p is None else p.to(x.dtype) for p in (weight, bias))
            if len(x) > 1:
                return F.instance_norm(x, weight=w, bias=b, eps=self.eps)
            return F.batch_norm(x, None, None, w, b, training=True, eps=self.eps)  # keeps channels last, where the other copies
        if self.collecting:
            self.frozen = moments(x, self.pixel_weight)
        assert self.frozen is not None
        mean, var = self.frozen
        if x.dtype in (torch.bfloat16, torch.float16) and len(mean) == 1:  # four times as fast on a processor
            w, b = (None if p is None else p.float() for p in (weight, bias))
            return F.batch_norm(x, mean.flatten(), var.flatten(), w, b, eps=self.eps)
        scale = torch.rsqrt(var + self.eps)
        if weight is not None:
            scale = scale * weight.view(1, -1, 1, 1)
        shift = -mean * scale if bias is None else bias.view(1, -1, 1, 1) - mean * scale
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


class Whitening(InstanceNorm2d):
    """Brings a picture's colours to mean 0 and the unit covariance, as instance normalization does each channel alone.

    Input (N, 3, H, W), output float32: whatever is painted with these keeps the depth of the picture. Collected once and
    frozen like any norm's; the pair is then (mean (N, 3, 1, 1), matrix (N, 3, 3)).

    The matrix is the symmetric root.
    """

    def __init__(self, eps: float = 1e-4) -> None:
        super().__init__(3, eps, affine=False)

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        if self.frozen is not None and not self.collecting:
            mean, matrix = self.frozen
        else:
            mean, covariance = covariances(x, self.pixel_weight)
            matrix = power(covariance, self.eps, -0.5)
            if self.collecting:
                self.frozen = mean, matrix
        with torch.autocast(x.device.type, enabled=False):
            return recoloured(x.float(), matrix, -(matrix @ mean[..., 0])[..., 0])


def recoloured(x: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """(N, C, H, W), each pixel by `matrix` (N or 1, D, C) plus `shift` (N or 1, D): (N, D, H, W). What a 1x1 convolution gives,
    which takes three times as long of so few channels."""
    y = torch.baddbmm(shift[..., None].expand(len(x), -1, -1), matrix.expand(len(x), -1, -1), x.flatten(2))
    return y.view(*y.shape[:2], *x.shape[2:])


def covariances(x: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean (N, C, 1, 1) and covariance (N, C, C) over each picture, in float32; `weight` as in `moments`."""
    y = x.float().flatten(2)
    w = None
    if weight is not None:
        reduced = F.adaptive_avg_pool2d(weight.float(), (x.shape[2], x.shape[3])).flatten(2)
        w = reduced / reduced.sum() if reduced.sum() > 0 else None
    mean = y.mean(2, keepdim=True) if w is None else (y * w).sum(2, keepdim=True)
    centred = y - mean
    with torch.autocast(x.device.type, enabled=False):
        return mean[..., None], centred @ centred.mT / y.shape[2] if w is None else (centred * w) @ centred.mT


def power(covariance: Tensor, eps: float, exponent: float) -> Tensor:
    """The symmetric matrices (covariance + eps) ** exponent, (N, C, C)."""
    values, vectors = torch.linalg.eigh(covariance.double().cpu())
    result: Tensor = (vectors * (values.clamp_min(0) + eps)[:, None] ** exponent) @ vectors.mT
    return result.to(covariance)


def moments(x: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over the picture, float32 (N, C, 1, 1).

    `x` (N, C, H, W). `weight` (1, 1, h, w), values >= 0: how much each pixel counts (alpha, say); it is brought
    to H x W by area averaging. A weight that is zero everywhere counts as one everywhere.
    """
    if weight is not None:
        y = x.float()
        w = F.adaptive_avg_pool2d(weight.float(), (y.shape[-2], y.shape[-1]))
        total = w.sum()
        if total > 0:
            w = w / total
            mean = (y * w).sum((2, 3), keepdim=True)
            return mean, ((y - mean).square() * w).sum((2, 3), keepdim=True)
    last = len(x) == 1 and x.is_contiguous(memory_format=torch.channels_last)
    if last and x.device.type == "cpu" and x.dtype != torch.float64 and not x.requires_grad:
        return _moments_of_one(x)
    # By parts, columns first: on a processor torch.var_mean takes eight times as long over channels that lie side by side,
    # and a copy of a large map in float32 as long as all the rest.
    rows = PART // (x.numel() // x.shape[2]) if x.device.type == "cpu" else x.shape[2]
    parts = torch.split(x, max(1, rows), 2)
    mean = torch.stack([part.float().sum(3).sum(2) for part in parts]).sum(0)[..., None, None] / x[0, 0].numel()
    squares = [(part.float() - mean).square().sum(3).sum(2) for part in parts]
    return mean, torch.stack(squares).sum(0)[..., None, None] / x[0, 0].numel()


def _moments_of_one(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of one picture (1, C, H, W) whose channels lie side by side, as `_moments`, in a seventh of the time:
    as batch normalization does it. Without gradients. By parts, because it adds up in float32."""
    parts = torch.split(x, max(1, PART // 16 // x.shape[3]), 2)
    running = x.new_zeros(2, x.shape[1], dtype=torch.float32)  # says that the answer is float32
    by_part = [torch.batch_norm_update_stats(part, running[0], running[1], 0.0) for part in parts]
    means, variances = (torch.stack(f) for f in zip(*by_part, strict=True))
    share = torch.tensor([part.shape[2] / x.shape[2] for part in parts])[:, None]
    mean = (share * means).sum(0)
    variance = (share * (variances + (means - mean).square())).sum(0)
    return mean[None, :, None, None], variance[None, :, None, None]


def _norms(net: nn.Module) -> list[InstanceNorm2d]:
    return [m for m in net.modules() if isinstance(m, InstanceNorm2d)]


@contextmanager
def collected_statistics(net: nn.Module, weight: Tensor | None = None) -> Iterator[NormStatistics]:
    """Within the block a forward pass normalises by, and records, the picture's (weighted) statistics.

    The list it yields is filled when the block ends.
    """
    statistics: NormStatistics = []
    norms = _norms(net)
    for norm in norms:
        norm.collecting, norm.pixel_weight = True, weight
    try:
        yield statistics
        for norm in norms:
            if norm.frozen is not None:
                statistics.append(norm.frozen)
    finally:
        for norm in norms:
            norm.collecting, norm.pixel_weight, norm.frozen = False, None, None


@contextmanager
def frozen_statistics(net: nn.Module, statistics: Sequence[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Within the block every norm of `net` uses the given statistics instead of its input's own."""
    norms = _norms(net)
    if len(norms) != len(statistics):
        raise ValueError(f"the network has {len(norms)} norms, but statistics for {len(statistics)} were given")
    for norm, pair in zip(norms, statistics, strict=True):
        norm.frozen = pair
    try:
        yield
    finally:
        for norm in norms:
            norm.frozen = None
