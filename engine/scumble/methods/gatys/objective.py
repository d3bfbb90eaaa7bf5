# SPDX-License-Identifier: Apache-2.0
"""The loss of an optimised picture: content + style + total variation, through one perceptual network.

Invariant: it is computed stage by stage, forward and backward, with a `yield` after each, so that its caller can stop
within a fraction of a second even where one evaluation takes several. Hidden pixels (alpha 0) count nothing. Large pictures
are for tiled_loss.py.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Self

import torch
from torch import Tensor

from scumble.nst.losses import distinctness, mean_gram, pixel_weight, pseudo_huber, salience, squared_distance, tv_loss
from scumble.nst.style_statistics import PICTURE, FeatureStatistics, LayerStatistics
from scumble.nst.tensors import shrink
from scumble.nst.vgg import VGG

FLAT = 0.01
"""Share of the Gram matrix's mean square that is added to the covariance's in the divisor: a flat painting, or a map of one
cell, has a covariance of 0."""

Layers = Mapping[str, float]
"""Weight by layer name."""

Weights = Sequence[Tensor | None]
"""For each style how much each cell of a map counts, (1, 1, h, w); None where all count the same."""


@dataclass(frozen=True)
class Terms:
    """What counts, and how much.

    Every term is weight * layer weight * mean squared difference / a divisor that makes it independent of the network's
    scale. Relative terms are divided by the target's own size: content by the variance of the content's features, style by
    the mean square of the style's Gram matrix, taken after an activation shift by the style's mean (but see FLAT). The
    published ones are divided by the mean activation squared (content) or to the fourth (style), as the authors' networks
    have mean activation 1.
    """

    content: Layers
    style: Layers
    content_weight: float = 1.0
    style_weight: float = 1.0
    colour_weight: float = 0.0
    """Weight of the pixels' own colours: mean square of the covariance of their red, green and blue (after a shift by the
    painting's mean) less the painting's, in coordinates in which that is 1. No network sees hues as exactly."""
    tv_weight: float = 0.0
    relative: bool = True
    salient: bool = False
    """Whether what stands out of the content counts more (losses.salience): faces and lettering stay, plain grounds take the
    ornaments."""
    scales: tuple[int, ...] = (1,)
    """Style is compared in the picture and in its reductions by these factors, painting alike; the terms are averaged."""


@dataclass(frozen=True)
class Losses:
    """Unweighted but for the layers' weights; `total` is what descends."""

    total: float
    content: float
    style: float
    colour: float
    tv: float


@dataclass(frozen=True)
class ContentTarget:
    """What the content shows in one layer: `features` (1, C, h, w), the `divisor` of their mean squared distance, and how much
    each cell counts, `weight` (1, 1, h, w) with sum 1; None where all count the same."""

    features: Tensor
    divisor: Tensor
    weight: Tensor | None


