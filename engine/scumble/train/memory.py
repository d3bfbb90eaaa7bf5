# SPDX-License-Identifier: Apache-2.0
"""Train what all styles of the style memory share: encoder, decoder, basis, and the predictor of rows.

Every step paints three crops by three random paintings and gives a fourth crop back as it is. A painting's row is its own
statistics plus what the predictor adds, so that the networks learn to make the best of a row that was made in an instant.
First through cheap eyes (VGG-16 sees only the half-size picture), then through both teachers at both scales.
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
from scumble.nets.memory import MemoryNet, StyleMemory, signature
from scumble.nets.perceptual import load_perceptual
from scumble.nets.vgg import VGG
from scumble.train.data import Pictures, read_pictures
from scumble.train.loop import Schedule, fit, machine, run_folder
from scumble.train.paintings import Paintings, contents, looks, remembered
from scumble.train.teachers import Teachers, credited, load_teachers
from scumble.weights import Card, load_weights, save_weights


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on. `steps` of the two phases; `start` is a weight file to go on from."""

    photographs: Path
    paintings: Path
    teachers: str = "compact"
    steps: tuple[int, int] = (12000, 8000)
    lr: tuple[float, float] = (1e-3, 5e-4)
    batch: int = 4
    crop: int = 256
    variants: int = 3
    style_weight: float = 4.0
    seed: int = 0
    start: Path | None = None


RECONSTRUCTION, LATTICE, TV = 20.0, 300.0, 0.1
"""Weights of the losses beside content (1) and style: mean squared error of the crop that is given back, lattice, TV."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run both phases (going on where a run was broken off) and write `out`/memory.safetensors with its card."""
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    compact = load_perceptual("compact").to(device).to(memory_format=torch.channels_last)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    seen = remembered(paintings, teachers, lambda x: signature(compact, x), recipe.variants, recipe.seed, report)
    shared = StyleMemory()
    if recipe.start:
        shared.load_state_dict(load_weights(recipe.start)[0])
    else:
        shared.predictor.centre.copy_(seen.signatures.mean(0))
        shared.predictor.spread.copy_(seen.signatures.std(0).clamp_min(0.02))
    shared = shared.to(device).to(memory_format=torch.channels_last)
    path, seconds = out / "memory.safetensors", 0.0
    for phase, look in enumerate(looks(teachers, recipe.style_weight)):

        def save(step: int, phase: int = phase, before: float = seconds) -> None:
            done = {"phase": phase + 1, "step": step, "seconds": round(before)}
            save_weights(path, shared.state_dict(), _card(recipe, done, photographs, paintings))

        def loss(step: int, generator: torch.Generator, look: Look = look) -> dict[str, Tensor]:
            return _losses(shared, seen, photographs, teachers, compact, look, recipe, generator, device)

        schedule = Schedule(recipe.steps[phase], recipe.lr[phase], recipe.seed + phase + 1)
        folder = run_folder(f"memory-{phase + 1}")
        sheet = partial(_sheet, shared, seen, photographs, recipe.variants, device)
        seconds += fit(shared, loss, schedule, folder, sheet, save, report)
        save(recipe.steps[phase], before=seconds)
    return path


def _losses(
    shared: StyleMemory,
    seen: Paintings,
    photographs: Pictures,
    teachers: Teachers,
    compact: VGG,
    look: Look,
    recipe: Recipe,
    generator: torch.Generator,
    device: str,
) -> dict[str, Tensor]:
    n = recipe.batch - 1
    x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
    chosen = torch.randint(len(seen.pictures), (n,), generator=generator)
    own = x[n:]
    # A row is of the whole painting, as its Grams are: a crop has other colours.
    rows = [shared.net.own_row(seen.whole(int(i)).to(device, memory_format=torch.channels_last)) for i in chosen]
    signatures = torch.cat([seen.signatures[chosen.to(device)], signature(compact, own)])
    y = shared.net(x, torch.cat([*rows, shared.net.own_row(own)]) + shared.predictor(signatures))
    targets = {k: v[chosen.to(device)] for k, v in seen.grams.items()}
    parts = compare(y[:n], x[:n], targets, teachers, look)
    parts["rebuilt"] = F.mse_loss(y[n:].float(), own)
    parts["lattice"] = lattice_loss(y)
    total = parts["content"] + look.style_weight * parts["style"] + TV * parts["tv"]
    return {"total": total + RECONSTRUCTION * parts["rebuilt"] + LATTICE * parts["lattice"], **parts}


def _sheet(shared: StyleMemory, seen: Paintings, photographs: Pictures, variants: int, device: str) -> Tensor:
    """Four crops by five paintings of the training; the paintings on top."""
    generator = torch.Generator().manual_seed(1)
    x = photographs.crops(4, 256, generator, (1.1, 1.1)).to(device, memory_format=torch.channels_last)
    x[3] = synthetic.shades(256, generator)
    columns = [torch.cat([torch.ones_like(x[:1]), x])]
    for i in torch.linspace(0, len(seen.pictures) - 1, 7)[1:6].long().tolist():
        which = i // variants * variants
        rows = shared.rows(seen.whole(which).to(device), seen.signatures[which][None])
        columns.append(torch.cat([seen.crop(which, 256, generator)[None].to(device), shared.net(x, rows).float()]))
    return torch.cat([torch.cat(list(c), -2) for c in columns], -1)


def _card(recipe: Recipe, done: dict[str, int], photographs: Pictures, paintings: Pictures) -> Card:
    net = MemoryNet()
    return {
        "method": "memory",
        "architecture": {"widths": net.widths, "blocks": net.blocks_count, "basis": net.basis_sizes, "row": net.row_size},
        "licence": "Apache-2.0",
        "training": {
            "command": "scumble train memory --photographs FOLDER --paintings FOLDER ...",
            "teachers": credited(recipe.teachers),
            "steps": list(recipe.steps),
            "finished": done,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "lr": list(recipe.lr),
            "style_weight": recipe.style_weight,
            "weights": {"reconstruction": RECONSTRUCTION, "lattice": LATTICE, "tv": TV},
            "seed": recipe.seed,
            "warm_start": recipe.start.name if recipe.start else None,
            "machine": machine(),
            "credits": photographs.credits + paintings.credits,
        },
    }
