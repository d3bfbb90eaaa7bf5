# SPDX-License-Identifier: Apache-2.0
"""Train what all styles of the style memory share: encoder, decoder, basis, and the predictor of rows.

Every step paints crops of photographs, some of them by styles that ship, whose rows are trained along, the rest by other
paintings, for whose rows the predictor answers alone; now and then a crop is given back as it is. Three things make the network
paint at any strength and size:

* strength is a dial: some crops are painted by a row part of the way from the crop's own row to the style's, and their style
  loss counts by the square of that part (`Recipe.dialled`);
* a picture is painted twice, broad and then fine (method.py): every `second_every`th step paints over its own answer at half
  the size, with the photograph's detail laid over it;
* paintings are measured in many sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.places import shared_path, state_beside, state_path
from scumble.library.weights import Card, load_card, load_weights, name_of, save_weights
from scumble.methods.style_memory.network import COLOURS, FAINT, PALETTE_FAINT, SIGNATURE_NETWORK, MemoryNet, StyleMemory, moved
from scumble.nst.losses import (
    colour_range,
    contrast,
    contrast_loss,
    echo_loss,
    hue_loss,
    lattice_loss,
    overshoot,
    relief_loss,
)
from scumble.nst.perceptual_loss import SPEC, LossSpec, perceptual_losses
from scumble.nst.style_encoder import load_style_encoder
from scumble.painting.two_passes import DETAIL
from scumble.training.cards import read_table, trained_card, write_credits
from scumble.training.data import Pictures, contents, read_picture, read_pictures
from scumble.training.loop import Schedule, best_device, fit, run_folder
from scumble.training.losses import LATTICE, MOST, STYLE_WEIGHT, TV, described
from scumble.training.muon import Muon, for_convolutions
from scumble.training.recipe import OnePainting, TrainingRecipe, loading, refuse_crop
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.style_sampler import SampledStyle, StyleSampler, blurred
from scumble.training.teachers import load_teacher


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. `styles` is a table of the styles that ship (cards.py), whose files lie in `paintings`;
    `known` of the `batch` crops of a step are painted by these, the others by any painting. `start` is a weight file to go on
    from, with the rows that lie beside it. `side` is the short side in pixels of a painting of a style that ships; others lie
    between `side` times the two of `sides`. `roots` is the share of the style loss that compares roots of Gram matrices
    (nst/losses.py). `relief` weighs texture in calm parts of a crop, `echo` texture beside outlines, `contrast` light, dark and
    colour that are missing or too much, `hue` hues that lie elsewhere than in the crop, `range` colours beyond the painting's.
    `reconstruction` weighs the mean squared error of a crop that is given back, where content counts 1; one is in every
    `rebuilt_every`th step. A number of a row moves `pace` times as fast as a weight."""

    paintings: Path
    _: KW_ONLY
    teachers: str = "half"
    steps: int = 2000
    lr: float = 6e-4
    batch: int = 3
    known: int = 1
    crop: int = 192
    side: int = 320
    sides: tuple[float, float] = (0.75, 1.15)
    style_weight: float = STYLE_WEIGHT
    roots: float = 0.5
    dialled: float = 0.35
    second_every: int = 8
    tv: float = TV
    relief: float = 0.7
    echo: float = 0.3
    contrast: float = 1.5
    hue: float = 1.0
    range: float = 1500.0
    lattice: float = LATTICE
    reconstruction: float = 20.0
    rebuilt_every: int = 8
    pace: float = 10.0
    styles: Path | None = None
    start: Path | None = None

    @property
    def weights(self) -> dict[str, float]:
        """Of the losses beside content and style, by their names."""
        names = ("tv", "relief", "echo", "contrast", "hue", "range", "lattice")
        return {name: getattr(self, name) for name in names} | {"rebuilt": self.reconstruction}


WARM_UP = 100
"""First steps of a training that goes on from weights (a tenth of them at most), in which the rate rises: the moments that they
were trained with are lost."""


