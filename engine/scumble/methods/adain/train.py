# SPDX-License-Identifier: Apache-2.0
"""Train AdaIN's decoder for all paintings at once (Huang and Belongie 2017).

The losses are the paper's (section 6.1): the stylized picture's features against the features it was decoded from, and means
and standard deviations of relu1_1 to relu4_1 against the painting's, each normalised by its target. README.md
compares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.adain.network import LOSS_LAYERS, AdaINNet, statistics
from scumble.nst.losses import content_loss, lattice_loss, tv_loss
from scumble.nst.perceptual_loss import SPEC, grams_of, style_losses
from scumble.nst.pretrained import load_perceptual
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import has_test_split, read_pictures
from scumble.training.loop import Schedule, best_device, fit, mean_losses, run_folder
from scumble.training.losses import LATTICE, MOST, STYLE_WEIGHT, TV
from scumble.training.recipe import TrainingRecipe, loading, refuse_crop, shared_target
from scumble.training.sheets import sheet
from scumble.training.teachers import load_teacher

CROPS = ((0.9, 1.5), (1.0, 2.5))
"""Sides of the photographs' and the paintings' crops in multiples of `crop`: from single strokes to half a painting."""


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. `start` is a weight file to warm-start from.

    Weights beside content (1): `style` of the paper's style loss; and, which the paper does not have, `gram` of the teacher's
    Gram matrices, `identity` of a photograph that is its own style, and `lattice` and `tv` against lattices and grain. With
    those at 0 the losses are the paper's.
    """

    paintings: Path
    _: KW_ONLY
    steps: int = 3000
    lr: float = 1.5e-3
    crop: int = 192
    encoder: Literal["quarter", "vgg19"] = "quarter"
    style: float = 10.0
    gram: float = STYLE_WEIGHT
    identity: float = 1.0
    lattice: float = LATTICE
    tv: float = TV
    start: Path | None = None


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (resuming a run that was broken off) and write `out`/adain/shared.safetensors with its card.

    For another encoder than that which ships it is `out`/adain-ENCODER.safetensors. The file holds the encoder too, so that no
    other network's training can part them.
    """
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    pictures = [read_pictures(folder, "train") for folder in (recipe.photographs, recipe.paintings)]
    net = AdaINNet(first_stages(load_perceptual(recipe.encoder)))
    if recipe.start:
        with loading(recipe.start):
            net.load_state_dict(load_weights(recipe.start)[0])
    net = net.to(device).to(memory_format=torch.channels_last)
    teacher = load_teacher(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    criterion = Criterion(net, recipe, teacher)

    def batch(generator: torch.Generator) -> list[Tensor]:
        drawn = [p.crops(recipe.batch, recipe.crop, generator, k) for p, k in zip(pictures, CROPS, strict=True)]
        return [t.to(device, memory_format=torch.channels_last) for t in drawn]

    name, path = shared_target(out, "adain", recipe.encoder, Recipe.encoder)
    credits = write_credits(out, *pictures)

    def save(step: int, tested: dict[str, float] | None = None) -> None:
        card = trained_card(_about(recipe, net), "adain", recipe, credits, step, test_losses=tested)
        save_weights(path, net.state_dict(), card)

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        return criterion(*batch(generator))

    schedule, sample = Schedule(recipe.steps, recipe.lr, recipe.seed), partial(_sample, net, batch)
    fit(net, loss, schedule, run_folder(name, recipe), sample, save, report)
    save(recipe.steps, test_losses(criterion, recipe))
    return path


@torch.no_grad()
def _sample(net: AdaINNet, batch: Callable[[torch.Generator], list[Tensor]]) -> Tensor:
    """Four photographs painted after four paintings, as a sheet."""
    x, paintings = (t[:4] for t in batch(torch.Generator().manual_seed(1)))
    painted = [net(x, net.measure(s[None].expand_as(x)))[0] for s in paintings]
    return sheet(x, painted, list(paintings[:, None]))


def first_stages(net: VGG) -> VGG:
    """A copy of a perceptual network that ends with relu4_1."""
    widths = [net.conv(f"{k}_1").out_channels for k in (1, 2, 3, 4)]
    depths = [sum(n.startswith(f"{k}_") for n in net.layers) for k in (1, 2, 3)]
    copy = VGG([*depths, 1], widths, net.padding, net.pooling)
    copy.convs.load_state_dict({k: v for k, v in net.convs.state_dict().items() if k.rsplit(".", 1)[0] in copy.layers})
    copy.mean.copy_(net.mean)
    copy.std.copy_(net.std)
    return copy


class Criterion:
    """The loss of a batch of photographs and paintings, both (N, 3, H, W) in [0, 1]. The first photograph is its own style."""

    def __init__(self, net: AdaINNet, recipe: Recipe, teacher: VGG) -> None:
        self.net, self.recipe, self.teacher = net, recipe, teacher

    def __call__(self, x: Tensor, s: Tensor) -> dict[str, Tensor]:
        s = torch.cat([x[:1], s[1:]]) if self.recipe.identity else s
        with torch.no_grad():
            style_features = self.net.encode(s, LOSS_LAYERS)
            wanted = statistics(style_features)
        y, target = self.net(x, wanted)
        features = self.net.encode(y, LOSS_LAYERS)
        got = statistics(features)
        parts = {
            "content": _mean([content_loss(features[k], t) for k, t in target.items()]),
            "style": _mean([statistics_loss(got[k], wanted[k]) for k in LOSS_LAYERS]),
            "gram": self._gram(y, s),
            "identity": (y[0].float() - x[0]).square().mean() / x[0].var().clamp_min(1e-3),
            "lattice": lattice_loss(y),
            "tv": tv_loss(y.float()),
        }
        extra = [getattr(self.recipe, k) * parts[k] for k in ("style", "gram", "identity", "lattice", "tv")]
        return {"total": parts["content"] + torch.stack(extra).sum(), **parts}

    def _gram(self, y: Tensor, s: Tensor) -> Tensor:
        if not self.recipe.gram:
            return y.new_zeros((), dtype=torch.float32)
        wanted = set(SPEC.styles[1])
        with torch.no_grad():
            targets = grams_of(s, self.teacher, {1: wanted})
        return style_losses({1: self.teacher(y, wanted)}, targets, SPEC, most=MOST)[0].mean()


def _mean(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).mean()


def statistics_loss(got: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
    """Mean squared difference of means and of standard deviations, over the mean square of the wanted ones."""
    difference = torch.stack([(a - b).square().mean() for a, b in zip(got, wanted, strict=True)]).sum()
    return difference / torch.stack([b.square().mean() for b in wanted]).sum().clamp_min(1e-6)


@torch.no_grad()
def test_losses(criterion: Criterion, recipe: Recipe) -> dict[str, float] | None:
    """Mean losses in fp32 over 32 crops of the test splits, which training never sees; None where a folder has none."""
    folders = (recipe.photographs, recipe.paintings)
    if not all(has_test_split(f) for f in folders):
        return None
    device = next(criterion.net.parameters()).device
    generator = torch.Generator().manual_seed(0)
    x, s = (read_pictures(f, "test").crops(32, recipe.crop, generator, k) for f, k in zip(folders, CROPS, strict=True))
    x, s = (t.to(device).contiguous(memory_format=torch.channels_last) for t in (x, s))
    return mean_losses(criterion(a, b) for a, b in zip(torch.split(x, 4), torch.split(s, 4), strict=True))


def _about(recipe: Recipe, net: AdaINNet) -> Card:
    widths, depths = WIDTHS[recipe.encoder][:4], [*DEPTHS[recipe.encoder][:3], 1]
    shape = {"widths": widths, "depths": depths, "padding": net.encoder.padding, "layers": net.layers}
    return {"method": "adain", "architecture": shape}
