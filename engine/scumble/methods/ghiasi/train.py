# SPDX-License-Identifier: Apache-2.0
"""Train the transformer and the style prediction network of Ghiasi et al. 2017.

Every step paints crops by random paintings, now and then by photographs, some of them patched together of two, and gives one
more crop back as it is, by the style that is predicted of the crop itself: strength 0 begins there. Most steps look through
cheap eyes (VGG-16 sees only the half-size picture), one in four through both teachers at both scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from scumble.library.places import shared_path
from scumble.library.weights import Card, load_weights, save_weights
from scumble.methods.ghiasi.network import GhiasiNet
from scumble.nst import synthetic
from scumble.nst.looks import Look
from scumble.nst.style_encoder import SIZES, Encoder, Sight, load_sight
from scumble.training.data import Pictures, read_pictures
from scumble.training.loop import Schedule, best_device, fit, machine, run_folder
from scumble.training.muon import for_convolutions
from scumble.training.paintings import (
    LATTICE,
    LOOKED_AT_WHOLE_EVERY,
    VARIANTS,
    Paintings,
    Styles,
    blurred,
    contents,
    looks,
    painted_losses,
    remembered,
    remembered_styles,
)
from scumble.training.refusals import fitting, refuse_crop
from scumble.training.teachers import Teachers, credited, load_teachers


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on. `start` is a weight file to go on from, or one of Johnson's networks of the same width,
    whose convolutions are taken."""

    photographs: Path
    paintings: Path
    teachers: str = "compact"
    steps: int = 12000
    lr: float = 1e-3
    batch: int = 4
    crop: int = 160
    variants: int = VARIANTS
    style_weight: float = 4.0
    tv: float = 0.1
    width: float = 0.5
    encoder: Encoder = "compact"
    seed: int = 0
    start: Path | None = None


RECONSTRUCTION = 10.0
"""Weight of the mean squared error of the crop that is given back, where content counts 1."""

PATCHED = 1 / 3
"""Share of styles that are two pictures patched together, in random parts."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (going on where a run was broken off) and write `out`/ghiasi/shared.safetensors with its card
    (ghiasi-inception for that encoder)."""
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    see = load_sight(recipe.encoder).to(device)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    look_at = partial(remembered, teachers=teachers, see=see, seed=recipe.seed, report=report)
    styles = remembered_styles(paintings, photographs, recipe.variants, look_at)
    model = GhiasiNet(SIZES[recipe.encoder], recipe.width)
    model.predictor.centre.copy_(styles.paintings.signatures.mean(0))
    model.predictor.spread.copy_(styles.paintings.signatures.std(0).clamp_min(0.02))
    if recipe.start:
        tensors, card = load_weights(recipe.start)
        with fitting(recipe.start):
            if card["method"] == "johnson":
                model.begin(tensors)
            else:
                model.load_state_dict(tensors)
    model = model.to(device).to(memory_format=torch.channels_last)
    name = "ghiasi" if recipe.encoder == "compact" else f"ghiasi-{recipe.encoder}"
    path = shared_path(out, name) if recipe.encoder == "compact" else out / f"{name}.safetensors"
    cheap, whole = looks(teachers, recipe.style_weight)

    def save(step: int) -> None:
        save_weights(path, model.state_dict(), _card(recipe, model, step, photographs, paintings))

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        look = whole if step % LOOKED_AT_WHOLE_EVERY == 0 else cheap
        return _losses(model, styles, photographs, teachers, see, look, recipe, generator)

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed)
    sheet = partial(_sheet, model, styles.paintings, photographs, recipe.variants, see)
    optimizer = for_convolutions(model, (model.net.down[0], model.net.head), recipe.lr)
    fit(model, loss, schedule, run_folder(name, recipe), sheet, save, report, optimizer)
    save(recipe.steps)
    return path


def _losses(
    model: GhiasiNet,
    styles: Styles,
    photographs: Pictures,
    teachers: Teachers,
    see: Sight,
    look: Look,
    recipe: Recipe,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    n, device = recipe.batch - 1, model.predictor.spread.device
    x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
    (one, grams), (two, others) = styles.draw_seen(n, generator), styles.draw_seen(n, generator)
    share = torch.rand(n, generator=generator).to(device)
    share = torch.where(torch.rand(n, generator=generator).to(device) < PATCHED, share, 1.0)
    signatures = see.patched(one, two, share)
    signatures = blurred(signatures, model.predictor.spread, generator)
    targets = {k: torch.lerp(others[k], g, share[:, None, None]) for k, g in grams.items()}
    y = model.net(x, model.predictor(torch.cat([signatures, see(x[n:])])))
    return painted_losses(y, x, targets, teachers, look, recipe.tv, RECONSTRUCTION)


def _sheet(model: GhiasiNet, seen: Paintings, photographs: Pictures, variants: int, see: Sight) -> Tensor:
    """Four crops by five paintings of the training; the paintings on top, the crops at the left, and at the right each crop
    by its own style."""
    generator = torch.Generator().manual_seed(1)
    device = seen.signatures.device
    x = photographs.crops(4, 256, generator, (1.1, 1.1)).to(device, memory_format=torch.channels_last)
    x[3] = synthetic.shades(256, generator)
    columns = [torch.cat([torch.ones_like(x[:1]), x])]
    for i in torch.linspace(0, len(seen.pictures) - 1, 7)[1:6].long().tolist():
        which = i // variants * variants
        style = seen.crop(which, 256, generator)[None].to(device)
        columns.append(torch.cat([style, model.net(x, model.predictor(seen.signatures[which][None]))]))
    columns.append(torch.cat([torch.ones_like(x[:1]), model.net(x, model.predictor(see(x)))]))
    return torch.cat([torch.cat(list(c), -2) for c in columns], -1)


def _card(recipe: Recipe, model: GhiasiNet, step: int, photographs: Pictures, paintings: Pictures) -> Card:
    return {
        "method": "ghiasi",
        "architecture": {
            "encoder": recipe.encoder,
            "width": recipe.width,
            "blocks": model.net.depth,
            "style": model.net.style_size,
        },
        "licence": "Apache-2.0",
        "training": {
            "command": "scumble train ghiasi --photographs FOLDER --paintings FOLDER ...",
            "teachers": credited(recipe.teachers),
            "steps": recipe.steps,
            "finished": step,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "variants": recipe.variants,
            "optimizer": "Muon, Adam",
            "lr": recipe.lr,
            "style_weight": recipe.style_weight,
            "weights": {"reconstruction": RECONSTRUCTION, "lattice": LATTICE, "tv": recipe.tv},
            "seed": recipe.seed,
            "warm_start": recipe.start.name if recipe.start else None,
            "machine": machine(),
            "credits": photographs.credits + paintings.credits,
        },
    }
