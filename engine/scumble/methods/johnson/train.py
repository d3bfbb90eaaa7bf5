# SPDX-License-Identifier: Apache-2.0
"""Train one transform network for one painting (Johnson et al. 2016).

The paper trains 40,000 steps of 4 on 80,000 photographs; this recipe reaches strokes in a thousand or two, by layers that pull
alike and by steps that move all directions of a convolution (training/muon.py). README.md compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from scumble.library.places import state_path
from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.johnson.network import TransformNet
from scumble.nst.perceptual_loss import SPEC, FeatureExtractor, LossSpec, grams_of
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import Pictures, contents, has_test_split, read_picture, read_pictures
from scumble.training.loop import Schedule, best_device, fit, mean_losses, run_folder
from scumble.training.losses import LATTICE, STYLE_WEIGHT, described, painted_losses
from scumble.training.muon import for_convolutions
from scumble.training.recipe import OnePainting, TrainingRecipe, loading, refuse_crop
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.teachers import load_teacher

PAINTING_SIDE = 384
"""Short side in pixels at which the painting is measured; a smaller painting gives larger strokes."""


@dataclass(frozen=True)
class Recipe(TrainingRecipe, OnePainting):
    """The painting, what its card says of it, and the training. `width` scales the paper's channels; `start` is a weight file
    to warm-start from. `crop` is a multiple of 32 pixels."""

    _: KW_ONLY
    steps: int = 1200
    lr: float = 1e-3
    batch: int = 2
    crop: int = 192
    style_weight: float = STYLE_WEIGHT
    lattice: float = LATTICE
    width: float = 0.5
    start: Path | None = None


class Criterion:
    """The loss by the style of a painting (1, 3, H, W) in [0, 1]."""

    def __init__(self, teacher: FeatureExtractor, spec: LossSpec, painting: Tensor, lattice: float = LATTICE) -> None:
        self._teacher, self._spec, self._lattice = teacher, spec, lattice
        with torch.no_grad():
            self._grams = grams_of(painting, teacher, {scale: set(layers) for scale, layers in spec.styles.items()})

    def __call__(self, y: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Losses of pictures `y` (N, 3, H, W) of contents `x`: content, style, tv, lattice and their weighted total."""
        targets = {k: g.expand(len(x), -1, -1) for k, g in self._grams.items()}
        return painted_losses(y, x, targets, self._teacher, self._spec, self._lattice)


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (resuming a run that was broken off) and write `out`/johnson/STYLE.safetensors with its card."""
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teacher = load_teacher(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    spec = replace(SPEC, style_weight=recipe.style_weight)
    photographs = read_pictures(recipe.photographs, "train")
    net = TransformNet(recipe.width)
    if recipe.start:
        with loading(recipe.start):
            net.load_state_dict(load_weights(recipe.start)[0])
    net = net.to(device).to(memory_format=torch.channels_last)
    painting = read_picture(recipe.painting, PAINTING_SIDE)[None].to(device).float() / 255
    criterion = Criterion(teacher, spec, painting, recipe.lattice)
    path = state_path(out, "johnson", recipe.style_id)
    credits, command = write_credits(out, photographs), f"johnson --style {recipe.style_id}"

    def save(step: int, tested: dict[str, float] | None = None) -> None:
        more = {
            "optimizer": "Muon, Adam",
            "painting_short_side": PAINTING_SIDE,
            "losses": described(spec),
            "test_losses": tested,
        }
        save_weights(path, net.state_dict(), trained_card(_about(recipe), command, recipe, credits, step, **more))

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
        return criterion(net(x), x)

    schedule, run = Schedule(recipe.steps, recipe.lr, recipe.seed), run_folder(f"johnson-{recipe.style_id}", recipe)
    optimizer = for_convolutions(net, (net.down[0], net.head), recipe.lr)
    fit(net, loss, schedule, run, lambda: _sheet(net, photographs, recipe), save, report, optimizer)
    save(recipe.steps, test_losses(net, criterion, recipe))
    return path


@torch.no_grad()
def test_losses(net: TransformNet, criterion: Criterion, recipe: Recipe) -> dict[str, float] | None:
    """Mean losses in fp32 over 32 crops of the folder's test split, which training never sees; None where there is none."""
    if not has_test_split(recipe.photographs):
        return None
    generator = torch.Generator().manual_seed(0)
    unseen = read_pictures(recipe.photographs, "test").crops(32, recipe.crop, generator).to(next(net.parameters()).device)
    return mean_losses(criterion(net(x), x) for x in torch.split(unseen.contiguous(memory_format=torch.channels_last), 4))


def _sheet(net: TransformNet, photographs: Pictures, recipe: Recipe) -> Tensor:
    x = sheet_contents(photographs, 4, next(net.parameters()).device, side=recipe.crop)
    return sheet(x, [net(x)])


def _about(recipe: Recipe) -> Card:
    return {"method": "johnson", "style": recipe.described, "architecture": {"width": recipe.width, "blocks": 5}}
