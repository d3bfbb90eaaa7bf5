# SPDX-License-Identifier: Apache-2.0
"""A narrow VGG-16 computed in closed form from the complete one, without any training.

Layer by layer: column-pivoted QR over the complete network's responses picks the most independent channels; ridge least squares
from the narrow network's own patches to the complete network's responses before ReLU, in those channels, gives kernel and bias.
The narrow network then goes on with its own outputs, so that errors are met where they arise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.layers import reflect_pad
from scumble.nst.vgg import VGG, narrow

PLACES = 40_000
"""Places at which responses are compared to choose channels."""
PATCHES = 60_000
"""Patches of each batch that a layer is fitted to."""
RIDGE = 1e-5
"""Of the mean diagonal of the normal equations."""


@torch.no_grad()
def narrowed(
    full: VGG, network: Literal["half", "quarter"], pictures: Tensor, generator: torch.Generator, report: Callable[[str], None]
) -> VGG:
    """The narrow `network` fitted to `full`, VGG-16, on `pictures` (N, 3, h, w) in [0, 1], sides multiples of 16.

    `report` gets a line a layer with the share of the variance of all its channels, after ReLU, that a linear map of the narrow
    network's channels leaves unexplained.
    """
    net = narrow(network)
    wide, own = (pictures - full.mean) / full.std, (pictures - net.mean) / net.std
    for layer in net.layers:
        if layer.endswith("_1") and layer != "1_1":
            wide, own = F.max_pool2d(wide, 2), F.max_pool2d(own, 2)
        before = _convolved(full.conv(layer), wide)
        wide = F.relu(before)
        kept = net.conv(layer).out_channels
        places = torch.randperm(wide[:, 0].numel(), generator=generator)[:PLACES]
        chosen = independent_channels(_at(wide, places), kept)
        fit_convolution(net.conv(layer), own, before[:, chosen], generator)
        own = F.relu(_convolved(net.conv(layer), own))
        report(f"{network} {layer}: {kept} of {wide.shape[1]} channels, {unexplained(_at(own, places), _at(wide, places)):.3f}")
    return net.requires_grad_(False).eval()


def independent_channels(responses: Tensor, count: int) -> Tensor:
    """The `count` columns of `responses` (places, C) that span most of them, in rising order (count,)."""
    left = torch.cov(responses.double().T)
    chosen: list[int] = []
    for _ in range(count):  # pivoted Cholesky of the covariance: pivots as of column-pivoted QR of the responses
        pivot = int(left.diagonal().argmax())
        chosen.append(pivot)
        column = left[:, pivot] / left[pivot, pivot].sqrt()
        left = left - torch.outer(column, column)
        left[pivot, pivot] = 0
    return torch.tensor(sorted(chosen))


def fit_convolution(conv: nn.Conv2d, inputs: Tensor, wanted: Tensor, generator: torch.Generator) -> None:
    """Set the 3 x 3 kernel and bias of `conv` by ridge least squares, so that it makes `wanted` (N, K, h, w) of `inputs`
    (N, C, h, w)."""
    n, _, height, width = inputs.shape
    each = max(1, min(height * width, PATCHES // n))
    size = 9 * inputs.shape[1] + 1
    normal, right = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, wanted.shape[1], dtype=torch.float64)
    for picture, answer in zip(inputs, wanted, strict=True):
        places = torch.randperm(height * width, generator=generator)[:each]
        patches = F.unfold(reflect_pad(picture[None], 1, 1, 1, 1), 3)[0, :, places].T.double()
        patches = torch.cat([patches, torch.ones(len(patches), 1, dtype=torch.float64)], 1)
        normal += patches.T @ patches
        right += patches.T @ answer.flatten(1)[:, places].T.double()
    normal.diagonal().add_(RIDGE * normal.diagonal().mean())
    solved = torch.linalg.solve(normal, right).float()
    assert conv.bias is not None
    conv.weight.copy_(solved[:-1].T.reshape(conv.weight.shape))
    conv.bias.copy_(solved[-1])


def linear_map(own: Tensor, wanted: Tensor) -> Tensor:
    """(C + 1, K), the last row the bias: the least-squares map of `own` (places, C) to `wanted` (places, K)."""
    own = torch.cat([own, own.new_ones(len(own), 1)], 1).double()
    solution: Tensor = torch.linalg.lstsq(own, wanted.double()).solution
    return solution


def unexplained(own: Tensor, wanted: Tensor) -> float:
    """Share of the variance of `wanted` (places, K) that the best linear map of `own` (places, C) does not explain."""
    solved = linear_map(own, wanted)
    left = own.double() @ solved[:-1] + solved[-1] - wanted
    return float(left.square().mean() / wanted.double().var(0).mean())


def _convolved(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(reflect_pad(x, 1, 1, 1, 1), conv.weight, conv.bias)


def _at(features: Tensor, places: Tensor) -> Tensor:
    """(places, C) of (N, C, h, w)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)[places]
