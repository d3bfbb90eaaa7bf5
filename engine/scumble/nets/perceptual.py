# SPDX-License-Identifier: Apache-2.0
"""The perceptual networks a picture is judged through: the compact one that ships, and the real VGG-16 and VGG-19."""

from __future__ import annotations

from typing import Literal

from scumble.nets.vgg import DEPTHS, VGG, WIDTHS, compact
from scumble.weights import MODELS, load_weights

Network = Literal["compact", "vgg16", "vgg19"]

DOWNLOADS = {
    "vgg16": ("https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth", "88682ab5"),
    "vgg19": ("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "dcbb9e9d"),
}
"""Address and first eight digits of the sha256, as torchvision publishes them (VGG16_Weights.IMAGENET1K_FEATURES, whose
normalised weights Gatys-like methods want, and VGG19_Weights.IMAGENET1K_V1)."""


def load_perceptual(network: Network, pooling: Literal["max", "average"] = "max") -> VGG:
    """A frozen feature network in eval mode.

    Raises ScumbleError "weights-missing" where VGG is asked for, is not in torch's cache and cannot be downloaded.
    """
    if network == "compact":
        net = compact(pooling)
        net.convs.load_state_dict(load_weights(MODELS / "perceptual.safetensors")[0])
    else:
        net = VGG(DEPTHS[network], WIDTHS[network], pooling=pooling)
        _load_torchvision(net, network)
    return net.requires_grad_(False).eval()
