# SPDX-License-Identifier: Apache-2.0
"""Train the transformer and the style prediction network of Ghiasi et al. 2017.

Every step stylizes crops by random paintings, now and then by photographs, some of them patched together from two, and
reconstructs one more crop by the style that is predicted from the crop itself, which is where strength 0 begins. Three steps in
four use the cheap loss (VGG-16 on the half-size picture only), the fourth both teachers at both scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.ghiasi.network import GhiasiNet
from scumble.nst.perceptual_loss import LossSpec
from scumble.nst.style_encoder import SIZES, Encoder, StyleEncoder, load_style_encoder
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import Pictures, read_pictures
from scumble.training.loop import Schedule, best_device, fit, run_folder
from scumble.training.muon import for_convolutions
from scumble.training.paintings import (
    FULL_LOSS_EVERY,
    LATTICE,
    VARIANTS,
    Paintings,
    Styles,
    blurred,
    contents,
    loss_specs,
    measured,
    measured_styles,
    painted_losses,
)
from scumble.training.recipe import TrainingRecipe, loading, refuse_crop, shared_target
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.teachers import Teachers, load_teachers


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. `paintings` are learnt in `variants` of size and colour each. `start` is a weight file to go
    on from, or one of Johnson's networks of the same width, whose convolutions are taken."""

    paintings: Path
    _: KW_ONLY
    steps: int = 12000
    lr: float = 1e-3
    crop: int = 160
    variants: int = VARIANTS
    style_weight: float = 4.0
    tv: float = 0.1
    width: float = 0.5
    encoder: Encoder = "compact"
    start: Path | None = None


RECONSTRUCTION = 10.0
"""Weight of the mean squared error of the reconstructed crop, where content counts 1."""

PATCHED = 1 / 3
"""Share of styles that are patched together from two pictures, in random parts."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (resuming a run that was broken off) and write `out`/ghiasi/shared.safetensors with its card
    (ghiasi-inception for that encoder)."""
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    see = load_style_encoder(recipe.encoder).to(device)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    measure = partial(measured, teachers=teachers, see=see, seed=recipe.seed, report=report)
    styles = measured_styles(paintings, photographs, recipe.variants, measure)
    model = GhiasiNet(SIZES[recipe.encoder], recipe.width)
    model.predictor.centre.copy_(styles.paintings.signatures.mean(0))
    model.predictor.spread.copy_(styles.paintings.signatures.std(0).clamp_min(0.02))
    if recipe.start:
        _start_from(recipe.start, model)
    model = model.to(device).to(memory_format=torch.channels_last)

    cheap, whole = loss_specs(teachers, recipe.style_weight)
    name, path = shared_target(out, "ghiasi", recipe.encoder)
    credits = write_credits(out, photographs, paintings)
    weights = {"reconstruction": RECONSTRUCTION, "lattice": LATTICE}

    def save(step: int) -> None:
        more = {"optimizer": "Muon, Adam", "weights": weights}
        save_weights(path, model.state_dict(), trained_card(_about(recipe, model), "ghiasi", recipe, credits, step, **more))

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        spec = whole if step % FULL_LOSS_EVERY == 0 else cheap
        return _losses(model, styles, photographs, teachers, see, spec, recipe, generator)

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed)
    sample = partial(_sheet, model, styles.paintings, photographs, recipe.variants, see)
    optimizer = for_convolutions(model, (model.net.down[0], model.net.head), recipe.lr)
    fit(model, loss, schedule, run_folder(name, recipe), sample, save, report, optimizer)
    save(recipe.steps)
    return path


def _start_from(path: Path, model: GhiasiNet) -> None:
    """Fill the model from weights of Ghiasi or of Johnson. Raises ScumbleError "weights-corrupt" where they do not fit."""
    tensors, card = load_weights(path)
    with loading(path):
        if card["method"] == "johnson":
            model.begin(tensors)
        else:
            model.load_state_dict(tensors)


def _losses(
    model: GhiasiNet,
    styles: Styles,
    photographs: Pictures,
    teachers: Teachers,
    see: StyleEncoder,
    spec: LossSpec,
    recipe: Recipe,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    n, device = recipe.batch - 1, model.predictor.spread.device
    x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
    (one, grams), (two, others) = styles.draw_measured(n, generator), styles.draw_measured(n, generator)
    share = torch.rand(n, generator=generator).to(device)
    share = torch.where(torch.rand(n, generator=generator).to(device) < PATCHED, share, 1.0)
    signatures = see.patched(one, two, share)
    signatures = blurred(signatures, model.predictor.spread, generator)
    targets = {k: torch.lerp(others[k], g, share[:, None, None]) for k, g in grams.items()}
    y = model.net(x, model.predictor(torch.cat([signatures, see(x[n:])])))
    return painted_losses(y, x, targets, teachers, spec, recipe.tv, RECONSTRUCTION)


def _sheet(model: GhiasiNet, known: Paintings, photographs: Pictures, variants: int, see: StyleEncoder) -> Tensor:
    """Four contents by five paintings of the training, and at the right each content by its own style."""
    device = known.signatures.device
    x, generator = sheet_contents(photographs, 4, device, sky=True), torch.Generator().manual_seed(1)
    paintings, painted = [], []
    for i in torch.linspace(0, len(known.pictures) - 1, 7)[1:6].long().tolist():
        which = i // variants * variants
        paintings.append(known.crop(which, x.shape[-1], generator)[None].to(device))
        painted.append(model.net(x, model.predictor(known.signatures[which][None])))
    return sheet(x, [*painted, model.net(x, model.predictor(see(x)))], paintings)


def _about(recipe: Recipe, model: GhiasiNet) -> Card:
    net = model.net
    shape = {"encoder": recipe.encoder, "width": recipe.width, "blocks": net.depth, "style": net.style_size}
    return {"method": "ghiasi", "architecture": shape}
