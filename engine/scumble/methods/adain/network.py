# SPDX-License-Identifier: Apache-2.0
"""The network of Huang and Belongie 2017 (arXiv 1703.06868): a fixed encoder, AdaIN, and a decoder that mirrors the encoder.

Invariant: a style enters by two numbers a channel, its features' mean and standard deviation, and the decoder has no norm,
so that the features it is given, their statistics included, are what it paints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.library.weights import load_weights
from scumble.methods.feed_forward import holding
from scumble.nst.layers import Conv, binomial_blur
from scumble.nst.norms import InstanceNorm2d
from scumble.nst.vgg import VGG

STRIDE = 8
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 96
"""Pixels on each side on which an output pixel depends, a multiple of STRIDE: encoder 1 + 1 + 2 + 2 + 12 (relu3) + 8 (relu4_1)
and 7 for the pooling; decoder 8 + 8 (a neighbour for the upsampling) + 16 + 4 + 4 + 2 + 2 and 1 for the blur: 78."""

ADAIN_LAYERS = ("relu4_1", "relu3_1")
"""Where AdaIN is applied, deepest first. The paper has relu4_1 alone (but see README.md)."""

LOSS_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""The layers whose statistics the paper's style loss compares (section 6.1)."""

EPS = 1e-3
"""Added to variances. The encoder's layers have mean activation 1; a channel that varies less than 0.03 over a picture carries
the rounding of bfloat16 rather than the picture, and must not be amplified."""

ChannelStatistics = Mapping[str, tuple[Tensor, Tensor]]
"""By layer: mean and standard deviation of each channel, float32 (N, C, 1, 1)."""


