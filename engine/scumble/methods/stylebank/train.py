# SPDX-License-Identifier: Apache-2.0
"""Train StyleBank: the autoencoder and all banks together, or (`--add PICTURE`) one more bank with the rest as it is.

First the autoencoder alone, for a few steps. Then both branches by turns (the paper's section 3.2): T steps stylize crops in
several of the styles, and one reconstructs crops, its gradient scaled to the norm of the other branch's. When a style is added,
only its bank is trained, so that no other style's picture can change. README.md compares.
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
from scumble.library.places import SHIPPED, shared_path, state_beside, state_path
from scumble.library.weights import Card, load_card, name_of, save_weights
from scumble.methods.stylebank.method import load_bank, load_shared
from scumble.methods.stylebank.network import CHANNELS, Bank, StyleBankNet
from scumble.nst.perceptual_loss import SPEC, FeatureExtractor, LossSpec, grams_of
from scumble.training.cards import read_table, trained_card, write_credits
from scumble.training.data import Pictures, contents, read_picture, read_pictures
from scumble.training.loop import Losses, Schedule, best_device, fit, run_folder
from scumble.training.losses import LATTICE, described, painted_losses
from scumble.training.recipe import OnePainting, TrainingRecipe, refuse_crop
from scumble.training.sheets import sheet, sheet_contents
from scumble.training.teachers import load_teacher

PAINTING_SIDE = 384
"""Short side in pixels at which a painting is measured; it decides how broad its strokes are."""

T = 2
"""Stylizing steps to one that reconstructs."""

BALANCE = 1.0
"""The paper's lambda: the norm of the autoencoder's gradient, in norms of the stylizing branch's."""


@dataclass(frozen=True)
class Recipe(TrainingRecipe):
    """Everything a run depends on. `table` is a CSV file of id, title, artist, year and file (in `paintings`), whose first
    `count` rows become banks; or `add` names one painting, whose bank is learnt beside the networks of `shared`. `steps` are
    those of the autoencoder alone, and then of both branches; `--add` takes the second number only. `start` is a weight file
    of networks to go on from, with the banks beside it."""

    paintings: Path | None = None
    table: Path | None = None
    _: KW_ONLY
    count: int = 12
    add: Path | None = None
    style_id: str = ""
    title: str = ""
    artist: str = "unknown"
    year: str = "unknown"
    shared: Path = SHIPPED / "stylebank" / "shared.safetensors"
    steps: tuple[int, int] = (60, 3000)
    lr: float = 4e-4
    crop: int = 192
    style_weight: float = 8.0
    width: float = 0.5
    blocks: int = 2
    start: Path | None = None


