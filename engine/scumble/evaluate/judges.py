# SPDX-License-Identifier: Apache-2.0
"""Networks that judge a stylized picture: how much of the photograph and of the painting each finds in it.

Every layer's Gram loss is divided by the painting's Gram matrix' mean square, and the content loss by the variance of the
photograph's features (losses.py), so that figures compare across layers and networks: 0 is equal, 1 to 2 is unrelated. How much
of the photograph is left, LPIPS measures, which was fitted to what people call alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import squeezenet1_0

from scumble.api.errors import ScumbleError
from scumble.nst.losses import content_loss, gram, gram_loss
from scumble.nst.perceptual_loss import CONTENT_LAYER, STYLE_LAYERS, FeatureExtractor
from scumble.nst.pretrained import load_perceptual
from scumble.nst.vgg import VGG
from scumble.training.teachers import NARROW, load_complete, load_teacher

STYLE_WEIGHT = 3.0
"""Of the total, content + 3 style: a figure that rewards a picture which is hardly painted, so it stands in tables only."""


@dataclass(frozen=True)
class Judgement:
    """One network's losses for one picture; `style` is the mean of `layers`, which are by name."""

    content: float
    style: float
    layers: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return self.content + STYLE_WEIGHT * self.style


@dataclass(frozen=True)
class Expected:
    """One network's features of a photograph and Gram matrices of a painting, by layer."""

    content: Mapping[str, Tensor]
    manner: Mapping[str, Tensor]


@dataclass(frozen=True)
class Judge:
    """A frozen network, and the layers it compares. `look(x, layers)` gives the feature maps of (1, 3, H, W) in [0, 1]."""

    name: str
    look: FeatureExtractor
    content_layers: Sequence[str]
    style_layers: Sequence[str]

    @torch.no_grad()
    def expect(self, content: Tensor, painting: Tensor) -> Expected:
        """Both (1, 3, H, W) in [0, 1], the painting at the size whose strokes are wanted."""
        manner = self.look(painting, set(self.style_layers))
        return Expected(self.look(content, set(self.content_layers)), {k: gram(f) for k, f in manner.items()})

    @torch.no_grad()
    def __call__(self, painted: Tensor, expected: Expected) -> Judgement:
        """The losses of (1, 3, H, W) in [0, 1], of the size of the content that is expected."""
        features = self.look(painted, {*self.content_layers, *self.style_layers})
        contents = [float(content_loss(features[k], expected.content[k])) for k in self.content_layers]
        styles = {k: float(gram_loss(gram(features[k]), expected.manner[k])) for k in self.style_layers}
        return Judgement(sum(contents) / len(contents), sum(styles.values()) / len(styles), styles)


def compact_judge() -> Judge:
    """An older network that ships, which no loss of a training is computed through any more."""
    layers = [f"relu{k}_1" for k in range(1, 6)]
    return Judge("compact", load_perceptual("compact"), ["relu3_3"], layers)


def vgg16_judge(source: str) -> Judge:
    """The VGG-16 of a training's teacher (training/teachers.py), complete or narrow. Raises ScumbleError "weights-missing"."""
    name = source if source in NARROW else "vgg16"
    return Judge(name, load_teacher(source), [CONTENT_LAYER], list(STYLE_LAYERS))


LPIPS_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


@dataclass(frozen=True)
class Lpips:
    """Learned perceptual distance (Zhang et al. 2018, arXiv 1801.03924, section 3, "lin"): 0 is equal, above 0.7 unrelated.

    `weights` (1, C, 1, 1) are the package lpips' for torchvision's VGG-16. On the VGG-16 of style transfer they weigh other
    channels than they were fitted to, so figures compare with each other, not with those of other programs.
    """

    net: VGG
    weights: Sequence[Tensor]

    @torch.no_grad()
    def expect(self, photograph: Tensor) -> list[Tensor]:
        """The features of (1, 3, H, W) in [0, 1], each cell a unit vector."""
        features = self.net(photograph, set(LPIPS_LAYERS))
        return [features[k] / (features[k].square().sum(1, keepdim=True).sqrt() + 1e-10) for k in LPIPS_LAYERS]

    @torch.no_grad()
    def __call__(self, painted: Tensor, expected: Sequence[Tensor]) -> float:
        """The LPIPS distance of (1, 3, H, W) in [0, 1] from the photograph."""
        pairs = zip(self.weights, self.expect(painted), expected, strict=True)
        return sum(float(((a - b).square() * w).sum(1).mean()) for w, a, b in pairs)


def lpips_judge(source: str) -> Lpips | None:
    """With the complete VGG-16 of that teacher; None where it is a narrow one, or where the package lpips is not installed.

    Raises ScumbleError "weights-missing".
    """
    spec = find_spec("lpips")
    if spec is None or spec.origin is None or source in NARROW:
        return None
    fitted = torch.load(Path(spec.origin).parent / "weights" / "v0.1" / "vgg.pth", map_location="cpu", weights_only=True)
    return Lpips(load_complete(source), [fitted[f"lin{k}.model.1.weight"] for k in range(len(LPIPS_LAYERS))])


def squeezenet_judge(path: Path) -> Judge:
    """SqueezeNet 1.0 (Iandola et al. 2016, arXiv 1602.07360), which no training here looks through.

    Raises ScumbleError "weights-missing" and "weights-corrupt".
    """
    if not path.is_file():
        raise ScumbleError("weights-missing", f"There is no file {path}.", "--judge takes SqueezeNet 1.0 as safetensors.")
    net = SqueezeNet()
    try:
        net.load(load_file(path))
    except Exception as e:  # safetensors raises its own type from Rust
        raise ScumbleError("weights-corrupt", f"{path.name} does not hold SqueezeNet 1.0 ({e}).", "Name another file.") from e
    return Judge("squeezenet", net, ["fire5"], ["conv1", "fire2", "fire4", "fire6", "fire8"])


class SqueezeNet(nn.Module):
    """torchvision's SqueezeNet 1.0 to fire9, without its classifier, for weights in Caffe's order, BGR * 255 (table 1)."""

    LAYERS = ("conv1", "conv1", "", "fire2", "fire3", "fire4", "", "fire5", "fire6", "fire7", "fire8", "", "fire9")
    """Of each of torchvision's stages: conv1 with its ReLU, and "" where maps are pooled."""
    MEAN_BGR = (104.0, 117.0, 123.0)

    def __init__(self) -> None:
        super().__init__()
        self.stages = squeezenet1_0(weights=None).features
        self.requires_grad_(False).eval()

    def names(self) -> dict[str, str]:
        """Caffe's name of each parameter of the stages."""
        parts = {name: name.split(".", 1) for name in self.stages.state_dict()}
        return {n: f"{self.LAYERS[int(at)]}.{part.replace('squeeze.', 'squeeze1x1.')}" for n, (at, part) in parts.items()}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """By Caffe's names. Raises KeyError and RuntimeError."""
        self.stages.load_state_dict({name: weights[theirs].float() for name, theirs in self.names().items()})

    def forward(self, x: Tensor, wanted: set[str]) -> dict[str, Tensor]:
        """Feature maps by name: conv1, fire2 ... fire9, each after its ReLU."""
        y = x.flip(1) * 255 - x.new_tensor(self.MEAN_BGR).view(1, 3, 1, 1)
        out = {}
        for layer, stage in zip(self.LAYERS, self.stages, strict=True):
            y = stage(y)
            out[layer] = y
        return {k: out[k] for k in wanted}
