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
        seen = {s: self.teachers(shrink(output, s), set(o.style_layers) | set(o.content_layers)) for s in o.scales}
        first = seen[o.scales[0]]
        c = _mean(o.content_layers, {k: content_loss(first[k], truth[k]) for k in o.content_layers})
        styles = [
            _mean(o.style_layers, {k: gram_loss(gram(seen[s][k]), self.targets[s][k]) for k in o.style_layers})
            for s in o.scales
        ]
        style = torch.stack(styles).mean()
        tv = tv_loss(output.float())
        return {"total": c + o.style * style + o.tv * tv, "content": c, "style": style, "tv": tv}


def shrink(x: Tensor, scale: int) -> Tensor:
    """`x` at 1/scale of its size, by area averaging."""
    return x if scale == 1 else F.avg_pool2d(x, scale)


def _mean(layers: Layers, terms: dict[str, Tensor]) -> Tensor:
    total = sum(layers.values())
    return torch.stack([weight / total * terms[name] for name, weight in layers.items()]).sum()
