# SPDX-License-Identifier: Apache-2.0
"""The training loss of the feed-forward methods: content features and Gram matrices of frozen teachers, at two scales.

Every term is normalised by its target (losses.py), so weights compare across layers, teachers and styles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.losses import content_loss, gram, gram_loss, tv_loss
from scumble.train.teachers import Teachers

Layers = Mapping[str, float]
"""Weight by "teacher/layer"; the weights of one kind are brought to a sum of 1."""


@dataclass(frozen=True)
class Objective:
    """What is compared and how much it counts: content + style * Gram + tv * TV."""

    content_layers: Layers
    style_layers: Layers
    style: float = 5.0
    tv: float = 0.1
    scales: tuple[int, ...] = (1, 2)


@dataclass
class PerceptualObjective:
    """An Objective with its teachers and one style's Gram targets (scale -> layer -> (1, C, C))."""

    teachers: Teachers
    objective: Objective
    targets: dict[int, dict[str, Tensor]] = field(default_factory=dict)

    @torch.no_grad()
    def set_style(self, painting: Tensor) -> None:
        """`painting` (1, 3, H, W) in [0, 1], at the size whose strokes the network shall paint."""
        wanted = set(self.objective.style_layers)
        with torch.autocast(painting.device.type, enabled=False):
            for scale in self.objective.scales:
                features = self.teachers(shrink(painting, scale), wanted)
                self.targets[scale] = {k: gram(v) for k, v in features.items()}

    def __call__(self, output: Tensor, content: Tensor) -> dict[str, Tensor]:
        """Losses of (N, 3, H, W) `output` of `content`, both in [0, 1]: content, style, tv and their weighted total."""
        o = self.objective
        with torch.no_grad():
            truth = self.teachers(content, set(o.content_layers))
        style = output.new_zeros((), dtype=torch.float32)
        c = output.new_zeros((), dtype=torch.float32)
        for i, scale in enumerate(o.scales):
            wanted = set(o.style_layers) | (set(o.content_layers) if i == 0 else set())
            features = self.teachers(shrink(output, scale), wanted)
            if i == 0:
                c = c + _weighted(o.content_layers, lambda k, f=features: content_loss(f[k], truth[k]))
            targets = self.targets[scale]
            style = style + _weighted(o.style_layers, lambda k, f=features, t=targets: gram_loss(gram(f[k]), t[k])) / len(
                o.scales
            )
        tv = tv_loss(output.float())
        return {"total": c + o.style * style + o.tv * tv, "content": c, "style": style, "tv": tv}


def shrink(x: Tensor, scale: int) -> Tensor:
    """`x` at 1/scale of its size, by area averaging."""
    return x if scale == 1 else F.avg_pool2d(x, scale)


def _weighted(layers: Layers, term) -> Tensor:  # type: ignore[no-untyped-def]
    total = sum(layers.values())
    return sum(weight / total * term(name) for name, weight in layers.items())  # type: ignore[return-value]
