# SPDX-License-Identifier: Apache-2.0
"""The perceptual loss of stylized pictures: content and style, through the layers of a feature extractor.

Invariant: every term is normalised by its target (losses.py) and every picture is compared with its own style, so a batch of
many styles weighs them alike. Gatys' descent has the same terms stage by stage (methods/gatys/objective.py), so that it can be
stopped within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from scumble.nst.losses import distinctness, gram, gram_loss, pseudo_huber, root_gram_loss, salience, tv_loss
from scumble.nst.tensors import shrink

Layers = Mapping[str, float]
"""Weight by layer; the weights of one kind are brought to a sum of 1."""

FeatureExtractor = Callable[[Tensor, set[str]], Mapping[str, Tensor]]
"""(N, 3, H, W) in [0, 1] and the layers wanted, to feature maps by layer."""

Grams = Mapping[str, Tensor]
"""(N, C, C) by "scale/layer"."""


STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_1")
"""Of VGG-16 and of its narrow copies: the last of each stage, and the first of the fifth."""

BALANCED = {"relu1_2": 8.0, "relu2_2": 5.7, "relu3_3": 4.0, "relu4_3": 0.5, "relu5_1": 0.1}
"""Weights of the style layers by which each pulls at a picture about as much as the others. The loss of a deep layer hardly
falls below 1 by any network, and its gradient is sixty times that of the first: weighted alike, nine tenths of what was trained
were the last two layers, and contrast, colours and sharp edges were left over."""

CONTENT_LAYER = "relu3_3"
CONTENT_LAYERS = {CONTENT_LAYER: 0.5, "relu4_1": 0.5}
"""Of trainings: edges, and what they are part of. No layer's gradient is nearer to LPIPS' than that of relu4_1."""

FAINT = 0.05
"""Variance of a channel, in shares of the mean square of all, below which what it sees in a photograph counts less: in a plain
sky all strokes would be errors."""


@dataclass(frozen=True)
class LossSpec:
    """Style layers by scale (1 is the picture, 2 its half), content layers, how much style counts, which share
    of the distance of Gram matrices, 0 to 1, is taken between their roots, and whether cells of a content count by their
    salience (losses.salience): a face more than the wall behind it."""

    styles: Mapping[int, Layers]
    content: Layers
    style_weight: float = 3.0
    roots: float = 0.0
    salient: bool = False

    @property
    def layers(self) -> dict[int, set[str]]:
        """All layers that the loss needs, by scale."""
        wanted = {scale: set(layers) for scale, layers in self.styles.items()}
        wanted[1] = wanted.get(1, set()) | set(self.content)
        return wanted

    def distance(self, gram_matrix: Tensor, target: Tensor) -> Tensor:
        """The distance of one Gram matrix (C, C) from another."""
        kinds = ((self.roots, root_gram_loss), (1 - self.roots, gram_loss))
        return torch.stack([share * loss(gram_matrix, target) for share, loss in kinds if share > 0]).sum()


SPEC = LossSpec({1: BALANCED}, CONTENT_LAYERS, style_weight=16.0, roots=0.5, salient=True)
"""What all trainings of networks descend, and refinements of styles."""


def grams_of(pictures: Tensor, features: FeatureExtractor, wanted: Mapping[int, set[str]]) -> dict[str, Tensor]:
    """The Gram matrices of pictures (N, 3, H, W), by scale and layer."""
    return {
        f"{scale}/{name}": gram(maps)
        for scale, layers in wanted.items()
        for name, maps in features(shrink(pictures, scale), layers).items()
    }


@dataclass(frozen=True)
class PerceptualLosses:
    """Content and style of each picture (N,), and the total variation of all. `pull` (N,) is style in its pseudo-Huber form
    (losses.pseudo_huber), so that a picture whose style is far off does not drown all others; style itself without a delta."""

    content: Tensor
    style: Tensor
    pull: Tensor
    tv: Tensor

    def means(self) -> dict[str, Tensor]:
        """Scalars by name."""
        return {"content": self.content.mean(), "style": self.style.mean(), "tv": self.tv}


def perceptual_losses(
    y: Tensor,
    x: Tensor,
    targets: Grams,
    features: FeatureExtractor,
    spec: LossSpec,
    delta: float = 0.0,
    most: float = math.inf,
) -> PerceptualLosses:
    """Losses of pictures `y` of contents `x` (N, 3, H, W), each against its own style's `targets`.

    `delta` is pseudo-Huber's; above `most` the style of one layer of one picture counts no more.
    """
    with torch.no_grad():
        truth = features(x, set(spec.content))
    painted = {scale: features(shrink(y, scale), wanted) for scale, wanted in spec.layers.items()}
    content = _mean(spec.content, {k: _content(painted[1][k], truth[k], spec.salient) for k in spec.content})
    style, pull = style_losses(painted, targets, spec, delta, most)
    return PerceptualLosses(content, style, pull, tv_loss(y.float()))


def style_losses(
    painted: Mapping[int, Mapping[str, Tensor]], targets: Grams, spec: LossSpec, delta: float = 0.0, most: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Style and pull (N,), as PerceptualLosses has them, of pictures with the features `painted` by scale and layer."""
    styles, pulls = [], []
    for scale, layers in spec.styles.items():
        pairs = {k: zip(gram(painted[scale][k]), targets[f"{scale}/{k}"], strict=True) for k in layers}
        terms = {k: torch.stack([spec.distance(g, t) for g, t in pairs[k]]).clamp_max(most) for k in layers}
        styles.append(_mean(layers, terms))
        pulls.append(_mean(layers, {k: pseudo_huber(term, delta) for k, term in terms.items()}) if delta else styles[-1])
    return torch.stack(styles).mean(0), torch.stack(pulls).mean(0)


def _content(features: Tensor, truth: Tensor, salient: bool) -> Tensor:
    """Mean squared difference (N,) of feature maps, each channel of each picture brought to mean 0 and deviation 1: 0 is equal,
    2 is unrelated. So contrast and colours are the style's to say (Park and Lee 2019, arXiv 1812.02342). With
    `salient`, 2 is a mean over contents: what stands out has larger features, and counts more."""
    truth, features = truth.float(), features.float()
    faint = FAINT * truth.square().mean((1, 2, 3), keepdim=True)
    off = (_normalized(features, faint) - _normalized(truth, faint)).square()
    if not salient:
        return off.mean((1, 2, 3))
    distinct = distinctness(truth, truth.mean((2, 3), keepdim=True))
    return (salience(distinct) * off).mean((1, 2, 3))


def _normalized(features: Tensor, faint: Tensor) -> Tensor:
    variance, mean = torch.var_mean(features, (2, 3), keepdim=True, correction=0)
    return (features - mean) * (variance + faint).rsqrt()


def _mean(layers: Layers, terms: dict[str, Tensor]) -> Tensor:
    total = sum(layers.values())
    return torch.stack([weight / total * terms[name] for name, weight in layers.items()]).sum(0)
