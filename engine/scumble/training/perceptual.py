# SPDX-License-Identifier: Apache-2.0
"""The perceptual networks that ship, half and quarter: VGG-16 to relu5_1 at half and a quarter of its width.

They are computed from the complete VGG-16 in closed form (narrowing.py) and then distilled by gradient (Muon): a linear map a
layer, thrown away afterwards, must predict all of VGG-16's channels, and the Gram matrices of what it predicts must be those of
VGG-16. Where a teacher's features are W f for the narrow network's f, its Gram matrix is W G W^T, so matching the narrow
network's Gram matrices matches the teacher's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from scumble.library.places import perceptual_path
from scumble.library.weights import Card, load_weights, save_weights
from scumble.nst.losses import gram, gram_loss
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS, narrow
from scumble.training.cards import trained_card, write_credits
from scumble.training.data import has_test_split, read_pictures
from scumble.training.loop import Schedule, best_device, fit, run_folder
from scumble.training.muon import for_convolutions
from scumble.training.narrowing import linear_map, narrowed
from scumble.training.recipe import TrainingRecipe, loading
from scumble.training.teachers import load_complete

DISTILLED = {"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_1": 1.0, "relu4_2": 1.0, "relu4_3": 2.0, "relu5_1": 2.0}
"""What is distilled, and how much it counts: content and style are compared in these layers, and deep ones lose most."""

CREDIT = "VGG-16 of the Visual Geometry Group, University of Oxford (Simonyan and Zisserman 2014), CC BY 4.0"


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. Photographs and paintings are drawn in equal parts. From `fitted` crops the closed form is
    computed, unless `start` is a weight file to go on from, and then the linear maps. `steps` 0 leaves the network as it began;
    `gram_weight` weighs Gram matrices beside features."""

    paintings: Path
    network: Literal["half", "quarter"] = "half"
    _: KW_ONLY
    teachers: str = "torchvision"
    steps: int = 1500
    lr: float = 3e-4
    batch: int = 6
    crop: int = 128
    fitted: int = 160
    gram_weight: float = 1.0
    start: Path | None = None


