# SPDX-License-Identifier: Apache-2.0
"""Teachers: frozen feature networks whose features the losses of trainings compare, named "teacher/reluK_J".

Three sources: "compact" (the network that ships), "torchvision" (real VGG-16 and VGG-19, downloaded once), or a folder
with a partial VGG-16 (`vgg16_*.safetensors`, Caffe order BGR * 255) and a pruned VGG-19 (`cd_vgg19_16x/5SE.safetensors`,
Wang et al. 2020, arXiv 2003.08436). A folder's files never ship; what is trained through them does.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.nst.perceptual_loss import STYLE_LAYERS
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS

Source = Literal["half", "quarter", "compact", "torchvision"]
NAMED: tuple[Source, ...] = typing.get_args(Source)
"""Teachers that need no folder: networks that ship, and those that torchvision downloads."""

CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


class Teachers(nn.Module):
    """Several frozen networks used as one: input (N, 3, H, W) in [0, 1], output {"vgg16/relu1_2": (N, C, h, w), ...}."""

    def __init__(self, nets: dict[str, VGG]) -> None:
        super().__init__()
        self.layers = {name: set(net.layers) for name, net in nets.items()}
        self.nets = dict(nets)
        self._registered = nn.ModuleList(nets.values())  # a ModuleDict cannot hold "half", which is a method of modules
        self.requires_grad_(False).eval()

    @property
    def deep(self) -> str | None:
        """The network with the deepest layers besides a VGG-16; broad strokes are compared in it."""
        return next((name for name in ("pruned", "compact", "vgg19") if name in self.layers), None)

    @property
    def complete(self) -> str | None:
        """A network with VGG-16's layers up to relu5_1, which needs no other beside it."""
        wanted = {layer.removeprefix("relu") for layer in STYLE_LAYERS}
        return next((name for name in ("half", "quarter", "vgg16") if wanted <= self.layers.get(name, set())), None)

    @property
    def style_layers(self) -> list[str]:
        """VGG-16's shallow layers for colours and fine strokes, and the deep network's for broad ones."""
        shallow = [f"vgg16/relu{n}" for n in ("1_2", "2_2", "3_3") if "vgg16" in self.layers]
        deep = self.deep
        return shallow + [f"{deep}/relu{k}_1" for k in range(1, 6) if deep and f"{k}_1" in self.layers[deep]]

    @property
    def content_layer(self) -> str:
        return f"{'vgg16' if 'vgg16' in self.layers else self.deep}/relu3_3"

    def forward(self, x: Tensor, wanted: set[str]) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        for name, net in self.nets.items():
            layers = {w.split("/")[1] for w in wanted if w.startswith(name + "/")}
            if layers:
                out |= {f"{name}/{k}": v for k, v in net(x, layers).items()}
        return out


def credited(source: str) -> str:
    """`source` as a card names it: a folder's path means nothing on another machine, so its kind of contents is named."""
    return source if source in NAMED else "VGG-16 and pruned VGG-19"


def files_of(source: str) -> list[Path]:
    """The files that `load_teachers` reads of a folder; none where `source` is a name."""
    known = source in ("", *NAMED)
    return [] if known else [path for _, path, _ in _networks_in(Path(source))]


def load_teachers(source: str) -> Teachers:
    """The networks of `source`: one of NAMED, or a folder.

    Raises ScumbleError "weights-missing" where a network cannot be downloaded, or a folder holds none.
    """
    if source in NAMED:
        names = ("vgg16", "vgg19") if source == "torchvision" else (source,)
        return Teachers({n: load_perceptual(typing.cast(Network, n)) for n in names})
    folder = Path(source)
    nets = {name: read(path) for name, path, read in _networks_in(folder)}
    if not nets:
        raise ScumbleError(
            "weights-missing",
            f"{folder} holds none of {', '.join(p for p, _, _ in FILES)}.",
            f"--teachers takes {', '.join(NAMED)}, or a folder of teachers.",
        )
    return Teachers(nets)


def _networks_in(folder: Path) -> list[tuple[str, Path, Callable[[Path], VGG]]]:
    """Name, file and reader of every teacher in a folder; a complete VGG-16 comes before a partial one."""
    networks: dict[str, tuple[str, Path, Callable[[Path], VGG]]] = {}
    for pattern, name, read in FILES:
        for path in sorted(folder.glob(pattern))[:1]:
            networks.setdefault(name, (name, path, read))  # the complete VGG-16 before a partial one
    return list(networks.values())


def _caffe_vgg(path: Path, kind: str, depths: tuple[int, ...]) -> VGG:
    net = VGG(depths, WIDTHS[kind][: len(depths)])
    weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    weights["conv1_1.weight"] = weights["conv1_1.weight"].flip(1)  # the file reads BGR
    net.convs.load_state_dict({k.removeprefix("conv"): v for k, v in weights.items()})
    net.mean.copy_(torch.tensor(CAFFE_MEAN_RGB).view(1, 3, 1, 1) / 255)
    net.std.fill_(1 / 255)
    return net


def _vgg16(path: Path) -> VGG:
    return _caffe_vgg(path, "vgg16", DEPTHS["vgg16"][:3])


def _complete_vgg16(path: Path) -> VGG:
    return _caffe_vgg(path, "vgg16", DEPTHS["vgg16"])


def _vgg19(path: Path) -> VGG:
    return _caffe_vgg(path, "vgg19", (2, 2, 1))


def _pruned_vgg19(path: Path) -> VGG:
    net = VGG(DEPTHS["compact"], WIDTHS["compact"], padding="reflect")
    w = load_file(path)
    mix, shift = w["conv0.weight"][:, :, 0, 0], w["conv0.bias"]  # a pointwise input transform, folded into conv1_1
    state = {}
    for layer in net.layers:
        stem = "conv" + layer.replace("_", "")
        state[f"{layer}.weight"], state[f"{layer}.bias"] = w[f"{stem}.weight"], w[f"{stem}.bias"]
    first = state["1_1.weight"]
    state["1_1.bias"] = state["1_1.bias"] + (first.sum((2, 3)) @ shift)
    state["1_1.weight"] = torch.einsum("oihw,ij->ojhw", first, mix)
    net.convs.load_state_dict(state)
    net.mean.fill_(0)
    net.std.fill_(1)
    return net


FILES = (
    ("complete_vgg16_*.safetensors", "vgg16", _complete_vgg16),
    ("vgg16_*.safetensors", "vgg16", _vgg16),
    ("vgg19_*.safetensors", "vgg19", _vgg19),
    ("cd_vgg19_16x/5SE.safetensors", "pruned", _pruned_vgg19),
)
