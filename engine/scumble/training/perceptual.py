# SPDX-License-Identifier: Apache-2.0
"""Distil the compact perceptual network from larger teachers, one linear map a layer.

Where a teacher's features are W f for the compact features f, its Gram matrix is W G W^T: matching the compact network's
Gram matrices matches the teacher's. So the regression below is all that style and content losses ask for. The maps are
thrown away when training ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from scumble.library.weights import Card, save_weights
from scumble.nst.vgg import VGG, compact
from scumble.training.data import Pictures, has_test_split, read_pictures
from scumble.training.loop import Schedule, best_device, fit, machine, run_folder
from scumble.training.teachers import Teachers, load_teachers

LESSONS = {
    "relu1_1": ("vgg19/relu1_1",),
    "relu1_2": ("vgg16/relu1_2",),
    "relu2_1": ("vgg19/relu2_1", "pruned/relu2_1"),
    "relu2_2": ("vgg16/relu2_2",),
    "relu3_1": ("vgg19/relu3_1", "pruned/relu3_1"),
    "relu3_3": ("vgg16/relu3_3",),
    "relu4_1": ("pruned/relu4_1",),
    "relu4_2": ("pruned/relu4_2",),
    "relu5_1": ("pruned/relu5_1",),
}
"""Compact layer -> teacher layers it must be able to predict. Teachers that are not loaded are left out."""


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on. Photographs and paintings are drawn in equal parts."""

    photographs: Path
    paintings: Path
    teachers: str = "torchvision"
    steps: int = 5000
    batch: int = 4
    crop: int = 160
    lr: float = 2e-3
    seed: int = 0


class Student(nn.Module):
    """The compact network and the linear maps to its teachers' (standardised) features."""

    def __init__(self, channels: dict[str, int]) -> None:
        super().__init__()
        self.net = compact()
        for conv in map(self.net.conv, self.net.layers):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
        self.lessons = [(own, other) for own, others in LESSONS.items() for other in others if other in channels]
        widths = {f"relu{n}": self.net.conv(n).out_channels for n in self.net.layers}
        self.maps = nn.ModuleDict({_key(o, t): nn.Conv2d(widths[o], channels[t], 1) for o, t in self.lessons})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Predicted teacher features by lesson."""
        own = self.net(x, {o for o, _ in self.lessons})
        return {_key(o, t): self.maps[_key(o, t)](own[o]) for o, t in self.lessons}


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Distil (resuming a run that was broken off) and write `out`/perceptual/compact.safetensors with its card."""
    torch.manual_seed(recipe.seed)
    device = best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    wanted = {t for others in LESSONS.values() for t in others if t.split("/")[0] in teachers.nets}

    def batch(generator: torch.Generator) -> Tensor:
        half = recipe.batch // 2
        x = torch.cat([s.crops(half, recipe.crop, generator, (0.8, 1.8)) for s in (photographs, paintings)])
        return disturb(x, generator).to(device, memory_format=torch.channels_last)

    with torch.no_grad():
        many = torch.cat([batch(torch.Generator().manual_seed(9 + k)) for k in range(4)])
        scale = {k: _moments(v) for k, v in teachers(many, wanted).items()}
    student = Student({k: m.shape[1] for k, (m, _) in scale.items()}).to(device).to(memory_format=torch.channels_last)

    stages_taught = sorted({own[4] for own, _ in student.lessons})

    def lessons(x: Tensor) -> dict[str, Tensor]:
        truth = {k: (v - scale[k][0]) / scale[k][1] for k, v in teachers(x, wanted).items()}
        said = student(x)
        return {_key(o, t): (said[_key(o, t)].float() - truth[t]).square().mean() for o, t in student.lessons}

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        parts = lessons(batch(generator))
        stages = {f"stage{k}": torch.stack([v for n, v in parts.items() if n[4] == k]).mean() for k in stages_taught}
        return {"total": torch.stack(list(parts.values())).sum()} | stages

    path = out / "perceptual" / "compact.safetensors"

    def save(step: int, tested: dict[str, float] | None = None) -> None:
        net = level(student.net, many)
        save_weights(path, net.convs.state_dict(), _card(recipe, step, photographs, paintings, teachers, tested))

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed)
    fit(student, loss, schedule, run_folder("perceptual", recipe), on_checkpoint=save, report=report)
    save(recipe.steps, test_losses(lessons, recipe))
    return path