class Student(nn.Module):
    """The narrow network, and a linear map a layer to all of VGG-16's channels."""

    def __init__(self, net: VGG, vgg: VGG) -> None:
        super().__init__()
        self.net = net.requires_grad_(True)
        widths = {k: (net.conv(k[4:]).out_channels, vgg.conv(k[4:]).out_channels) for k in DISTILLED}
        self.maps = nn.ModuleDict({_key(k): nn.Conv2d(*width, 1) for k, width in widths.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """VGG-16's features as they are predicted, by layer."""
        own = self.net(x, set(DISTILLED))
        return {k: self.maps[_key(k)](own[k]) for k in DISTILLED}

    @torch.no_grad()
    def fit_maps(self, vgg: VGG, pictures: Tensor) -> None:
        """Begin with the least-squares maps over (N, 3, H, W)."""
        for layer in DISTILLED:
            convolution = self.maps[_key(layer)]
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.bias is not None
            pairs = [(_rows(self.net(x, {layer})[layer]), _rows(vgg(x, {layer})[layer])) for x in torch.split(pictures, 8)]
            solved = linear_map(*(torch.cat(rows) for rows in zip(*pairs, strict=True))).float()
            convolution.weight.copy_(solved[:-1].T[..., None, None])
            convolution.bias.copy_(solved[-1])


def _rows(features: Tensor) -> Tensor:
    """(places, C) of (N, C, h, w), of a large map some."""
    rows = features.permute(0, 2, 3, 1).flatten(0, 2)
    return rows[:: max(1, len(rows) // 4000)]


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Fit and distil one network and write `out`/perceptual/NETWORK.safetensors with its card; a broken-off run is resumed.

    Raises ScumbleError "weights-missing" where there is no complete VGG-16, and "weights-corrupt" where `start` is
    another network.
    """
    torch.manual_seed(recipe.seed)
    device = best_device()
    vgg = load_complete(recipe.teachers)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)

    def batch(n: int, generator: torch.Generator) -> Tensor:
        x = torch.cat([s.crops((n + 1) // 2, recipe.crop, generator, (0.8, 1.8)) for s in (photographs, paintings)])
        return disturb(x[torch.randperm(len(x), generator=generator)[:n]], generator)

    path = perceptual_path(out, recipe.network)
    credits = write_credits(out, photographs, paintings)
    generator = torch.Generator().manual_seed(recipe.seed)
    many = batch(recipe.fitted, generator)
    begun = run_folder(f"perceptual-{recipe.network}", recipe) / "checkpoint.pt"
    net = narrow(recipe.network)  # filled from the checkpoint where there is one
    if recipe.start:
        with loading(recipe.start):
            net.convs.load_state_dict(load_weights(recipe.start)[0])
    elif not begun.exists():
        net = narrowed(vgg, recipe.network, many, generator, report)
    vgg = vgg.to(device).to(memory_format=torch.channels_last)
    few = many[:8].to(device)
    with torch.no_grad():
        truth = vgg(few, set(DISTILLED))
        scales = {k: v.float().var().clamp_min(1e-6) for k, v in truth.items()}
        student = Student(net.to(device), vgg)
        if not begun.exists():
            student.fit_maps(vgg, many.to(device))
    student = student.to(memory_format=torch.channels_last)

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = batch(recipe.batch, generator).to(device, memory_format=torch.channels_last)
        with torch.no_grad():
            wanted = vgg(x, set(DISTILLED))
        return _losses(student(x), wanted, scales, recipe.gram_weight)

    def save(step: int, tested: dict[str, float] | None = None) -> None:
        levelled = level(student.net, recipe.network, few)
        more = {"teachers": CREDIT, "optimizer": "Muon, Adam", "layers": DISTILLED, "test_losses": tested}
        card = trained_card(_about(recipe), "perceptual", recipe, credits, step, **more)
        save_weights(path, levelled.convs.state_dict(), card)

    save(0)
    if recipe.steps:
        schedule = Schedule(recipe.steps, recipe.lr, recipe.seed, warm_up=min(50, recipe.steps // 10))
        optimizer = for_convolutions(student, (student.net.conv("1_1"), student.maps), recipe.lr)
        fit(student, loss, schedule, begun.parent, on_checkpoint=save, report=report, optimizer=optimizer)
    save(recipe.steps, test_losses(student, vgg, scales, recipe))
    return path


def _losses(
    predicted: dict[str, Tensor], wanted: dict[str, Tensor], scales: dict[str, Tensor], gram_weight: float
) -> dict[str, Tensor]:
    total = sum(DISTILLED.values())
    features = [w * (predicted[k].float() - wanted[k]).square().mean() / scales[k] for k, w in DISTILLED.items()]
    grams = [
        w
        * torch.stack(
            [gram_loss(a, b) for a, b in zip(gram(predicted[k].float()), gram(wanted[k].float()), strict=True)]
        ).mean()
        for k, w in DISTILLED.items()
    ]
    unexplained, apart = torch.stack(features).sum() / total, torch.stack(grams).sum() / total
    return {"total": unexplained + gram_weight * apart, "features": unexplained, "grams": apart}


@torch.no_grad()
def test_losses(student: Student, vgg: VGG, scales: dict[str, Tensor], recipe: Recipe) -> dict[str, float] | None:
    """Share of each layer's variance that is not predicted, in fp32, over 16 undisturbed crops of each folder's test split;
    None where a folder has none."""
    folders = (recipe.photographs, recipe.paintings)
    if not all(has_test_split(f) for f in folders):
        return None
    generator, device = torch.Generator().manual_seed(0), best_device()
    parts = []
    for folder in folders:
        x = read_pictures(folder, "test").crops(16, recipe.crop, generator).to(device)
        predicted, wanted = student(x), vgg(x, set(DISTILLED))
        parts.append({k: float((predicted[k] - wanted[k]).square().mean() / wanted[k].var()) for k in DISTILLED})
    return {k: round(sum(p[k] for p in parts) / len(parts), 4) for k in DISTILLED}


def disturb(x: Tensor, generator: torch.Generator) -> Tensor:
    """Make pictures (N, 3, H, W) look as they do on their way to an optimum: some noisy, some mixed, some recoloured."""
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
def level(net: VGG, network: Literal["half", "quarter"], x: Tensor) -> VGG:
    """A copy of `net` whose every layer has mean activation 1 over (N, 3, H, W) `x` (Gatys et al. 2016, section 2).

    ReLU and pooling commute with positive factors, so only the scale of each feature map changes.
    """
    copy = narrow(network, net.pooling).to(x.device)
    copy.convs.load_state_dict(net.convs.state_dict())
    means = {n: net(x, {f"relu{n}"})[f"relu{n}"].float().mean().clamp_min(1e-6) for n in net.layers}
    before = torch.ones((), device=x.device)
    for n in net.layers:
        conv = copy.conv(n)
        conv.weight.mul_(before / means[n])
        assert conv.bias is not None
        conv.bias.div_(means[n])
        before = means[n]
    return copy


def _key(layer: str) -> str:
    return layer.replace(".", "_")


def _about(recipe: Recipe) -> Card:
    shape = {"widths": WIDTHS[recipe.network], "depths": DEPTHS[recipe.network], "padding": "reflect"}
    return {"network": recipe.network, "architecture": shape, "licence": "CC-BY-4.0", "credit": CREDIT}