class TrainableMemory(nn.Module):
    """What is trained: the shared networks, and by how much the rows of `known` styles differ from those predicted."""

    def __init__(self, known: int, pace: float = 10.0) -> None:
        super().__init__()
        self.pace = pace
        self.shared = StyleMemory()
        self.offsets = nn.Parameter(torch.zeros(known, self.shared.net.row_size - COLOURS))

    def predicted(self, picture: Tensor, signature: Tensor) -> Tensor:
        """(1, R). No gradient goes into the picture: what the encoder makes of contents is what trains it."""
        with torch.no_grad():
            own = self.shared.net.own_row(picture, PALETTE_FAINT)
        return moved(own, self.shared.predictor(signature))

    def known_row(self, known: Sequence[SampledStyle], i: int) -> Tensor:
        return moved(self.predicted(known[i].picture, known[i].signature), self.pace * self.offsets[i : i + 1])

    @torch.no_grad()
    def begin(
        self, start: Path, known: Sequence[SampledStyle], styles: Sequence[OnePainting], report: Callable[[str], None]
    ) -> None:
        """Go on from a weight file and the rows beside it that belong to it. Raises ScumbleError "weights-corrupt"."""
        with loading(start):
            self.shared.load_state_dict(load_weights(start)[0])
        going_on = 0
        for i, style in enumerate(styles):
            path = state_beside(start, "memory", style.style_id)
            if path.exists() and load_card(path).get("shared") == name_of(start):
                row = load_weights(path)[0]["row"].to(self.offsets)
                by = (row - self.predicted(known[i].picture, known[i].signature))[0] / self.pace
                self.offsets[i] = by[:-COLOURS]
                going_on += 1
        if styles:
            fresh = len(styles) - going_on  # their rows are missing, or of other networks
            report(f"rows beside {start.name}: {going_on} go on, {fresh} begin from their paintings")


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (going on where a run was broken off) and write `out`/memory/shared.safetensors with its card.

    Raises ScumbleError "bad-options" or "weights-missing".
    """
    if recipe.batch < 2 or min(recipe.rebuilt_every, recipe.second_every) < 1:
        raise ScumbleError("bad-options", "A batch has 2 crops at least, and what happens every few steps every step at most.")
    if not 0 <= recipe.dialled <= 1:
        raise ScumbleError("bad-options", f"{recipe.dialled} is no share.", "Give --dialled from 0 to 1.")
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teacher = load_teacher(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    spec = replace(SPEC, style_weight=recipe.style_weight, roots=recipe.roots)
    photographs, paintings = read_pictures(recipe.photographs), read_pictures(recipe.paintings)
    see = load_style_encoder(SIGNATURE_NETWORK).to(device)
    sampler = StyleSampler(paintings, photographs, teacher, see, set(spec.styles[1]), device)
    styles = read_table(recipe.styles, recipe.paintings) if recipe.styles else []
    known = [sampler.measure(read_picture(style.painting), recipe.side) for style in styles]
    memory = TrainableMemory(len(styles), recipe.pace).to(device).to(memory_format=torch.channels_last)
    shared = memory.shared
    if recipe.start:
        memory.begin(recipe.start, known, styles, report)
    else:
        generator = torch.Generator().manual_seed(recipe.seed)
        centre, spread = sampler.spread(recipe.side, recipe.sides, generator)
        shared.predictor.centre.copy_(centre)
        shared.predictor.spread.copy_(spread)
    path = shared_path(out, "memory")
    credits = write_credits(out, photographs, paintings)

    def save(step: int) -> None:
        save_shared(path, shared, _card(recipe, step, credits))
        for i, style in enumerate(styles):
            with torch.no_grad():
                row = memory.known_row(known, i)
            save_weights(state_path(out, "memory", style.style_id), {"row": row}, _row_card(style, path), torch.float32)

    def loss(step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = contents(photographs, recipe.batch, recipe.crop, generator).to(device, memory_format=torch.channels_last)
        return _losses(memory, known, sampler, recipe, spec, x, step, generator)

    schedule = Schedule(recipe.steps, recipe.lr, recipe.seed, min(WARM_UP, recipe.steps // 10) if recipe.start else 0)
    sample = partial(_sheet, memory, known, sampler, photographs, recipe)
    fit(memory, loss, schedule, run_folder("memory", recipe), sample, save, report, optimizer(memory, recipe.lr))
    save(recipe.steps)
    return path


def save_shared(path: Path, shared: StyleMemory, card: Card) -> None:
    """Bases and predictor, which are most of the file, in 8 bits: no picture shows it."""
    state = shared.state_dict()
    save_weights(path, state, card, narrow=[k for k, v in state.items() if v.dim() == 2])


def optimizer(memory: TrainableMemory, lr: float) -> Muon:
    """The convolutions between the ends by Muon; the ends, the basis, the predictor and the rows by Adam."""
    net = memory.shared.net
    return for_convolutions(memory, (net.stem, net.to_full, net.at_full, net.head), lr)


def _losses(
    memory: TrainableMemory,
    known: Sequence[SampledStyle],
    sampler: StyleSampler,
    recipe: Recipe,
    spec: LossSpec,
    x: Tensor,
    step: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Of `x` (N, 3, H, W) the first `known` are painted by styles that ship, where there are any, the others by any painting;
    in every `rebuilt_every`th step the last is given back as it is."""
    net, n = memory.shared.net, len(x) - (step % recipe.rebuilt_every == 0)
    rows, drawn = [], []
    for i in range(n):
        if known and i < recipe.known:
            chosen = int(torch.randint(len(known), (), generator=generator))
            rows.append(memory.known_row(known, chosen))
            drawn.append(known[chosen])
        else:
            painting = sampler.draw(recipe.side, recipe.sides, step, generator)
            signature = blurred(painting.signature, memory.shared.predictor.spread, generator)
            rows.append(memory.predicted(painting.picture, signature))
            drawn.append(painting)
    with torch.no_grad():
        own = net.own_row(x)
    dial, chance = torch.rand(2, n, generator=generator)
    part = torch.where(chance < recipe.dialled, dial, 1.0).to(x.device)
    painted = torch.lerp(own[:n], torch.cat(rows), part[:, None])
    given_back = memory.shared.rows(x[n:], sampler.see(x[n:]), FAINT) if n < len(x) else own[:0]
    base = x
    if step % recipe.second_every == recipe.second_every - 1:
        base = torch.cat([painted_over(net, x[:n], painted.detach()), x[n:]])
    y = net(base, torch.cat([painted, given_back]))
    grams = {f"1/{layer}": torch.stack([painting.grams[f"1/{layer}"] for painting in drawn]) for layer in spec.styles[1]}
    losses = perceptual_losses(y[:n], x[:n], grams, sampler.teacher, spec, most=MOST)
    parts = losses.means() | _others(y[:n], x[:n], drawn, part)
    parts["rebuilt"] = F.mse_loss(y[n:].float(), x[n:]) if n < len(x) else x.new_zeros(())
    parts["lattice"] = lattice_loss(y)
    weighed = sum(weight * parts[name] for name, weight in recipe.weights.items())
    total = parts["content"] + recipe.style_weight * (part.square() * losses.style).mean() + weighed
    return {"total": total, **parts}


