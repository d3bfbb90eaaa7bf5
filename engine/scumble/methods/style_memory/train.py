# SPDX-License-Identifier: Apache-2.0
"""Train what all styles of the style memory share: encoder, decoder, basis, and the predictor of rows.

Every step paints crops by random paintings, now and then by photographs, and now and then gives a crop back as it is. A
painting's row is its own statistics plus what the predictor adds, so that the networks learn to make the best of a row that was
made in an instant. Styles that shall ship are known by name: their rows are trained along, and it is from them that the
networks learn what strokes are. So is a row of one other painting, every second step; those are let go of at the end, but
networks that only ever see what the predictor makes of a painting learn one texture for all.
Most steps look through cheap eyes (VGG-16 sees only the half-size picture), one in four through both teachers at both scales;
in the last thousands of what ships, which took twice as long a step, all did (`whole_every`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.places import shared_path, state_beside, state_path
from scumble.library.weights import Card, load_card, load_weights, name_of, save_weights
from scumble.methods.style_memory.network import MemoryNet, StyleMemory
from scumble.nst import synthetic
from scumble.nst.looks import Look
from scumble.nst.style_encoder import Sight, load_sight
from scumble.training.cards import OnePainting, read_table
from scumble.training.data import Pictures, read_picture, read_pictures
from scumble.training.loop import Schedule, best_device, fit, machine, run_folder
from scumble.training.muon import Muon, for_convolutions
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
    """Everything a run depends on. `styles` is a table of the styles that ship (painting.py), whose files lie in `paintings`;
    `batch` is 2 at least; `start` is a weight file to go on from, with the rows that lie beside it. `reconstruction` weighs the
    mean squared error of a crop that is given back, where content counts 1; one is in every `rebuilt_every`th step, and every
    `whole_every`th looks through both teachers at both scales (through the compact network alone all do). `roots` is the share
    of the style loss that compares Gram matrices by their roots; with `even`, layers at the picture's own scale count alike,
    as those who judge have them (evaluate/judges.py)."""

    photographs: Path
    paintings: Path
    teachers: str = "compact"
    steps: int = 12000
    lr: float = 1e-3
    batch: int = 4
    crop: int = 224
    variants: int = VARIANTS
    style_weight: float = 4.0
    tv: float = 0.1
    lattice: float = LATTICE
    reconstruction: float = 20.0
    rebuilt_every: int = 4
    whole_every: int = LOOKED_AT_WHOLE_EVERY
    roots: float = 1.0
    even: bool = False
    seed: int = 0
    styles: Path | None = None
    start: Path | None = None


WARM_UP = 100
"""First steps of a training that goes on from weights (a tenth of them at most), in which the rate rises: the moments that they
were trained with are lost."""

PACE, PACE_UNNAMED = 10.0, 2.0
"""How much faster than a weight a number of a row moves, of a style that ships and of any other painting. The latter are seen
seldom, and the seldomer a number is seen the further Adam takes it: at 10 the training runs away."""


class Apprentice(nn.Module):
    """What is trained: the shared networks, and by how much the rows of `known` styles and of `unnamed` paintings differ from
    those predicted."""

    def __init__(self, known: int, unnamed: int = 0) -> None:
        super().__init__()
        self.shared = StyleMemory()
        self.offsets = nn.Parameter(torch.zeros(known, self.shared.net.row_size))
        self.unnamed = nn.Parameter(torch.zeros(unnamed, self.shared.net.row_size))

    def row(self, seen: Paintings, i: int) -> Tensor:
        """(1, R), of the whole painting as its Grams are: a crop has other colours."""
        return self.predicted(seen.whole(i), seen.signatures[i : i + 1])

    def predicted(self, picture: Tensor, signature: Tensor) -> Tensor:
        """No gradient goes into the picture: what the encoder makes of contents is what trains it."""
        picture = picture.to(self.offsets.device, memory_format=torch.channels_last)
        with torch.no_grad():
            own = self.shared.net.own_row(picture)
        row: Tensor = own + self.shared.predictor(signature)
        return row

    def known_row(self, known: Paintings, i: int) -> Tensor:
        return self.row(known, i) + PACE * self.offsets[i : i + 1]

    def unnamed_row(self, seen: Paintings, number: int, variants: int) -> Tensor:
        """Of the painting `number` as it is."""
        return self.row(seen, number * variants) + PACE_UNNAMED * self.unnamed[number : number + 1]

    @torch.no_grad()
    def begin(self, start: Path, seen: Paintings, styles: Sequence[OnePainting], report: Callable[[str], None]) -> None:
        """Go on from a weight file and the rows beside it that belong to it. Raises ScumbleError "weights-corrupt"."""
        with fitting(start):
            self.shared.load_state_dict(load_weights(start)[0])
        going_on = 0
        for i, style in enumerate(styles):
            path = state_beside(start, "memory", style.style_id)
            if path.exists() and load_card(path).get("shared") == name_of(start):
                self.offsets[i] = (load_weights(path)[0]["row"].to(self.offsets) - self.row(seen, i))[0] / PACE
                going_on += 1
        if styles:
            anew = len(styles) - going_on
            report(f"rows beside {start.name}: {going_on} go on, {anew} begin anew (missing, or of other networks)")


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (going on where a run was broken off) and write `out`/memory/shared.safetensors with its card.

    Raises ScumbleError "bad-options".
    """
    if recipe.batch < 2 or min(recipe.rebuilt_every, recipe.whole_every) < 1:
        raise ScumbleError("bad-options", "A batch has 2 crops at least, and what happens every few steps every step at most.")
    if not 0 <= recipe.roots <= 1:
        raise ScumbleError("bad-options", f"{recipe.roots} is no share.", "Give --roots from 0 to 1.")
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teachers = load_teachers(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    see = load_sight("compact").to(device)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    look_at = partial(remembered, teachers=teachers, see=see, seed=recipe.seed, report=report)
    all_styles = remembered_styles(paintings, photographs, recipe.variants, look_at)
    seen = all_styles.paintings
    styles = read_table(recipe.styles, recipe.paintings) if recipe.styles else []
    known = None
    if styles:
        files = [style.painting for style in styles]
        named = Pictures(files, [read_picture(f) for f in files], [])
        known = look_at(named, variants=1)
    apprentice = Apprentice(len(styles), len(paintings.files)).to(device).to(memory_format=torch.channels_last)
    shared = apprentice.shared
    if recipe.start:
        apprentice.begin(recipe.start, known or seen, styles, report)
    else:
        shared.predictor.centre.copy_(seen.signatures.mean(0))
        shared.predictor.spread.copy_(seen.signatures.std(0).clamp_min(0.02))
    path = shared_path(out, "memory")
    cheap, whole = (_as_asked(look, recipe) for look in looks(teachers, recipe.style_weight))

    def save(step: int) -> None:
        save_shared(path, shared, _card(recipe, step, photographs, paintings))
        for i, style in enumerate(styles):
            assert known is not None
            with torch.no_grad():
                row = apprentice.known_row(known, i)
            save_weights(state_path(out, "memory", style.style_id), {"row": row}, _row_card(style, path), torch.float32)

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
        n = recipe.batch - (step % recipe.rebuilt_every == 0)
        look = whole if step % recipe.whole_every == recipe.whole_every - 1 else cheap
        unnamed = step % 2 == 1
        return _losses(apprentice, known, all_styles, recipe, x, n, unnamed, look, teachers, see, generator)

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed, min(WARM_UP, recipe.steps // 10) if recipe.start else 0)
    sheet = partial(_sheet, apprentice, known, seen, photographs, recipe.variants)
    fit(apprentice, loss, schedule, run_folder("memory", recipe), sheet, save, report, optimizer(apprentice, recipe.lr))
    save(recipe.steps)
    return path


def _as_asked(look: Look, recipe: Recipe) -> Look:
    alike = {1: dict.fromkeys(look.styles[1], 1.0)} if recipe.even else {}
    return replace(look, roots=recipe.roots, styles={**look.styles, **alike})


def save_shared(path: Path, shared: StyleMemory, card: Card) -> None:
    """Bases and predictor, which are three quarters of the file, in 8 bits: no picture shows it."""
    state = shared.state_dict()
    save_weights(path, state, card, narrow=[k for k, v in state.items() if v.dim() == 2])


def optimizer(apprentice: Apprentice, lr: float) -> Muon:
    """The convolutions between the ends by Muon; the ends, the basis, the predictor and the rows by Adam."""
    net = apprentice.shared.net
    return for_convolutions(apprentice, (net.stem, net.to_full, net.at_full, net.head), lr)


def _losses(
    apprentice: Apprentice,
    known: Paintings | None,
    styles: Styles,
    recipe: Recipe,
    x: Tensor,
    n: int,
    unnamed: bool,
    look: Look,
    teachers: Teachers,
    see: Sight,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Of `x` (N, 3, H, W) the first `n` are painted: one by a known style, where there are any, one by an `unnamed` painting
    with a row of its own, where that is asked for, and the others with what is predicted alone. The rest are given back."""

    def any_of(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    rows, grams = [], []
    if known:
        chosen = any_of(len(known.pictures))
        rows.append(apprentice.known_row(known, chosen))
        grams.append({k: v[chosen] for k, v in known.grams.items()})
    if unnamed and len(rows) < n:
        number = any_of(len(apprentice.unnamed))
        rows.append(apprentice.unnamed_row(styles.paintings, number, recipe.variants))
        grams.append({k: v[number * recipe.variants] for k, v in styles.paintings.grams.items()})
    while len(rows) < n:
        kept, i = styles.draw(generator)
        signature = blurred(kept.signatures[i : i + 1], apprentice.shared.predictor.spread, generator)
        rows.append(apprentice.predicted(kept.whole(i), signature))
        grams.append({k: v[i] for k, v in kept.grams.items()})
    own = x[n:]
    if len(own):
        rows.append(apprentice.shared.rows(own, see(own)))
    y = apprentice.shared.net(x, torch.cat(rows))
    targets = {k: torch.stack([g[k] for g in grams]) for k in grams[0]}
    return painted_losses(y, x, targets, teachers, look, recipe.tv, recipe.reconstruction, recipe.lattice)


def _sheet(apprentice: Apprentice, known: Paintings | None, seen: Paintings, photographs: Pictures, variants: int) -> Tensor:
    """Four crops by five paintings of the training, and by five known styles; the paintings on top."""
    generator = torch.Generator().manual_seed(1)
    device = apprentice.offsets.device
    x = photographs.crops(4, 256, generator, (1.1, 1.1)).to(device, memory_format=torch.channels_last)
    x[3] = synthetic.shades(256, generator)
    columns = [torch.cat([torch.ones_like(x[:1]), x])]
    for paintings, step in ((known, 1), (seen, variants)):
        if paintings is None:
            continue
        for i in torch.linspace(0, len(paintings.pictures) - 1, 7)[1:6].long().tolist():
            which = i // step * step
            row = apprentice.known_row(known, which) if paintings is known else apprentice.row(seen, which)
            y = apprentice.shared.net(x, row).float()
            columns.append(torch.cat([paintings.crop(which, 256, generator)[None].to(device), y]))
    return torch.cat([torch.cat(list(c), -2) for c in columns], -1)


def _card(recipe: Recipe, step: int, photographs: Pictures, paintings: Pictures) -> Card:
    net = MemoryNet()
    return {
        "method": "memory",
        "architecture": {"widths": net.widths, "blocks": net.blocks_count, "basis": net.basis_sizes, "row": net.row_size},
        "licence": "Apache-2.0",
        "training": {
            "command": "scumble train memory --photographs FOLDER --paintings FOLDER ...",
            "teachers": credited(recipe.teachers),
            "steps": recipe.steps,
            "finished": step,
            "batch": recipe.batch,
            "crop": recipe.crop,
            "variants": recipe.variants,
            "optimizer": "Muon, Adam",
            "lr": recipe.lr,
            "style_weight": recipe.style_weight,
            "roots": recipe.roots,
            "even": recipe.even,
            "weights": {"reconstruction": recipe.reconstruction, "lattice": recipe.lattice, "tv": recipe.tv},
            "every": {"rebuilt": recipe.rebuilt_every, "whole": recipe.whole_every},
            "seed": recipe.seed,
            "styles": recipe.styles.name if recipe.styles else None,
            "warm_start": recipe.start.name if recipe.start else None,
            "machine": machine(),
            "credits": photographs.credits + paintings.credits,
        },
    }


def _row_card(style: OnePainting, networks: Path) -> Card:
    """Of a row that was trained with the networks of that weight file."""
    told = ("command", "teachers", "finished", "style_weight", "seed", "machine")
    training = load_card(networks)["training"]
    about = {"method": "memory", "style": style.described, "shared": name_of(networks), "licence": "Apache-2.0"}
    return about | {"training": {key: training[key] for key in told} | {"grade": 1}}
