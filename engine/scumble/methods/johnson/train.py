# SPDX-License-Identifier: Apache-2.0
"""Train one transform network for one painting (Johnson et al. 2016).

The paper trains 40,000 steps of 4 on 80,000 photographs; this recipe reaches strokes in a few thousand by two teachers,
Gram matrices at two scales, and two phases: first right colours (gentle style weight, the painting at short side 512),
then strokes (three times the weight, deep layers up, the painting at short side 384). README.md compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import torch
from torch import Tensor

from scumble.library.places import state_path
from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.johnson.network import TransformNet
from scumble.nst.losses import lattice_loss
from scumble.nst.perceptual_loss import LossSpec, grams_of, perceptual_losses
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import Pictures, has_test_split, read_picture, read_pictures
from scumble.training.loop import Schedule, best_device, fit, mean_losses, run_folder
from scumble.training.paintings import contents
from scumble.training.recipe import OnePainting, TrainingRecipe, loading, refuse_crop
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.teachers import Teachers, load_teachers

PAINTING_SIDES = (512, 384)
"""Short side in pixels of the painting in the two phases; a smaller painting gives larger strokes."""

STYLE_WEIGHTS = (3.0, 10.0)
LATTICE, TV = 5000.0, 0.1
"""Weights beside content (1) and style."""

DEEP = {"relu3_1": 2.0, "relu3_3": 2.0, "relu4_1": 3.0, "relu5_1": 3.0}
"""Layer weights of the second phase where they are not 1."""


@dataclass(frozen=True)
class Recipe(TrainingRecipe, OnePainting):
    """The painting, what its card says of it, and the training. `steps` are those of the two phases; `width` scales the paper's
    channels; `start` is a weight file to warm-start from. `crop` is a multiple of 32 pixels."""

    _: KW_ONLY
    steps: tuple[int, int] = (1000, 1200)
    lr: float = 2e-3
    width: float = 0.5
    start: Path | None = None


def phases(teachers: Teachers) -> tuple[LossSpec, LossSpec]:
    """The losses of the two phases, through whichever teachers there are."""
    layers, content = teachers.style_layers, {teachers.content_layer: 1.0}
    gentle = dict.fromkeys(layers, 1.0)
    strong = {k: DEEP.get(k.split("/")[1], 1.0) for k in layers}
    return (
        LossSpec({1: gentle, 2: gentle}, content, style_weight=STYLE_WEIGHTS[0]),
        LossSpec({1: strong, 2: strong}, content, style_weight=STYLE_WEIGHTS[1]),
    )


class Criterion:
    """The loss of one phase: content, style, TV and lattice, with the style of a painting (1, 3, H, W) in [0, 1]."""

    def __init__(self, teachers: Teachers, spec: LossSpec, painting: Tensor) -> None:
        self._teachers, self._spec = teachers, spec
        with torch.no_grad():
            self._grams = grams_of(painting, teachers, {scale: set(layers) for scale, layers in spec.styles.items()})

    def __call__(self, y: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Losses of pictures `y` (N, 3, H, W) of contents `x`: content, style, tv, lattice and their weighted total."""
        targets = {k: g.expand(len(x), -1, -1) for k, g in self._grams.items()}
        losses = perceptual_losses(y, x, targets, self._teachers, self._spec).means()
        losses["lattice"] = lattice_loss(y)
        total = losses["content"] + self._spec.style_weight * losses["style"]
        return {"total": total + TV * losses["tv"] + LATTICE * losses["lattice"], **losses}


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run both phases (resuming a run that was broken off) and write `out`/johnson/STYLE.safetensors with its card."""
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    photographs = read_pictures(recipe.photographs, "train")
    net = TransformNet(recipe.width)
    if recipe.start:
        with loading(recipe.start):
            net.load_state_dict(load_weights(recipe.start)[0])
    net = net.to(device).to(memory_format=torch.channels_last)
    path = state_path(out, "johnson", recipe.style_id)
    credits, command = write_credits(out, photographs), f"johnson --style {recipe.style_id}"
    described = _phases(recipe, phases(teachers))
    seconds = 0.0
    for phase, spec in enumerate(phases(teachers)):
        painting = read_picture(recipe.painting, PAINTING_SIDES[phase])
        criterion = Criterion(teachers, spec, painting[None].to(device).float() / 255)

        def save(step: int, phase: int = phase, before: float = seconds) -> None:
            done = {"phase": phase + 1, "step": step, "seconds": round(before)}
            save_weights(path, net.state_dict(), trained_card(_about(recipe), command, recipe, credits, done, phases=described))

        def loss(step: int, generator: torch.Generator, criterion: Criterion = criterion) -> dict[str, Tensor]:
            x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
            return criterion(net(x), x)

        schedule = Schedule(recipe.steps[phase], recipe.lr, recipe.seed + phase + 1)
        folder = run_folder(f"johnson-{recipe.style_id}-{phase + 1}", recipe)
        seconds += fit(net, loss, schedule, folder, lambda: _sheet(net, photographs, recipe), save, report)
    done = {"phase": len(recipe.steps), "step": recipe.steps[-1], "seconds": round(seconds)}
    tested = test_losses(net, criterion, recipe)
    card = trained_card(_about(recipe), command, recipe, credits, done, phases=described, test_losses=tested)
    save_weights(path, net.state_dict(), card)
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


def _phases(recipe: Recipe, specs: tuple[LossSpec, ...]) -> list[dict[str, object]]:
    """The two phases as a card lists them."""
    return [
        {
            "steps": steps,
            "painting_short_side": side,
            "style_weight": spec.style_weight,
            "tv_weight": TV,
            "lattice_weight": LATTICE,
            "style_layers": dict(spec.styles[1]),
            "content_layers": dict(spec.content),
        }
        for steps, side, spec in zip(recipe.steps, PAINTING_SIDES, specs, strict=True)
    ]
