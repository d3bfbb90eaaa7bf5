# SPDX-License-Identifier: Apache-2.0
"""What a style prediction network sees of a painting: a vector of fixed length, whatever the painting's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.norms import moments
from scumble.nst.pretrained import find_or_download, holding_published, load_perceptual
from scumble.nst.vgg import VGG, WIDTHS

SIGNATURE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Layers of a narrow network whose means and deviations describe a painting to the predictor."""

SIGNATURE_SIZE = 2 * sum(WIDTHS["quarter"]) + 12
"""Numbers of a signature: of each channel of these layers, and the colours' mean and covariance."""

Encoder = Literal["quarter", "compact", "inception"]

SIZES: dict[Encoder, int] = {"quarter": SIGNATURE_SIZE, "compact": SIGNATURE_SIZE, "inception": 768}
"""Numbers that each sees."""


@torch.no_grad()
def signature(net: VGG, picture: Tensor, layers: Sequence[str] = SIGNATURE_LAYERS) -> Tensor:
    """(N, SIGNATURE_SIZE) of pictures (N, 3, H, W) in [0, 1]: each channel's mean and log deviation in a narrow network,
    and the colours' mean and covariance."""
    features = net(picture, set(layers))
    parts = []
    for name in layers:
        mean, variance = (m.flatten(1) for m in moments(features[name]))
        parts += [mean, (variance + 1e-6).log() / 2]
    colours = picture.float().flatten(2)
    mean = colours.mean(2)
    centred = colours - mean[..., None]
    return torch.cat([*parts, mean, (centred @ centred.mT / colours.shape[2]).flatten(1)], 1)


class StyleEncoder(Protocol):
    """A frozen network and what is read off it."""

    def __call__(self, picture: Tensor) -> Tensor:
        """(N, S) of pictures (N, 3, H, W) in [0, 1], float32."""


class StatisticsEncoder(nn.Module):
    """Means and log deviations in five layers of a narrow perceptual network, and the colours' mean and covariance."""

    def __init__(self, network: Literal["quarter", "compact"]) -> None:
        super().__init__()
        self.net = load_perceptual(network).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Tensor:
        with torch.autocast(picture.device.type, enabled=False):  # a training must see what the method will see
            return signature(self.net, picture.float())


class Inception(nn.Module):
    """Inception-v3 to Mixed_6e, averaged over the picture (the paper's choice, section 3.2)."""

    STAGES = (
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
        *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    )
    LEAST = 75
    """Pixels on the shorter side, below which nothing is left of a picture; smaller ones are enlarged."""

    def __init__(self, net: nn.Module) -> None:
        """`net` is torchvision's Inception3."""
        super().__init__()
        self.stages = nn.Sequential(*(net.get_submodule(name) for name in self.STAGES))
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, picture: Tensor) -> Tensor:
        if min(picture.shape[2:]) < self.LEAST:
            picture = F.interpolate(picture, scale_factor=self.LEAST / min(picture.shape[2:]) + 0.02, mode="bilinear")
        with torch.autocast(picture.device.type, enabled=False):
            return self.stages(picture.float() * 2 - 1).mean((2, 3))  # type: ignore[no-any-return]


def load_style_encoder(encoder: Encoder) -> StatisticsEncoder | Inception:
    """The encoder, frozen. Raises ScumbleError "weights-missing" where Inception's weights are neither here nor can be
    downloaded, "weights-corrupt" where their file is damaged."""
    if encoder != "inception":
        return StatisticsEncoder(encoder).requires_grad_(False).eval()
    from torchvision.models import Inception_V3_Weights, inception_v3

    path = find_or_download(Inception_V3_Weights.IMAGENET1K_V1.url)
    net = inception_v3(weights=None, init_weights=False, aux_logits=True)
    with holding_published(path, "Inception-v3"):
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return Inception(net)
