# SPDX-License-Identifier: Apache-2.0
"""What trainings compare pictures by: content and style through a VGG-16, and what every network is asked besides.

Invariant: layers are compared in one network that has all of a VGG-16's up to relu5_1, the complete one or a narrow copy.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from scumble.nst.losses import lattice_loss
from scumble.nst.perceptual_loss import SPEC, FeatureExtractor, Grams, LossSpec, perceptual_losses

STYLE_WEIGHT = SPEC.style_weight
"""Of the style beside a content of 1, unless a recipe says otherwise."""

MOST = 8.0
"""Where the style loss of one layer of one picture ends: a picture far off must not drown all others."""

LATTICE, TV = 300.0, 0.1
"""Weights of the lattice loss and of total variation, where content counts 1."""


def described(spec: LossSpec) -> dict[str, object]:
    """What a card says of the losses, beside the weights that a recipe has."""
    return {
        "style_layers": dict(spec.styles[1]),
        "content_layers": dict(spec.content),
        "roots": spec.roots,
        "salient": spec.salient,
        "most": MOST,
        "tv": TV,
    }


def painted_losses(
    y: Tensor, x: Tensor, targets: Grams, teacher: FeatureExtractor, spec: LossSpec, lattice: float, reconstruction: float = 0.0
) -> dict[str, Tensor]:
    """The total loss and its parts for pictures `y` (N, 3, H, W) of contents `x`.

    The first pictures are stylized, one by each of `targets`; the others reconstruct their contents, and `reconstruction`
    weighs their mean squared error, as `lattice` weighs lattices.
    """
    n = len(next(iter(targets.values())))
    parts = perceptual_losses(y[:n], x[:n], targets, teacher, spec, most=MOST).means()
    parts["lattice"] = lattice_loss(y)
    total = parts["content"] + spec.style_weight * parts["style"] + TV * parts["tv"] + lattice * parts["lattice"]
    if len(x) > n:
        parts["rebuilt"] = F.mse_loss(y[n:].float(), x[n:])
        total = total + reconstruction * parts["rebuilt"]
    return {"total": total, **parts}
