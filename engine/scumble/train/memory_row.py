# SPDX-License-Identifier: Apache-2.0
"""Make the row of a style that ships: predicted from its painting, then refined by the teachers over photographs.

The shared networks stay as they are, so no other row is touched. Make it anew whenever they are trained further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from scumble.looks import grams_of
from scumble.methods.memory import load_memory, looked_at, to_stride
from scumble.nets.memory import signature
from scumble.nets.perceptual import load_perceptual
from scumble.rows import begin, descend_row
from scumble.train.data import read_picture, read_pictures
from scumble.train.loop import best_device, machine
from scumble.train.painting import OnePainting
from scumble.train.paintings import contents, looks
from scumble.train.teachers import credited, load_teachers
from scumble.weights import MODELS, name_of, save_weights, state_path


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting, what its card says of it, and what it is refined by; 0 steps keep the predicted row."""

    photographs: Path | None = None
    teachers: str = "compact"
    steps: int = 100
    batch: int = 3
    crop: int = 256
    style_weight: float = 4.0
    seed: int = 0
    memory: Path = MODELS / "memory.safetensors"


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/memory_STYLE.safetensors with its card."""
    device = best_device()
    memory = load_memory(recipe.memory).to(device)
    compact = load_perceptual("compact").to(device).to(memory_format=torch.channels_last)
    painting = looked_at((read_picture(recipe.painting).permute(1, 2, 0).float() / 255).numpy()).to(device)
    with torch.no_grad():
        row = memory.rows(to_stride(painting), signature(compact, painting))
    record: dict[str, object] = {"grade": 0}
    if recipe.steps:
        if recipe.photographs is None:
            raise ValueError("refining takes photographs; 0 steps keep the predicted row")
        teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
        look = replace(looks(teachers, recipe.style_weight)[0], roots=0.0)  # rows.PATIENCE is for plain Grams
        photographs = read_pictures(recipe.photographs)
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            targets = grams_of(painting, teachers, look.layers)

        def practice(step: int) -> Tensor:
            generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
            return contents(photographs, recipe.batch, recipe.crop, generator)

        losses: list[float] = []
        for stands in descend_row(memory.net, begin(row), recipe.steps, targets, teachers, look, practice, half=True):
            if stands is None:
                continue
            at, found = stands
            row = at.row
            losses.append(found["content"] + look.style_weight * found["style"])
            if at.step % 20 == 0 or at.step == recipe.steps:
                report(f"{at.step:5d}/{recipe.steps}  content {found['content']:.3f}  style {found['style']:.3f}")
        tenth = max(1, len(losses) // 10)
        ends = [round(sum(part) / tenth, 4) for part in (losses[:tenth], losses[-tenth:])]
        record = {
            "grade": 1,
            "teachers": credited(recipe.teachers),
            "steps": recipe.steps,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "style_weight": recipe.style_weight,
            "seed": recipe.seed,
            "loss": ends,
            "credits": photographs.credits,
        }
    path = state_path(out, "memory", recipe.style_id)
    card = {
        "method": "memory",
        "style": recipe.described,
        "shared": name_of(recipe.memory),
        "licence": "Apache-2.0",
        "training": {"command": f"scumble train memory-row --style {recipe.style_id}", "machine": machine(), **record},
    }
    save_weights(path, {"row": row}, card, torch.float32)
    return path