@dataclass
class Objective:
    """The loss of pictures (1, 3, H, W) against one content and weighted styles. Make it with `objective`."""

    net: VGG
    terms: Terms
    content: Mapping[str, ContentTarget]
    """By layer."""
    styles: Sequence[tuple[float, Mapping[int, FeatureStatistics]]]
    """Weight and statistics by scale of each style."""
    alpha: Tensor | None = None
    guides: Tensor | None = None
    """(S, 1, H, W): how much of each pixel belongs to each style, where they are mixed by place; their Gram matrices are then
    of their own places (Gatys et al. 2017, arXiv 1611.07865, section 4: guided Gram matrices)."""
    delta: float = 0.0
    """How much of a relative style term of one layer pulls in full. Far above it a term's pull grows like its root, so that
    one that begins at a thousand times its end does not wreck the content, which takes longer to mend than to keep. Without
    bound on any term and with the same bottom for each; 0 pulls as the loss does. Losses are always reported as they are."""
    _weights: dict[tuple[int, int, int | None], Tensor] = field(default_factory=dict)
    _whitening: dict[Tensor, Tensor] = field(default_factory=dict)

    def evaluate(self, x: Tensor) -> Generator[float, None, Losses]:
        """Add the gradient of what pulls (`delta`) to `x.grad`; give the losses. Yields the share done between stages."""
        sums = {"content": 0.0, "style": 0.0}
        done, total = 0, 2 * sum(len(self.net.stages(self.wanted(scale))) for scale in self.terms.scales)
        for scale in self.terms.scales:
            small = shrink(x, scale)
            passed = []
            y = small.detach().contiguous(memory_format=torch.channels_last)
            for stage in self.net.stages(self.wanted(scale)):
                y = y.detach().requires_grad_()
                after, features = self.net.stage(stage, y)
                present = []
                if scale == 1 and (part := self._content(features)) is not None:
                    sums["content"] += float(part.detach())
                    present.append(self.terms.content_weight * part)
                grams = {n: self.grams(n, f, scale, self.weights(f)) for n, f in features.items() if n in self.terms.style}
                if grams:
                    pull, loss = self.style(grams, scale)
                    sums["style"] += loss
                    present.append(self.terms.style_weight * pull)
                passed.append((y, after, present))
                y = after
                done += 1
                yield done / total
            gradient: Tensor | None = None
            while passed:
                y, after, present = passed.pop()
                outputs = [*present, *([after] if gradient is not None else [])]
                if outputs:
                    torch.autograd.backward(outputs, [None] * len(present) + ([gradient] if gradient is not None else []))
                gradient = y.grad
                del y, after, present, outputs
                done += 1
                yield done / total
            if gradient is not None:
                torch.autograd.backward(small, gradient)
        t = self.terms
        colour, tv = self.colour(self.colours(x, self.weights(x))), tv_loss(x)
        for weight, value in ((t.colour_weight, colour), (t.tv_weight, tv)):
            if weight:
                torch.autograd.backward(weight * value)
        return self.losses(**sums, colour=float(colour.detach()), tv=float(tv.detach()))

    def losses(self, content: float, style: float, colour: float, tv: float) -> Losses:
        """Each term's and their weighted sum."""
        t = self.terms
        total = t.content_weight * content + t.style_weight * style + t.colour_weight * colour + t.tv_weight * tv
        return Losses(total, content, style, colour, tv)

    def with_more_style(self, times: float) -> Self:
        """The same loss, in which the style counts that many times as much."""
        t = self.terms
        return replace(self, terms=replace(t, style_weight=times * t.style_weight, colour_weight=times * t.colour_weight))

    def wanted(self, scale: int) -> set[str]:
        """The layers that are computed: of the reductions, only for the style."""
        return set(self.terms.style) | (set(self.terms.content) if scale == 1 else set())

    def _content(self, features: Mapping[str, Tensor]) -> Tensor | None:
        losses = [
            weight * squared_distance(features[name], target.features, target.weight) / target.divisor
            for name, weight in self.terms.content.items()
            if name in features
            for target in [self.content[name]]
        ]
        return torch.stack(losses).sum() if losses else None

    def grams(self, name: str, f: Tensor, scale: int, weights: Weights) -> list[Tensor]:
        """What is compared of one layer's map (1, C, h, w), for each style: Gram matrices (C, C)."""
        means = [statistics[scale][name].mean if self.terms.relative else None for _, statistics in self.styles]
        return [mean_gram(f, mean, weight) for mean, weight in zip(means, weights, strict=True)]

    def style(self, grams: Mapping[str, Sequence[Tensor]], scale: int) -> tuple[Tensor, float]:
        """What pulls, and the loss itself, of some layers' Gram matrices."""
        weighted = [
            (share * self.terms.style[name] / len(self.terms.scales), self._gram_term(gram, statistics[scale][name]))
            for name, each in grams.items()
            for gram, (share, statistics) in zip(each, self.styles, strict=True)
        ]
        pull = torch.stack([weight * self._pull(term) for weight, term in weighted]).sum()
        return pull, float(torch.stack([weight * term.detach() for weight, term in weighted]).sum())

    def _pull(self, term: Tensor) -> Tensor:
        return pseudo_huber(term, self.delta) if self.delta else term

    def _gram_term(self, gram: Tensor, style: LayerStatistics) -> Tensor:
        if self.terms.relative:
            size = style.centred.square().mean() + FLAT * style.gram.square().mean()
            return (gram - style.centred).square().mean() / size.clamp_min(1e-12)
        return (gram - style.gram).square().mean() / style.mean.mean().clamp_min(1e-6) ** 4

    def colours(self, x: Tensor, weights: Weights) -> list[Tensor]:
        """What is compared of the pixels themselves, for each style: covariances (3, 3) after its shift."""
        means = [statistics[1][PICTURE].mean for _, statistics in self.styles]
        return [mean_gram(x, mean, weight) for mean, weight in zip(means, weights, strict=True)]

    def colour(self, covariances: Sequence[Tensor]) -> Tensor:
        """The loss of `colours`."""
        parts = []
        for covariance, (share, statistics) in zip(covariances, self.styles, strict=True):
            style = statistics[1][PICTURE]
            if style.mean not in self._whitening:
                self._whitening[style.mean] = _whitening(style.centred)
            w = self._whitening[style.mean]
            parts.append(share * (w @ (covariance - style.centred) @ w).square().mean())
        return torch.stack(parts).sum()

    def weight(self, f: Tensor, style: int | None = None) -> Tensor | None:
        """How much each cell of a map counts, (1, 1, h, w) with sum 1; None where all count the same. With `style`, for that
        one alone."""
        guide = None if self.guides is None or style is None else self.guides[style : style + 1]
        if self.alpha is None and guide is None:
            return None
        key = (f.shape[2], f.shape[3], None if guide is None else style)
        if key not in self._weights:
            parts = [part for part in (self.alpha, guide) if part is not None]
            self._weights[key] = pixel_weight(reduce(torch.mul, parts), f.shape[2], f.shape[3])
        return self._weights[key]

    def weights(self, f: Tensor) -> Weights:
        """The same for each of the styles."""
        return [self.weight(f, style) for style in range(len(self.styles))]


