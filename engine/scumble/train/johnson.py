# SPDX-License-Identifier: Apache-2.0
"""Train one transform network for one painting (Johnson et al. 2016).

The paper trains 40,000 steps on 80,000 photographs; this recipe reaches strokes in a few thousand by two teachers, Gram
matrices at two scales, and two phases: first right colours (gentle style weight, the painting at short side 512), then
the strokes (three times the weight, deep layers up, the painting at short side 384). docs/methods/johnson.md compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from scumble.nets.transform import TransformNet
from scumble.train.data import Pictures, read_picture, read_pictures
from scumble.train.loop import Schedule, fit, machine, run_folder
from scumble.train.targets import Objective, PerceptualObjective
from scumble.train.teachers import Teachers, load_teachers
from scumble.weights import Card, load_weights, save_weights


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one objective and the painting at one size (short side, pixels)."""

    steps: int
    painting: int
    objective: Objective
    lr: float = 2e-3


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on. `width` scales the paper's channels; `start` is a weight file to warm-start from."""

    style_id: str
    painting: Path
    title: str
    artist: str
    year: str
    photographs: Path
    teachers: str = "compact"
    width: float = 0.5
    steps: tuple[int, int] = (1000, 1200)
    batch: int = 4
    crop: int = 256
    seed: int = 0
    start: Path | None = None


def objectives(teachers: Teachers) -> tuple[Objective, Objective]:
    """The two phases' objectives, over whichever teachers there are."""
    have = set(teachers.nets)
    content = {"vgg16/relu3_3": 1.0} if "vgg16" in have else {f"{next(iter(have))}/relu3_3": 1.0}
    layers: dict[str, float] = {}
    if "vgg16" in have:
        layers |= {"vgg16/relu1_2": 1.0, "vgg16/relu2_2": 1.0, "vgg16/relu3_3": 1.0}
    for deep in ("pruned", "compact", "vgg19"):
        if deep in have:
            layers |= {f"{deep}/relu{k}_1": 1.0 for k in range(1, (len(teachers.nets[deep].convs) > 5 and 6) or 4)}
            break
    up = {"relu3_1": 2.0, "relu4_1": 3.0, "relu5_1": 3.0, "relu3_3": 2.0}
    strong = {k: w * up.get(k.split("/")[1], 1.0) for k, w in layers.items()}
    return Objective(content, layers, style=3.0), Objective(content, strong, style=10.0)


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run both phases (resuming whichever was broken off) and write `out`/johnson_STYLE.safetensors with its card."""
    torch.manual_seed(recipe.seed)
    teachers = load_teachers(recipe.teachers).to(memory_format=torch.channels_last)
    photographs = read_pictures(recipe.photographs, "train")
    net = TransformNet(recipe.width).to(memory_format=torch.channels_last)
    if recipe.start:
        net.load_state_dict(load_weights(recipe.start)[0])
    path = out / f"johnson_{recipe.style_id}.safetensors"
    phases = [
        Phase(steps, painting, objective)
        for steps, painting, objective in zip(recipe.steps, (512, 384), objectives(teachers), strict=True)
    ]
    seconds = 0.0
    for number, phase in enumerate(phases, 1):
        folder = run_folder(f"johnson-{recipe.style_id}-{number}")
        perceptual = PerceptualObjective(teachers, phase.objective)
        perceptual.set_style(read_picture(recipe.painting, phase.painting)[None].float() / 255)
        so_far = seconds

        def save(step: int, number: int = number, phase: Phase = phase, so_far: float = so_far) -> None:
            save_weights(path, net.state_dict(), _card(recipe, phases, number, step, so_far, photographs))

        seconds += fit(
            net,
            _step(net, perceptual, photographs, recipe),
            Schedule(phase.steps, phase.lr, seed=recipe.seed + number),
            folder,
            sample=lambda: _sheet(net, photographs, recipe),
            on_checkpoint=save,
            report=report,
        )
    save_weights(path, net.state_dict(), _card(recipe, phases, len(phases), phases[-1].steps, seconds, photographs))
    return path


def _step(net: TransformNet, perceptual: PerceptualObjective, photographs: Pictures, recipe: Recipe):  # type: ignore[no-untyped-def]
    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = photographs.crops(recipe.batch, recipe.crop, generator).to(memory_format=torch.channels_last)
        return perceptual(net(x), x)

    return loss


def _sheet(net: TransformNet, photographs: Pictures, recipe: Recipe) -> Tensor:
    """Four fixed crops of training photographs over their stylized versions, (3, 2*crop, 4*crop)."""
    x = photographs.crops(4, recipe.crop, torch.Generator().manual_seed(1), (1.1, 1.1))
    y = net(x)
    return torch.cat([torch.cat(list(x), -1), torch.cat(list(y.float()), -1)], -2)


def _card(recipe: Recipe, phases: list[Phase], phase: int, step: int, seconds: float, photographs: Pictures) -> Card:
    shown = [
        {"steps": p.steps, "painting_short_side": p.painting, "lr": p.lr, "style_weight": p.objective.style,
         "tv_weight": p.objective.tv, "style_layers": dict(p.objective.style_layers), "content_layers": dict(p.objective.content_layers)}
        for p in phases
    ]  # fmt: skip
    return {
        "method": "johnson",
        "style": {
            "id": recipe.style_id,
            "title": recipe.title,
            "artist": recipe.artist,
            "year": recipe.year,
            "licence": "public domain",
        },
        "architecture": {"width": recipe.width, "blocks": 5},
        "licence": "Apache-2.0",
        "training": {
            "command": f"scumble train johnson --style {recipe.style_id}",
            "teachers": recipe.teachers
            if recipe.teachers in ("compact", "torchvision")
            else "partial VGG-16 and pruned VGG-19",
            "phases": shown,
            "finished": {"phase": phase, "step": step},
            "batch": recipe.batch,
            "crop": recipe.crop,
            "seed": recipe.seed,
            "warm_start": recipe.start.name if recipe.start else None,
            "seconds": round(seconds),
            "machine": machine(),
            "photographs": len(photographs.files),
            "credits": photographs.credits,
        },
    }


def with_steps(recipe: Recipe, first: int, second: int) -> Recipe:
    """The same recipe with other lengths of its two phases."""
    return replace(recipe, steps=(first, second))
