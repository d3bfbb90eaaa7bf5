# SPDX-License-Identifier: Apache-2.0
"""How a stylized picture is looked at: by which layers of which eyes, at which scales, against which Gram matrices.

Invariant: every term is normalised by its target (losses.py) and every picture is held against its own style, so a batch of
many styles weighs them alike. "Eyes" are whatever gives feature maps by name: one network, or several teachers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from scumble.nst.losses import content_loss, gram, gram_loss, pseudo_huber, root_gram_loss, tv_loss
from scumble.nst.tensors import shrink

Layers = Mapping[str, float]
"""Weight by layer; the weights of one kind are brought to a sum of 1."""

Eyes = Callable[[Tensor, set[str]], Mapping[str, Tensor]]
"""(N, 3, H, W) in [0, 1] and the layers wanted, to feature maps by layer."""

Grams = Mapping[str, Tensor]
"""(N, C, C) by "scale/layer"."""


@dataclass(frozen=True)
class Look:
    """Style layers by scale (1 is the picture, 2 its half), content layers at one scale, how much style counts, and which share
    of the distance of Gram matrices, 0 to 1, is taken between their roots."""

    styles: Mapping[int, Layers]
    content: Layers
    content_scale: int = 1
    style_weight: float = 3.0
    roots: float = 0.0

    @property
    def layers(self) -> dict[int, set[str]]:
        """What has to be looked at, by scale."""
        wanted = {scale: set(layers) for scale, layers in self.styles.items()}
        wanted[self.content_scale] = wanted.get(self.content_scale, set()) | set(self.content)
        return wanted

    def distance(self, gram_matrix: Tensor, target: Tensor) -> Tensor:
        """Of one Gram matrix (C, C) from another."""
        kinds = ((self.roots, root_gram_loss), (1 - self.roots, gram_loss))
        return torch.stack([share * loss(gram_matrix, target) for share, loss in kinds if share > 0]).sum()


def grams_of(pictures: Tensor, eyes: Eyes, wanted: Mapping[int, set[str]]) -> dict[str, Tensor]:
    """The Gram matrices of pictures (N, 3, H, W), by scale and layer."""
    return {f"{s}/{k}": gram(f) for s, layers in wanted.items() for k, f in eyes(shrink(pictures, s), layers).items()}


def compare(y: Tensor, x: Tensor, targets: Grams, eyes: Eyes, look: Look, delta: float = 0.0) -> dict[str, Tensor]:
    """Content, style and TV losses of pictures `y` of contents `x` (N, 3, H, W), each against its own style's `targets`.

    With `delta` also "pull": style in its pseudo-Huber form (losses.pseudo_huber), so that one whose term is very large does
    not drown all others.
    """
    with torch.no_grad():
        truth = eyes(shrink(x, look.content_scale), set(look.content))
    seen = {scale: eyes(shrink(y, scale), wanted) for scale, wanted in look.layers.items()}
    content = _mean(look.content, {k: content_loss(seen[look.content_scale][k], truth[k]) for k in look.content})
    styles, pulls = [], []
    for scale, layers in look.styles.items():
        pairs = {k: zip(gram(seen[scale][k]), targets[f"{scale}/{k}"], strict=True) for k in layers}
        terms = {k: torch.stack([look.distance(g, t) for g, t in pairs[k]]) for k in layers}
        styles.append(_mean(layers, {k: term.mean() for k, term in terms.items()}))
        if delta:
            pulls.append(_mean(layers, {k: pseudo_huber(term, delta).mean() for k, term in terms.items()}))
    found = {"content": content, "style": torch.stack(styles).mean(), "tv": tv_loss(y.float())}
    return found | ({"pull": torch.stack(pulls).mean()} if pulls else {})


def _mean(layers: Layers, terms: dict[str, Tensor]) -> Tensor:
    total = sum(layers.values())
    return torch.stack([weight / total * terms[name] for name, weight in layers.items()]).sum()
