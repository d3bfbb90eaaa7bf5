# SPDX-License-Identifier: Apache-2.0
"""Fit the surrogate: how the compact network has to be looked at to say what the teachers say.

Where a teacher's features are W f for the compact network's features f, its Gram matrix is W G W^T. So W is fitted by least
squares for every style layer of theirs, over photographs, paintings, and pictures that the memory paints by rows on their way
from one style to another: those are what a refinement has to tell apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.places import COMPACT, SHIPPED
from scumble.library.weights import Card, name_of, save_weights
from scumble.methods.style_memory.method import load_memory
from scumble.methods.style_memory.surrogate import own_layer, root
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import signature
from scumble.training import distributed as parallel
from scumble.training.cards import write_credits
from scumble.training.data import Split, has_test_split, read_pictures
from scumble.training.loop import best_device, machine
from scumble.training.recipe import refuse_crop
from scumble.training.teachers import Teachers, credited, load_teachers


@dataclass(frozen=True)
class Recipe:
    """Everything the fit depends on. Of `batches` of four crops every third is of photographs and paintings as they are."""

    photographs: Path
    paintings: Path
    teachers: str = "torchvision"
    batches: int = 60
    crop: int = 192
    seed: int = 0
    memory: Path = SHIPPED / "memory" / "shared.safetensors"


MANNER = 256
"""Side in pixels of the crops of paintings from which rows are predicted."""

MOVED = 0.3
"""By which share of the difference of two other rows a row is moved, at most."""

RIDGE = 1e-5
"""Of the mean power of a feature."""

SCALES = (0.8, 1.8)

TEST_BATCHES = 16


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Fit and write `out`/perceptual/surrogate.safetensors with its card: the share of the variance that each
    map leaves unexplained, over the test split where both folders have one. Raises ScumbleError "bad-options"."""
    if recipe.batches < 3 or parallel.count() > 1:
        raise ScumbleError("bad-options", "A fit takes three batches or more, and one process.", "Mind --batches and torchrun.")
    refuse_crop(recipe.crop)
    began, device = time.monotonic(), best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    shown = Shown(recipe, teachers, device)
    power: dict[str, Tensor] = {}
    product: dict[str, Tensor] = {}
    for number, seen in shown.batches(recipe.batches, recipe.seed):
        for name, (f, wanted) in seen.items():
            power[name] = power.get(name, 0) + f.T @ f
            product[name] = product.get(name, 0) + f.T @ wanted
        if (number + 1) % 10 == 0:
            report(f"{number + 1}/{recipe.batches}")
    maps = {name: _solved(power[name], product[name]) for name in power}
    tested = None
    if all(has_test_split(folder) for folder in (recipe.photographs, recipe.paintings)):
        tested = unexplained(maps, Shown(recipe, teachers, device, "test"))
        report("  ".join(f"{name} {share:.3f}" for name, share in tested.items()))
    path = out / "perceptual" / "surrogate.safetensors"
    save_weights(
        path,
        {name: root(w.T) for name, w in maps.items()},
        _card(recipe, write_credits(out, shown.photographs, shown.paintings), tested, time.monotonic() - began),
        torch.float32,
    )
    return path


Seen = Mapping[str, tuple[Tensor, Tensor]]
"""By the teacher's layer, in float64: features (n, C + 1) of the compact network, the last 1, and the teacher's (n, K)."""


class Shown:
    """Pictures of a split, seen by both."""

    def __init__(self, recipe: Recipe, teachers: Teachers, device: str, split: Split = "train") -> None:
        self.recipe, self.teachers, self.device = recipe, teachers, device
        self.photographs, self.paintings = (read_pictures(f, split) for f in (recipe.photographs, recipe.paintings))
        self._memory = load_memory(recipe.memory).to(device)
        self._compact = load_perceptual("compact").to(device).to(memory_format=torch.channels_last)

    def batches(self, count: int, seed: int) -> Iterator[tuple[int, Seen]]:
        generator = torch.Generator().manual_seed(seed)
        for number in range(count):
            yield number, self._seen(self._plain(generator) if number % 3 == 0 else self._painted(generator))

    def _plain(self, generator: torch.Generator) -> Tensor:
        drawn = [folder.crops(2, self.recipe.crop, generator, SCALES) for folder in (self.photographs, self.paintings)]
        return torch.cat(drawn)

    @torch.no_grad()
    def _painted(self, generator: torch.Generator) -> Tensor:
        x = self.photographs.crops(4, self.recipe.crop, generator, SCALES)
        manners = self.paintings.crops(4, MANNER, generator, SCALES).to(self.device)
        rows = self._memory.rows(manners, signature(self._compact, manners))
        share = MOVED * (2 * float(torch.rand((), generator=generator)) - 1)
        rows = rows + share * (rows.roll(1, 0) - rows.roll(2, 0))
        painted: Tensor = self._memory.net(x.to(self.device, memory_format=torch.channels_last), rows)
        return painted.clamp(0, 1)

    @torch.no_grad()
    def _seen(self, x: Tensor) -> Seen:
        x = x.to(self.device, memory_format=torch.channels_last)
        layers = self.teachers.style_layers
        own, theirs = self._compact(x, {own_layer(name) for name in layers}), self.teachers(x, set(layers))
        return {name: (_with_one(_cells(own[own_layer(name)])), _cells(theirs[name])) for name in layers}


def unexplained(maps: Mapping[str, Tensor], shown: Shown) -> dict[str, float]:
    """The share of the variance of each teacher's layer that its map does not explain."""
    left, whole = dict.fromkeys(maps, 0.0), dict.fromkeys(maps, 0.0)
    for _, seen in shown.batches(TEST_BATCHES, 0):
        for name, (f, wanted) in seen.items():
            left[name] += float((wanted - f @ maps[name]).square().sum())
            whole[name] += float((wanted - wanted.mean(0)).square().sum())
    return {name: round(left[name] / whole[name], 4) for name in maps}


def _solved(power: Tensor, product: Tensor) -> Tensor:
    """(C + 1, K)."""
    ridge = RIDGE * power.diagonal().mean() * torch.eye(len(power), dtype=power.dtype, device=power.device)
    solved: Tensor = torch.linalg.solve(power + ridge, product)
    return solved


def _cells(features: Tensor) -> Tensor:
    """(N, C, H, W) to (N * H * W, C)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2).double()


def _with_one(cells: Tensor) -> Tensor:
    return torch.cat([cells, torch.ones_like(cells[:, :1])], 1)


def _card(recipe: Recipe, credits: Mapping[str, object], tested: dict[str, float] | None, seconds: float) -> Card:
    return {
        "network": name_of(COMPACT),
        "licence": "Apache-2.0",
        "training": {
            "command": "scumble train surrogate --photographs FOLDER --paintings FOLDER --teachers FOLDER --out FOLDER",
            "teachers": credited(recipe.teachers),
            "memory": name_of(recipe.memory),
            "batches": recipe.batches,
            "crop": recipe.crop,
            "seed": recipe.seed,
            "unexplained": tested,
            "seconds": round(seconds),
            "machine": machine(),
            "credits": credits,
        },
    }
