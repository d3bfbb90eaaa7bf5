# SPDX-License-Identifier: Apache-2.0
"""The teacher of a training: a frozen VGG-16, complete or narrow, whose features the losses compare.

Three sources: "half" and "quarter", which ship, "torchvision" (VGG-16, downloaded once), and a folder with a complete VGG-16
(`complete_vgg16_*.safetensors`, conv1_1 to conv5_3 in Caffe's order, BGR * 255). A folder's file never ships; what is trained
through it does.
"""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file

from scumble.api.errors import ScumbleError
from scumble.library.places import SHIPPED, perceptual_path
from scumble.nst.pretrained import load_perceptual
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS

Narrow = Literal["half", "quarter"]
NARROW: tuple[Narrow, ...] = typing.get_args(Narrow)

NAMED = (*NARROW, "torchvision")
"""Teachers that need no folder: networks that ship, and the one that torchvision downloads."""

FILES = "complete_vgg16_*.safetensors"
"""What a folder is searched for."""

CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


def credited(source: str) -> str:
    """`source` as a card names it: a folder's path means nothing on another machine."""
    return source if source in NAMED else "VGG-16"


def files_of(source: str) -> list[Path]:
    """The file that `load_teacher` reads, where it is on this machine already."""
    if source in NARROW:
        return [perceptual_path(SHIPPED, source)]
    return [] if source in ("", "torchvision") else sorted(Path(source).glob(FILES))[:1]


def load_teacher(source: str) -> VGG:
    """The network of `source`: one of NAMED, or a folder.

    Raises ScumbleError "weights-missing" where it cannot be downloaded, or a folder holds none.
    """
    if source in NARROW:
        return load_perceptual(source)
    return load_complete(source)


def load_complete(source: str) -> VGG:
    """The complete VGG-16 of a folder, or of "torchvision". Raises ScumbleError "weights-missing" where there is none."""
    if source == "torchvision":
        return load_perceptual("vgg16")
    files = [] if source in NARROW else files_of(source)
    if not files:
        raise ScumbleError(
            "weights-missing",
            f"{source} has no complete VGG-16: it holds no {FILES}.",
            "--teachers takes torchvision, or a folder with such a file; most trainings take half and quarter too.",
        )
    net = VGG(DEPTHS["vgg16"], WIDTHS["vgg16"])
    weights = {name: tensor.float() for name, tensor in load_file(files[0]).items()}
    weights["conv1_1.weight"] = weights["conv1_1.weight"].flip(1)  # the file reads BGR
    net.convs.load_state_dict({k.removeprefix("conv"): v for k, v in weights.items()})
    net.mean.copy_(torch.tensor(CAFFE_MEAN_RGB).view(1, 3, 1, 1) / 255)
    net.std.fill_(1 / 255)
    return net.requires_grad_(False).eval()
