# SPDX-License-Identifier: Apache-2.0
"""Train the transformer and the style prediction network of Ghiasi et al. 2017.

Every step paints crops by random paintings, some of them patched together of two, and gives one more crop back as it is, by
the style that is predicted of the crop itself: strength 0 begins there. First through cheap eyes (VGG-16 sees only the
half-size picture), then through both teachers at both scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from scumble import synthetic
from scumble.looks import Look, compare
from scumble.losses import lattice_loss
from scumble.nets.ghiasi import GhiasiNet
from scumble.nets.sight import SIZES, Encoder, Sight, load_sight
from scumble.train.data import Pictures, read_pictures
from scumble.train.loop import Schedule, fit, machine, run_folder
from scumble.train.muon import for_convolutions
from scumble.train.paintings import Paintings, contents, looks, remembered
from scumble.train.teachers import Teachers, credited, load_teachers
from scumble.weights import Card, load_weights, save_weights


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on. `steps`, `lr` and `style_weight` are those of the two phases; `start` is a weight file to go
    on from, or one of Johnson's networks of the same width, whose convolutions are taken."""

    photographs: Path
    paintings: Path
    teachers: str = "compact"
    steps: tuple[int, int] = (2400, 1000)
    lr: tuple[float, float] = (1e-3, 5e-4)
    batch: int = 4
    crop: int = 192
    variants: int = 3
    style_weight: tuple[float, float] = (4.0, 4.0)
    width: float = 0.5
    encoder: Encoder = "compact"
    seed: int = 0
    run: str = "ghiasi"
    start: Path | None = None


RECONSTRUCTION, LATTICE, TV = 10.0, 300.0, 0.1
"""Weights of the losses beside content (1) and style: mean squared error of the crop that is given back, lattice, TV."""

PATCHED = 1 / 3
"""Share of styles that are two paintings patched together, in random parts."""

BLURRED = 0.05
"""Noise on what is seen of a painting, in deviations over all paintings: 117 of them are soon known by heart."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run both phases (going on where a run was broken off) and write `out`/ghiasi.safetensors with its card
    (ghiasi-inception for that encoder)."""
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    see = load_sight(recipe.encoder).to(device)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    other = "" if recipe.encoder == "compact" else recipe.encoder
    seen = remembered(paintings, teachers, see, recipe.variants, recipe.seed, report, other)
    model = GhiasiNet(SIZES[recipe.encoder], recipe.width)
    model.predictor.centre.copy_(seen.signatures.mean(0))
    model.predictor.spread.copy_(seen.signatures.std(0).clamp_min(0.02))
    if recipe.start:
        tensors, card = load_weights(recipe.start)
        if card["method"] == "johnson":
            model.begin(tensors)
        else:
            model.load_state_dict(tensors)
    model = model.to(device).to(memory_format=torch.channels_last)
    path, seconds = out / f"ghiasi{other and '-' + other}.safetensors", 0.0
    for phase in (0, 1):
        look = looks(teachers, recipe.style_weight[phase])[phase]

        def save(step: int, phase: int = phase, before: float = seconds) -> None:
            done = {"phase": phase + 1, "step": step, "seconds": round(before)}
            save_weights(path, model.state_dict(), _card(recipe, model, done, photographs, paintings))

        def loss(step: int, generator: torch.Generator, look: Look = look) -> dict[str, Tensor]:
            return _losses(model, seen, photographs, teachers, see, look, recipe, generator)

        schedule = Schedule(recipe.steps[phase], recipe.lr[phase], recipe.seed + phase + 1)
        folder = run_folder(f"{recipe.run}-{phase + 1}")
        sheet = partial(_sheet, model, seen, photographs, recipe.variants, see)
        optimizer = for_convolutions(model, (model.net.down[0], model.net.head), recipe.lr[phase])
        seconds += fit(model, loss, schedule, folder, sheet, save, report, optimizer)
        save(recipe.steps[phase], before=seconds)
    return path


def _losses(
    model: GhiasiNet,
    seen: Paintings,
    photographs: Pictures,
    teachers: Teachers,
    see: Sight,
    look: Look,
    recipe: Recipe,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    n, device = recipe.batch - 1, seen.signatures.device
    x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
    one, two = torch.randint(len(seen.pictures), (2, n), generator=generator).to(device)
    share = torch.rand(n, generator=generator).to(device)
    share = torch.where(torch.rand(n, generator=generator).to(device) < PATCHED, share, 1.0)
    signatures = see.patched(seen.signatures[one], seen.signatures[two], share)
    noise = torch.randn(signatures.shape, generator=generator).to(device)
    signatures = signatures + BLURRED * model.predictor.spread * noise
    targets = {k: torch.lerp(v[two], v[one], share[:, None, None]) for k, v in seen.grams.items()}
    y = model.net(x, model.predictor(torch.cat([signatures, see(x[n:])])))
    parts = compare(y[:n], x[:n], targets, teachers, look)
    parts["rebuilt"] = F.mse_loss(y[n:].float(), x[n:])
    parts["lattice"] = lattice_loss(y)
    total = parts["content"] + look.style_weight * parts["style"] + TV * parts["tv"]
    return {"total": total + RECONSTRUCTION * parts["rebuilt"] + LATTICE * parts["lattice"], **parts}


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


def _card(recipe: Recipe, model: GhiasiNet, done: dict[str, int], photographs: Pictures, paintings: Pictures) -> Card:
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
            "steps": list(recipe.steps),
            "finished": done,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "optimizer": "Muon, Adam",
            "lr": list(recipe.lr),
            "style_weight": list(recipe.style_weight),
            "weights": {"reconstruction": RECONSTRUCTION, "lattice": LATTICE, "tv": TV},
            "seed": recipe.seed,
            "warm_start": recipe.start.name if recipe.start else None,
            "machine": machine(),
            "credits": photographs.credits + paintings.credits,
        },
    }