def objective(
    net: VGG,
    terms: Terms,
    content: Tensor,
    styles: Sequence[tuple[float, Mapping[int, FeatureStatistics]]],
    alpha: Tensor | None = None,
    guides: Tensor | None = None,
) -> Generator[None, None, Objective]:
    """Look at the content (1, 3, H, W) in [0, 1], with alpha (1, 1, H, W) or None for an opaque one. Yields between stages."""
    targets: dict[str, ContentTarget] = {}
    y = content.contiguous(memory_format=torch.channels_last)
    for stage in net.stages(terms.content):
        with torch.no_grad():
            y, features = net.stage(stage, y)
            for name in features.keys() & terms.content.keys():
                f = features[name]
                divisor = f.var(correction=0).clamp_min(1e-6) if terms.relative else f.mean().clamp_min(1e-6).square()
                weight = None if alpha is None else pixel_weight(alpha, f.shape[2], f.shape[3])
                if terms.salient:
                    mean = f.mean((2, 3), keepdim=True) if weight is None else (f * weight).sum((2, 3), keepdim=True)
                    weight = salient_weight(distinctness(f, mean), weight)
                targets[name] = ContentTarget(f, divisor, weight)
        yield
    return Objective(net, terms, targets, styles, alpha, guides)


def salient_weight(distinct: Tensor, weight: Tensor | None) -> Tensor:
    """How much each cell counts, (1, 1, h, w) with sum 1, by its salience and, where it is given, by `weight`."""
    counted = salience(distinct, weight)
    return counted / counted.numel() if weight is None else counted * weight


def _whitening(covariance: Tensor) -> Tensor:
    """The symmetric matrix (C, C) that takes vectors of this covariance to one near 1; directions that hardly vary count
    as if they had a fiftieth of the mean variance."""
    values, vectors = torch.linalg.eigh(covariance.double().cpu())
    values = values.clamp_min(0) + values.mean().clamp_min(1e-6) / 50
    w: Tensor = (vectors * values.rsqrt()) @ vectors.T
    return w.to(covariance)