def statistics(features: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and deviation of feature maps (N, C, H, W), by name. The deviation is that of the variance + EPS, as AdaIN divides
    by it."""
    by_layer = {}
    for name, f in features.items():
        cells = f.permute(0, 2, 3, 1).flatten(1, 2).float()  # as a channels-last map lies in memory, which is six times faster
        mean = cells.mean(1)
        var = (cells.square().mean(1) - mean.square()).clamp_min(0)
        by_layer[name] = (mean[:, :, None, None], (var + EPS).sqrt()[:, :, None, None])
    return by_layer


def blended(styles: Sequence[tuple[float, ChannelStatistics]]) -> dict[str, tuple[Tensor, Tensor]]:
    """The statistics of a weighted mixture (weights of sum 1).

    sum_i w_i AdaIN(f, s_i), the paper's equation 15, is AdaIN with the weighted mean of the statistics.
    """
    return {
        layer: tuple(torch.stack([w * s[layer][k] for w, s in styles]).sum(0) for k in (0, 1))  # type: ignore[misc]
        for layer in styles[0][1]
    }


def stacked(styles: Sequence[ChannelStatistics]) -> dict[str, tuple[Tensor, Tensor]]:
    """The statistics of several styles that are mixed by place: float32 (S, C, 1, 1)."""
    return {layer: (torch.cat([s[layer][0] for s in styles]), torch.cat([s[layer][1] for s in styles])) for layer in styles[0]}


class Decoder(nn.Module):
    """About relu4_1's mirror image: convolutions without norms, bilinear upsampling, a fixed blur at the end.

    `widths` are the encoder's channels at full, half, quarter and eighth size. Features AdaIN was applied to on the way up
    are added where the sizes meet.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        w1, w2, w3, w4 = widths
        self.stages = nn.ModuleList(
            nn.Sequential(*(Conv(a, b, 3, norm=False, relu=b != 3) for a, b in pairs))
            for pairs in (
                [(w4, w3)],
                [(w3, w3)] * 3 + [(w3, w2)],
                [(w2, w2), (w2, w1)],
                [(w1, w1), (w1, 3)],
            )
        )
        for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # without norms, torch's own start is nearly silent
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Features by layer (of ADAIN_LAYERS) to a picture, nominally in [0, 1] (the caller clamps)."""
        y = features["relu4_1"]
        for number, stage in enumerate(self.stages):
            if number:
                y = F.interpolate(y, scale_factor=2, mode="bilinear")
            beside = features.get(f"relu{4 - number}_1")
            y = stage(y + beside if number and beside is not None else y)
        return binomial_blur(y * 0.25 + 0.5)


class AdaIN(nn.Module):
    """AdaIN as an instance normalization whose scale and shift are a style's, so that its statistics can be frozen.

    Computed in float32: a channel may vary much less than it measures.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = InstanceNorm2d(channels, EPS, affine=False)

    def forward(self, x: Tensor, style: tuple[Tensor, Tensor], alpha: float = 1.0, shares: Tensor | None = None) -> Tensor:
        """(N, C, h, w) by the mean and deviation of one style, (1, C, 1, 1), or, with `shares` (S, 1, H, W), at any multiple
        of its resolution, of S that are mixed by place; N is then 1. `alpha` in [0, 1] mixes with the features as they came
        (the paper's section 7.2)."""
        means, stds = (values.flatten(1) for values in style)
        y = x.float()
        if shares is None:
            painted = self.norm(y, stds[0], means[0])
        else:
            part = F.adaptive_avg_pool2d(shares, (y.shape[2], y.shape[3]))[:, 0]
            std, mean = (torch.tensordot(v.T, part, 1)[None] for v in (stds, means))  # of each place
            painted = self.norm(y) * std + mean
        return torch.lerp(y, painted, alpha).to(x.dtype)


class AdaINNet(nn.Module):
    """Encoder (frozen) and decoder. Pictures are (N, 3, H, W) in [0, 1] with sides that are multiples of STRIDE."""

    def __init__(self, encoder: VGG, layers: Sequence[str] = ADAIN_LAYERS) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.layers = tuple(layers)
        self.decoder = Decoder([encoder.conv(f"{k}_1").out_channels for k in (1, 2, 3, 4)])
        self.adain = nn.ModuleDict({layer: AdaIN(encoder.conv(layer[4:]).out_channels) for layer in self.layers})

    def encode(self, x: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Feature maps, those AdaIN is applied to unless others are asked for."""
        return self.encoder(x, set(self.layers if layers is None else layers))  # type: ignore[no-any-return]

    @torch.no_grad()
    def measure(self, painting: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """A style's statistics, in float32."""
        return statistics(self.encode(painting))

    def paint(self, x: Tensor, style: ChannelStatistics, alpha: float = 1.0, shares: Tensor | None = None) -> Tensor:
        """The picture in a style (or a mixture, or several by place, as `AdaIN` takes them)."""
        features = self.encode(x)
        return self.decoder({k: self.adain[k](f, style[k], alpha, shares) for k, f in features.items()})  # type: ignore[no-any-return]

    def forward(self, content: Tensor, style: ChannelStatistics) -> tuple[Tensor, dict[str, Tensor]]:
        """The picture, and the features it was decoded from (the paper's t), for training."""
        features = self.encode(content)
        own = statistics(features)
        target = {k: ((f.float() - own[k][0]) / own[k][1] * style[k][1] + style[k][0]).to(f.dtype) for k, f in features.items()}
        return self.decoder(target), target


def load_network(path: Path) -> AdaINNet:
    """Encoder and decoder of a weight file, frozen, in eval mode. Raises ScumbleError "weights-corrupt"."""
    tensors, card = load_weights(path)
    with holding(path, "AdaIN network", "adain"):
        shape = card["architecture"]
        net = AdaINNet(VGG(shape["depths"], shape["widths"], shape["padding"]), shape["layers"])
        net.load_state_dict(tensors)
    return net.requires_grad_(False).eval()


def encoder_digest(net: AdaINNet) -> str:
    """The sha256 of the encoder's weights in half precision: statistics of one encoder mean nothing to another."""
    digest = hashlib.sha256()
    for name, values in sorted(net.encoder.convs.state_dict().items()):
        digest.update(name.encode() + values.half().cpu().numpy().tobytes())
    return digest.hexdigest()


def pack(ladder: Mapping[int, ChannelStatistics]) -> dict[str, Tensor]:
    """Statistics of one painting by its long side as the tensors of a weight file: "SIZE/LAYER" holds (2, C)."""
    return {
        f"{side}/{layer}": torch.stack([t.flatten() for t in pair])
        for side, measured in ladder.items()
        for layer, pair in measured.items()
    }


def load_channel_statistics(path: Path, net: AdaINNet) -> dict[int, ChannelStatistics]:
    """The statistics that `pack` wrote, in the encoder of `net`. Raises ScumbleError "weights-corrupt"."""
    tensors, card = load_weights(path)
    ladder: dict[int, dict[str, tuple[Tensor, Tensor]]] = {}
    with holding(path, "statistics of a painting", "adain-style"):
        for name, (mean, std) in tensors.items():
            side, layer = name.split("/")
            ladder.setdefault(int(side), {})[layer] = (mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1))
        if not ladder or any(set(measured) != set(net.layers) for measured in ladder.values()):
            raise ValueError("a layer is missing")
        if card.get("encoder") != encoder_digest(net):
            raise ValueError("it was measured through another encoder")
    return dict(ladder)