@torch.no_grad()
def test_losses(lessons: Callable[[Tensor], dict[str, Tensor]], recipe: Recipe) -> dict[str, float] | None:
    """Share of each teacher layer's variance that is not predicted, in fp32, over 16 undisturbed crops of each folder's
    test split; None where a folder has none."""
    folders = (recipe.photographs, recipe.paintings)
    if not all(has_test_split(f) for f in folders):
        return None
    generator, device = torch.Generator().manual_seed(0), best_device()
    parts = [lessons(read_pictures(f, "test").crops(16, recipe.crop, generator).to(device)) for f in folders]
    return {k: round(float(torch.stack([p[k] for p in parts]).mean()), 4) for k in parts[0]}


def disturb(x: Tensor, generator: torch.Generator) -> Tensor:
    """What pictures look like on their way to an optimum: some of (N, 3, H, W) noisy, some mixed, some recoloured."""
    n = x.shape[0]
    noise = torch.randn(x.shape, generator=generator) * torch.rand(n, 1, 1, 1, generator=generator) * 0.25
    mix = (torch.rand(n, 1, 1, 1, generator=generator) < 0.2) * torch.rand(n, 1, 1, 1, generator=generator)
    gain = 0.6 + 0.8 * torch.rand(n, 3, 1, 1, generator=generator)
    shift = 0.3 * torch.rand(n, 3, 1, 1, generator=generator) - 0.15
    recolour = torch.rand(n, 1, 1, 1, generator=generator) < 0.3
    x = (1 - mix) * x + mix * x.roll(1, 0)
    x = torch.where(recolour, x * gain + shift, x)
    x = torch.where(torch.rand(n, 1, 1, 1, generator=generator) < 0.3, x + noise, x)
    return x.clamp(0, 1)


@torch.no_grad()
def level(net: VGG, x: Tensor) -> VGG:
    """A copy of `net` whose every layer has mean activation 1 over (N, 3, H, W) `x` (Gatys et al. 2016, section 2).

    ReLU and pooling commute with positive factors, so only the scale of each feature map changes.
    """
    copy = compact(net.pooling)
    copy.convs.load_state_dict(net.convs.state_dict())
    means = {n: net(x, {f"relu{n}"})[f"relu{n}"].float().mean().clamp_min(1e-6) for n in net.layers}
    before = torch.ones(())
    for n in net.layers:
        conv = copy.conv(n)
        conv.weight.mul_(before / means[n])
        assert conv.bias is not None
        conv.bias.div_(means[n])
        before = means[n]
    return copy


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Per-channel mean (1, C, 1, 1) and one standard deviation for the whole layer (a scalar)."""
    f = features.float()
    mean = f.mean((0, 2, 3), keepdim=True)
    return mean, (f - mean).square().mean().sqrt().clamp_min(1e-6)


def _key(own: str, teacher: str) -> str:
    return f"{own}-{teacher.replace('/', '-')}".replace(".", "_")


def _card(
    recipe: Recipe, step: int, photographs: Pictures, paintings: Pictures, teachers: Teachers, tested: dict[str, float] | None
) -> Card:
    return {
        "network": "compact",
        "architecture": {"widths": [16, 32, 64, 128, 128], "depths": [2, 2, 4, 4, 1], "padding": "reflect"},
        "licence": "Apache-2.0",
        "training": {
            "command": "scumble train perceptual",
            "teachers": "partial VGG-16 and VGG-19, pruned VGG-19" if "pruned" in teachers.nets else recipe.teachers,
            "lessons": LESSONS,
            "steps": step,
            "of": recipe.steps,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "lr": recipe.lr,
            "seed": recipe.seed,
            "test_losses": tested,
            "machine": machine(),
            "credits": photographs.credits + paintings.credits,
        },
    }