def _others(y: Tensor, x: Tensor, drawn: Sequence[SampledStyle], part: Tensor) -> dict[str, Tensor]:
    """What is asked of pictures `y` of contents `x` (N, 3, H, W) beside content and style, by the paintings that were drawn for
    them and by how far `part` (N,) they are on their way to these."""
    calm = torch.cat([painting.calm for painting in drawn])
    wanted = torch.lerp(contrast(x), torch.cat([painting.contrast for painting in drawn]), part[:, None])
    bounds = torch.lerp(colour_range(x), torch.cat([painting.bounds for painting in drawn], 1), part.view(-1, 1, 1, 1))
    return {
        "relief": relief_loss(y, x, calm),
        "echo": echo_loss(y, x, calm),
        "contrast": contrast_loss(y, x, wanted),
        "hue": hue_loss(y, x),
        "range": overshoot(y, bounds),
    }


@torch.no_grad()
def painted_over(net: MemoryNet, x: Tensor, rows: Tensor) -> Tensor:
    """What the second pass sees: the answer at half the size, enlarged, with DETAIL of what `x` (N, 3, H, W) loses there."""
    half = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    broad, lost = (F.interpolate(z.float(), scale_factor=2, mode="bilinear") for z in (net(half, rows), half))
    return (broad + DETAIL * (x - lost)).clamp(0, 1)


def _sheet(
    memory: TrainableMemory, known: Sequence[SampledStyle], sampler: StyleSampler, photographs: Pictures, recipe: Recipe
) -> Tensor:
    """Four contents by six known styles, and by three other paintings."""
    x, generator = sheet_contents(photographs, 4, sampler.device, sky=True), torch.Generator().manual_seed(1)
    every = torch.linspace(0, len(known) - 1, 6).long().tolist() if known else []
    chosen = [(known[i], memory.known_row(known, i)) for i in every]
    for _ in range(3):
        painting = sampler.draw(recipe.side, recipe.sides, 0, generator)
        chosen.append((painting, memory.predicted(painting.picture, painting.signature)))
    side = x.shape[-1]
    tops = [F.interpolate(painting.picture[..., :side, :side], (side, side), mode="bilinear") for painting, _ in chosen]
    return sheet(x, [memory.shared.net(x, row.expand(len(x), -1)) for _, row in chosen], tops)


def _card(recipe: Recipe, step: int, credits: Mapping[str, object]) -> Card:
    net = MemoryNet()
    shape = {"widths": net.widths, "blocks": net.blocks_count, "basis": net.basis_sizes, "row": net.row_size}
    shape["signature"] = SIGNATURE_NETWORK
    table = recipe.styles.name if recipe.styles else None
    about: Card = {"method": "memory", "architecture": shape}
    losses = described(replace(SPEC, roots=recipe.roots))
    return trained_card(about, "memory", recipe, credits, step, optimizer="Muon, Adam", styles=table, losses=losses)


def _row_card(style: OnePainting, networks: Path) -> Card:
    """Of a row that was trained with the networks of that weight file."""
    copied = ("command", "teachers", "finished", "style_weight", "seed", "machine")
    training = load_card(networks)["training"]
    return {
        "method": "memory",
        "style": style.described,
        "shared": name_of(networks),
        "licence": "Apache-2.0",
        "training": {key: training[key] for key in copied} | {"grade": 1},
    }
