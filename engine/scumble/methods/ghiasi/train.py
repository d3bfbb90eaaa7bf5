# SPDX-License-Identifier: Apache-2.0
"""Train the transformer and the style prediction network of Ghiasi et al. 2017.

Every step stylizes crops by random pieces of paintings and photographs, some of them patched together from two, and
reconstructs one more crop by the style that is predicted from the crop itself, which is where strength 0 begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.ghiasi.network import GhiasiNet
from scumble.nst.perceptual_loss import SPEC, LossSpec
from scumble.nst.style_encoder import SIZES, load_style_encoder
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import contents, read_pictures
from scumble.training.loop import Schedule, best_device, fit, run_folder
from scumble.training.losses import LATTICE, STYLE_WEIGHT, described, painted_losses
from scumble.training.muon import for_convolutions
from scumble.training.recipe import TrainingRecipe, loading, refuse_crop, shared_target
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.style_sampler import StyleSampler, blurred
from scumble.training.teachers import load_teacher


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. Pieces of paintings have sides in pixels between `side` times the two of `sides`. `start` is
    a weight file to go on from, or one of Johnson's networks of the same width, whose convolutions are taken."""

    paintings: Path
    _: KW_ONLY
    steps: int = 6000
    lr: float = 1e-3
    crop: int = 192
    side: int = 320
    sides: tuple[float, float] = (0.75, 1.15)
    style_weight: float = STYLE_WEIGHT
    lattice: float = LATTICE
    width: float = 0.5
    encoder: Literal["quarter", "inception"] = "quarter"
    start: Path | None = None


RECONSTRUCTION = 10.0
"""Weight of the mean squared error of the reconstructed crop, where content counts 1."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (resuming a run that was broken off) and write `out`/ghiasi/shared.safetensors with its card
    (ghiasi-ENCODER for another encoder than that which ships). Raises ScumbleError "bad-options" and "weights-missing"."""
    if recipe.batch < 2:
        raise ScumbleError("bad-options", "One crop of a batch is given back; another has to be painted.", "Give --batch 2.")
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teacher = load_teacher(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    spec = replace(SPEC, style_weight=recipe.style_weight)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    see = load_style_encoder(recipe.encoder).to(device)
    sampler = StyleSampler(paintings, photographs, teacher, see, set(spec.styles[1]), device)
    model = GhiasiNet(SIZES[recipe.encoder], recipe.width)
    _begin(model, sampler, recipe)
    model = model.to(device).to(memory_format=torch.channels_last)
    name, path = shared_target(out, "ghiasi", recipe.encoder, Recipe.encoder)
    credits = write_credits(out, photographs, paintings)

    def save(step: int) -> None:
        more = {"optimizer": "Muon, Adam", "reconstruction": RECONSTRUCTION, "losses": described(spec)}
        save_weights(path, model.state_dict(), trained_card(_about(recipe, model), "ghiasi", recipe, credits, step, **more))

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        return _losses(model, sampler, spec, recipe, step, generator)

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed)
    optimizer = for_convolutions(model, (model.net.down[0], model.net.head), recipe.lr)
    fit(model, loss, schedule, run_folder(name, recipe), partial(_sheet, model, sampler, recipe), save, report, optimizer)
    save(recipe.steps)
    return path


def _begin(model: GhiasiNet, sampler: StyleSampler, recipe: Recipe) -> None:
    """Fill the model from weights of Ghiasi or of Johnson, or from what the sampled styles have in common.

    Raises ScumbleError "weights-corrupt" where the weights do not fit.
    """
    tensors, card = load_weights(recipe.start) if recipe.start else ({}, {})
    if recipe.start:
        with loading(recipe.start):
            if card["method"] != "johnson":
                model.load_state_dict(tensors)
                return
            model.begin(tensors)
    generator = torch.Generator().manual_seed(recipe.seed)
    centre, spread = sampler.spread(recipe.side, recipe.sides, generator)
    model.predictor.centre.copy_(centre)
    model.predictor.spread.copy_(spread)


def _losses(
    model: GhiasiNet, sampler: StyleSampler, spec: LossSpec, recipe: Recipe, step: int, generator: torch.Generator
) -> dict[str, Tensor]:
    n = recipe.batch - 1
    x = contents(sampler.photographs, recipe.batch, recipe.crop, generator)
    x = x.to(sampler.device, memory_format=torch.channels_last)
    drawn = [sampler.draw(recipe.side, recipe.sides, step, generator) for _ in range(n)]
    signatures = blurred(torch.cat([style.signature for style in drawn]), model.predictor.spread, generator)
    targets = {k: torch.stack([style.grams[k] for style in drawn]) for k in drawn[0].grams}
    y = model.net(x, model.predictor(torch.cat([signatures, sampler.see(x[n:])])))
    return painted_losses(y, x, targets, sampler.teacher, spec, recipe.lattice, RECONSTRUCTION)


def _sheet(model: GhiasiNet, sampler: StyleSampler, recipe: Recipe) -> Tensor:
    """Four contents by five pieces of paintings, and at the right each content by its own style."""
    x, generator = sheet_contents(sampler.photographs, 4, sampler.device, sky=True), torch.Generator().manual_seed(1)
    drawn = [sampler.draw(recipe.side, recipe.sides, 0, generator) for _ in range(5)]
    painted = [model.net(x, model.predictor(style.signature)) for style in drawn]
    tops = [F.interpolate(style.picture, x.shape[2:], mode="bilinear") for style in drawn]
    return sheet(x, [*painted, model.net(x, model.predictor(sampler.see(x)))], tops)


def _about(recipe: Recipe, model: GhiasiNet) -> Card:
    net = model.net
    shape = {"encoder": recipe.encoder, "width": recipe.width, "blocks": net.depth, "style": net.style_size}
    return {"method": "ghiasi", "architecture": shape}