class Banks(nn.Module):
    """The trained module: the shared networks, and one bank for each style.

    `length` is the norm of the stylizing branch's last gradient, a buffer so that a resumed run balances as before.
    """

    length: Tensor

    def __init__(self, net: StyleBankNet, count: int) -> None:
        super().__init__()
        self.net = net
        self.kernels = nn.ParameterList(torch.zeros(CHANNELS, CHANNELS, 3, 3) for _ in range(count))
        self.biases = nn.ParameterList(torch.zeros(CHANNELS) for _ in range(count))
        self.register_buffer("length", torch.ones(()))

    def bank(self, number: int) -> Bank:
        """The bank of the style of that number."""
        return Bank(self.kernels[number], self.biases[number])

    @torch.no_grad()
    def begin(self, paintings: Sequence[Tensor]) -> None:
        """Initialise every bank as AdaIN would have it for its painting."""
        for number, painting in enumerate(paintings):
            kernel, bias = self.net.own_bank(painting)
            self.kernels[number].copy_(kernel)
            self.biases[number].copy_(bias)

    @torch.no_grad()
    def go_on(self, start: Path, styles: Sequence[OnePainting]) -> None:
        """Load every bank that lies beside the networks `start` and was trained with them."""
        for number, style in enumerate(styles):
            path = state_beside(start, "stylebank", style.style_id)
            if path.exists() and load_card(path).get("shared") == name_of(start):
                kernel, bias = load_bank(path, name_of(start))
                self.kernels[number].copy_(kernel)
                self.biases[number].copy_(bias)

    def forward(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        """Pictures (N, 3, H, W), each stylized by the bank of its own number in `chosen`."""
        features = self.net.norm(self.net.coder.encode(x))
        painted = torch.cat([self.bank(i)(features[n : n + 1]) for n, i in enumerate(chosen)])
        return self.net.coder.decode(painted, painted=True)


class Branches:
    """The losses of a run, step by step: T times stylizing, once reconstructing, unless the autoencoder is frozen."""

    def __init__(self, banks: Banks, photographs: Pictures, recipe: Recipe, device: str) -> None:
        self._banks, self._photographs, self._recipe, self._device = banks, photographs, recipe, device
        self._open = [p for p in banks.net.parameters() if p.requires_grad]
        self._last = dict.fromkeys(("content", "style", "tv", "lattice", "rebuilt"), torch.zeros(()))

    def alone(self, step: int, generator: torch.Generator) -> Losses:
        """The loss of the autoencoder alone."""
        return {"total": self._rebuilt(generator)}

    def both(
        self, step: int, generator: torch.Generator, spec: LossSpec, targets: dict[str, Tensor], teacher: FeatureExtractor
    ) -> Losses:
        """The loss of the branch whose turn it is, and the last value of every other loss."""
        if self._open:
            self._measure(step)
        if self._open and step % (T + 1) == T:
            rebuilt = self._rebuilt(generator)
            self._last["rebuilt"] = rebuilt.detach()
            return {"total": self._balanced(rebuilt), **self._last}
        x = self._contents(self._recipe.batch, generator)
        chosen = self._turn(step)
        y = self._banks(x, chosen)
        losses = painted_losses(y, x, {k: g[chosen] for k, g in targets.items()}, teacher, spec, LATTICE)
        self._last |= {k: v.detach() for k, v in losses.items() if k != "total"}
        return {"total": losses["total"], **self._last}

    def _turn(self, step: int) -> list[int]:
        """The styles of this step's batch, in rotation, so that all are trained equally."""
        painted = step - step // (T + 1) if self._open else step
        n = self._recipe.batch
        return [i % len(self._banks.kernels) for i in range(painted * n, painted * n + n)]

    def _measure(self, step: int) -> None:
        """Keep the norm of the last stylizing step's gradient, which is still there when the next step begins."""
        gradients = [p.grad for p in self._open if p.grad is not None]
        if gradients and (step - 1) % (T + 1) != T:
            self._banks.length.copy_(_length(gradients))

    def _balanced(self, rebuilt: Tensor) -> Tensor:
        """A loss with the value of `rebuilt`, and its gradient scaled to BALANCE times the stylizing branch's norm."""
        gradients = torch.autograd.grad(rebuilt, self._open)
        scale = BALANCE * self._banks.length / _length(gradients).clamp_min(1e-12)
        along = torch.stack([(p * (scale * g)).sum() for p, g in zip(self._open, gradients, strict=True)]).sum()
        return rebuilt.detach() + along - along.detach()

    def _rebuilt(self, generator: torch.Generator) -> Tensor:
        """The reconstruction error of half as many crops: it is learnt easily, and the steps cost as much in the coder."""
        x = self._contents((self._recipe.batch + 1) // 2, generator)
        return F.mse_loss(self._banks.net.coder(x).float(), x)

    def _contents(self, n: int, generator: torch.Generator) -> Tensor:
        x = contents(self._photographs, n, self._recipe.crop, generator)
        return x.to(self._device, memory_format=torch.channels_last)


def _length(gradients: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients together."""
    length: Tensor = torch.stack([g.norm() for g in gradients]).norm()
    return length


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Run the recipe (resuming a run that was broken off) and write `out`/stylebank/shared.safetensors and a bank a style, or,
    with `add`, the one new bank. Returns what was written last."""
    refuse_crop(recipe.crop)
    torch.manual_seed(recipe.seed)
    device = best_device()
    teacher = load_teacher(recipe.teachers).to(device).to(memory_format=torch.channels_last)
    photographs = read_pictures(recipe.photographs, "train")
    styles = table(recipe)
    net, shared = _first_network(recipe)
    banks = Banks(net, len(styles)).to(device).to(memory_format=torch.channels_last)
    branches = Branches(banks, photographs, recipe, device)
    paintings = [_load_painting(style.painting).to(device) for style in styles]
    credits = write_credits(out, photographs)
    run = f"stylebank/{recipe.style_id}" if recipe.add else "stylebank"
    seconds = 0.0
    if not recipe.add and not recipe.start:
        alone = Schedule(recipe.steps[0], recipe.lr, recipe.seed + 1)
        sample = partial(sheet_of, banks, photographs, 0)
        seconds += fit(net, branches.alone, alone, run_folder(f"{run}/0", recipe), sample, None, report)
    banks.begin(paintings)
    if recipe.start:
        banks.go_on(recipe.start, styles)
    spec = replace(SPEC, style_weight=recipe.style_weight)
    targets = targets_of(paintings, teacher, spec)

    def save(step: int) -> None:
        done = {"step": step, "seconds": round(seconds)}
        write(banks, styles, out, card(recipe, net, done, credits), shared)

    def loss(step: int, generator: torch.Generator) -> Losses:
        return branches.both(step, generator, spec, targets, teacher)

    schedule = Schedule(recipe.steps[1], recipe.lr, recipe.seed)
    sample = partial(sheet_of, banks, photographs, len(styles))
    seconds += fit(banks, loss, schedule, run_folder(f"{run}/1", recipe), sample, save, report)
    done = {"step": recipe.steps[1], "seconds": round(seconds)}
    return write(banks, styles, out, card(recipe, net, done, credits), shared)


def _first_network(recipe: Recipe) -> tuple[StyleBankNet, str]:
    """The network that the training begins with, and the name of the shared weights that stay as they are ("" where none do).

    Raises ScumbleError "bad-options" for a start where a bank is added.
    """
    if recipe.add:
        if recipe.start:
            raise ScumbleError(
                "bad-options", "--start is for networks that are to change.", "A bank is added to those of --shared."
            )
        return load_shared(recipe.shared), name_of(recipe.shared)
    if recipe.start:
        return load_shared(recipe.start).requires_grad_(True).train(), ""
    return StyleBankNet(recipe.width, recipe.blocks), ""


def table(recipe: Recipe) -> list[OnePainting]:
    """The styles to train. Raises ScumbleError "bad-options" where the recipe names none."""
    if recipe.add:
        if not recipe.style_id:
            raise ScumbleError("bad-options", "A painting that is added needs a name.", "Give --style ID.")
        return [OnePainting(recipe.style_id, recipe.add, recipe.title or recipe.style_id, recipe.artist, recipe.year)]
    if recipe.paintings is None or recipe.table is None:
        raise ScumbleError("bad-options", "No style is named to train.", "Give --paintings and --table, or --add.")
    return read_table(recipe.table, recipe.paintings)[: recipe.count]


@torch.no_grad()
def targets_of(paintings: Sequence[Tensor], teacher: FeatureExtractor, spec: LossSpec) -> dict[str, Tensor]:
    """Gram matrices (S, C, C) of all paintings, by scale and layer."""
    wanted = {scale: set(layers) for scale, layers in spec.styles.items()}
    each = [grams_of(painting, teacher, wanted) for painting in paintings]
    return {k: torch.cat([grams[k] for grams in each]) for k in each[0]}


def _load_painting(path: Path) -> Tensor:
    """The painting (1, 3, H, W) in [0, 1] at PAINTING_SIDE, its sides cropped to multiples of 4."""
    painting = read_picture(path, PAINTING_SIDE)[None].float() / 255
    h, w = (n // 4 * 4 for n in painting.shape[2:])
    return painting[..., :h, :w].contiguous(memory_format=torch.channels_last)


def sheet_of(banks: Banks, photographs: Pictures, count: int) -> Tensor:
    """Three contents, reconstructed and under each of `count` banks."""
    x = sheet_contents(photographs, 3, banks.length.device)
    return sheet(x, [banks.net.coder(x), *(banks(x, [i] * len(x)) for i in range(count))])


def write(banks: Banks, styles: Sequence[OnePainting], out: Path, common: Card, shared: str) -> Path:
    """Write the shared networks, unless they are those named `shared`, and a file for each bank; return the last path."""
    path = shared_path(out, "stylebank")
    if not shared:
        save_weights(path, banks.net.state_dict(), common)
        shared = name_of(path)
    for number, style in enumerate(styles):
        bank = banks.bank(number)
        path = state_path(out, "stylebank", style.style_id)
        described = common | {"style": style.described, "shared": shared}
        save_weights(path, {"kernel": bank.kernel.detach(), "bias": bank.bias.detach()}, described)
    return path


def card(recipe: Recipe, net: StyleBankNet, done: dict[str, int], credits: Mapping[str, object]) -> Card:
    """The card that all files of a run share."""
    command = f"stylebank --add FILE --style {recipe.style_id}" if recipe.add else "stylebank"
    about: Card = {
        "method": "stylebank",
        "architecture": {"width": net.coder.width, "blocks": len(net.coder.blocks), "channels": CHANNELS},
    }
    branches = None if recipe.add else {"T": T, "lambda": BALANCE, "steps_alone": 0 if recipe.start else recipe.steps[0]}
    return trained_card(
        about, command, recipe, credits, done, branches=branches, losses=described(SPEC), painting_short_side=PAINTING_SIDE
    )
