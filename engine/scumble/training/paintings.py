# SPDX-License-Identifier: Apache-2.0
"""What trainings of many styles share: their losses, and the pictures they learn styles from, each measured once.

Invariant: a painting's Gram matrices are measured in several sizes and colours before the first step, so that no step runs the
teachers on a painting.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms import v2

from scumble.api.errors import ScumbleError
from scumble.library.atomic import replacing
from scumble.nst import synthetic
from scumble.nst.losses import lattice_loss
from scumble.nst.perceptual_loss import STYLE_LAYERS, Grams, LossSpec, grams_of, perceptual_losses
from scumble.training import distributed as parallel
from scumble.training.data import Pictures
from scumble.training.loop import half_pays, run_folder
from scumble.training.teachers import Teachers

SYNTHETIC = 1 / 8
"""Share of contents that are generated rather than photographed: mostly skies, on which a lattice shows."""

PHOTOGRAPHS = 1 / 5
"""Share of styles that are photographs: with the few paintings alone, the network would not generalise beyond them."""

VARIANTS = 10
"""Variants of a painting; a photograph has a third as many."""

SIDE, SIDES = 384, (192, 512)
"""Short side in pixels at which a painting is measured unchanged, and the range of its variants: the style of a whole painting
is asked for in small pictures and in large ones."""

BLURRED = 0.05
"""Noise on signatures, in standard deviations over all paintings, without which a hundred paintings are overfitted."""

LATTICE = 300.0
"""Weight of the lattice loss, where content counts 1."""

FULL_LOSS_EVERY = 4
"""Every so many steps the loss takes both teachers at both scales; the others take the cheap loss."""

Encoder = Callable[[Tensor], Tensor]
"""A style encoder: (1, 3, H, W) in [0, 1] to the signature (1, S) that a predictor of styles reads."""


def loss_specs(teachers: Teachers, style_weight: float) -> tuple[LossSpec, LossSpec]:
    """A cheap and a full loss, through whichever teachers there are.

    With a complete VGG-16, or a narrow one, both are the same, at the picture's own scale. Otherwise the cheap one runs VGG-16
    on the half-size picture only, and the full one runs both teachers at both scales; Gram matrices are compared by their roots
    (`losses.root_gram_loss`). Raises ScumbleError "weights-missing" where a partial VGG-16 is the only teacher.
    """
    if teachers.complete is not None:
        layers = {f"{teachers.complete}/{name}": weight for name, weight in STYLE_LAYERS.items()}
        spec = LossSpec({1: layers}, {f"{teachers.complete}/relu3_3": 1.0}, 1, style_weight)
        return spec, spec
    deep = teachers.deep
    if deep is None:
        raise ScumbleError(
            "weights-missing",
            "A partial VGG-16 alone teaches colours, but only the finest strokes.",
            "Put another network beside it, or give --teachers half, compact or torchvision.",
        )
    weights = zip((f"relu{k}_1" for k in range(1, 6)), (1.0, 1.0, 2.0, 3.0, 3.0), strict=True)
    strokes = {f"{deep}/{name}": w for name, w in weights if name.removeprefix("relu") in teachers.layers[deep]}
    if "vgg16" not in teachers.layers:
        spec = LossSpec({1: strokes, 2: strokes}, {f"{deep}/relu3_3": 1.0}, 1, style_weight, roots=1.0)
        return spec, spec
    colours = {"vgg16/relu1_2": 1.0, "vgg16/relu2_2": 1.0, "vgg16/relu3_3": 2.0}
    content = {"vgg16/relu3_3": 1.0}
    return (
        LossSpec({1: strokes, 2: strokes | colours}, content, 2, style_weight, roots=1.0),
        LossSpec({1: strokes | colours, 2: strokes | colours}, content, 1, style_weight, roots=1.0),
    )


@dataclass(frozen=True)
class Paintings:
    """The styles of a training: each painting or photograph unchanged, and in variants of size, colour and direction."""

    pictures: list[Tensor] = field(repr=False)
    """uint8 (3, H, W); the variants of a painting one after the other, the unchanged one first."""
    signatures: Tensor = field(repr=False)
    """(number of pictures, S)."""
    grams: dict[str, Tensor] = field(repr=False)
    """"scale/teacher/layer": (number of pictures, C, C)."""

    def whole(self, i: int) -> Tensor:
        """Picture i as (1, 3, H, W) in [0, 1], its sides cropped to multiples of 8."""
        picture = self.pictures[i]
        return picture[None, :, : picture.shape[1] // 8 * 8, : picture.shape[2] // 8 * 8].float() / 255

    def crop(self, i: int, size: int, generator: torch.Generator) -> Tensor:
        """A random crop (3, size, size) in [0, 1] of picture i, at its own scale."""
        return Pictures([], [self.pictures[i]], []).crops(1, size, generator, (1.0, 1.0))[0]


@dataclass(frozen=True)
class Styles:
    """The styles that a training draws from: paintings, and now and then a photograph."""

    paintings: Paintings
    photographs: Paintings

    def draw(self, generator: torch.Generator) -> tuple[Paintings, int]:
        """A random picture: the set it belongs to, and its number there."""
        kept = self.photographs if float(torch.rand((), generator=generator)) < PHOTOGRAPHS else self.paintings
        return kept, int(torch.randint(len(kept.pictures), (), generator=generator))

    def draw_measured(self, n: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The signatures (n, S) and Gram matrices of n random pictures."""
        drawn = [self.draw(generator) for _ in range(n)]
        signatures = torch.stack([kept.signatures[i] for kept, i in drawn])
        return signatures, {k: torch.stack([kept.grams[k][i] for kept, i in drawn]) for k in self.paintings.grams}


@torch.no_grad()
def measure(
    paintings: Pictures,
    teachers: Teachers,
    wanted: Mapping[int, set[str]],
    see: Encoder,
    variants: int,
    seed: int,
    report: Callable[[str], None],
) -> Paintings:
    """The Gram matrices of the `wanted` layers by scale, and the signatures by `see`, of every painting and its variants."""
    change = v2.Compose([v2.RandomHorizontalFlip(), v2.ColorJitter(0.3, 0.3, 0.5, 0.5)])
    torch.manual_seed(seed)
    sides = random.Random(seed)
    pictures, signatures = [], []
    grams: dict[str, list[Tensor]] = {}
    device = next(teachers.parameters()).device
    for number, painting in enumerate(paintings.tensors):
        for variant in range(variants):
            side = SIDE if variant == 0 else sides.randint(*SIDES)
            picture = painting if variant == 0 else change(painting)
            picture = v2.functional.resize(picture, [side], v2.InterpolationMode.BICUBIC, antialias=True)
            x = picture[None].to(device, memory_format=torch.channels_last).float() / 255
            with torch.autocast(device.type, torch.bfloat16, enabled=half_pays(device.type)):
                for name, g in grams_of(x, teachers, wanted).items():
                    grams.setdefault(name, []).append(g[0])
            signatures.append(see(x)[0])
            pictures.append(picture)
        if number % 20 == 0:
            report(f"measured {number + 1} of {len(paintings.tensors)} pictures")
    return Paintings(pictures, torch.stack(signatures), {k: torch.stack(v) for k, v in grams.items()})


def measured(
    pictures: Pictures,
    teachers: Teachers,
    see: nn.Module,
    variants: int,
    seed: int,
    report: Callable[[str], None],
) -> Paintings:
    """`measure` for the layers of `loss_specs`, cached in the trainings' folder, because it takes minutes.

    The cache is used again for the same files and networks with the same weights.
    """
    files = [(file, file.stat().st_size, file.stat().st_mtime_ns) for file in pictures.files]
    key = (seed, variants, SIDE, SIDES, fingerprint(teachers), fingerprint(see), files)
    kept = run_folder("looked-at") / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.pt"
    device = next(teachers.parameters()).device
    with parallel.first_before_others():
        if not kept.exists():
            wanted: dict[int, set[str]] = {1: set(), 2: set()}
            for spec in loss_specs(teachers, 1.0):
                for scale, layers in spec.styles.items():
                    wanted[scale] |= set(layers)
            with torch.random.fork_rng():  # a run draws the same numbers with and without the cache
                whole = measure(pictures, teachers, wanted, see, variants, seed, report)
            grams = {k: v.cpu() for k, v in whole.grams.items()}
            with replacing(kept) as temporary:  # another training may be measuring the same pictures
                torch.save({"pictures": whole.pictures, "signatures": whole.signatures.cpu(), "grams": grams}, temporary)
    cached = torch.load(kept, weights_only=True, map_location="cpu")
    return Paintings(cached["pictures"], cached["signatures"].to(device), {k: v.to(device) for k, v in cached["grams"].items()})


def fingerprint(network: nn.Module) -> str:
    """The sha256 of all parameters and buffers of a network, also those that its file leaves out, such as the input's mean."""
    digest = hashlib.sha256()
    for name, values in (*network.named_parameters(), *network.named_buffers()):
        digest.update(name.encode() + values.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def measured_styles(paintings: Pictures, photographs: Pictures, variants: int, of: Callable[..., Paintings]) -> Styles:
    """Paintings in `variants` variants, photographs in a third as many; `of` is `measured` with its other arguments bound."""
    return Styles(of(paintings, variants=variants), of(photographs, variants=max(1, variants // 3)))


def blurred(signatures: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
    """Signatures (N, S) with noise of BLURRED standard deviations `spread` (S,)."""
    noise = torch.randn(signatures.shape, generator=generator).to(signatures.device)
    return signatures + BLURRED * spread * noise


def painted_losses(
    y: Tensor,
    x: Tensor,
    targets: Grams,
    teachers: Teachers,
    spec: LossSpec,
    tv: float,
    reconstruction: float,
    lattice: float = LATTICE,
) -> dict[str, Tensor]:
    """The total loss and its parts for pictures `y` (N, 3, H, W) of contents `x`.

    The first pictures are stylized, one by each of `targets`; the others reconstruct their contents.
    """
    n = len(next(iter(targets.values())))
    parts = perceptual_losses(y[:n], x[:n], targets, teachers, spec).means()
    parts["rebuilt"] = F.mse_loss(y[n:].float(), x[n:]) if len(x) > n else x.new_zeros(())
    parts["lattice"] = lattice_loss(y)
    total = parts["content"] + spec.style_weight * parts["style"] + tv * parts["tv"]
    return {"total": total + reconstruction * parts["rebuilt"] + lattice * parts["lattice"], **parts}


def contents(photographs: Pictures, n: int, size: int, generator: torch.Generator) -> Tensor:
    """Contents (n, 3, size, size) in [0, 1]: crops of photographs, and now and then a generated picture."""
    x = photographs.crops(n, size, generator)
    for i in range(n):
        if float(torch.rand((), generator=generator)) < SYNTHETIC:
            x[i] = synthetic.shades(size, generator)
    return x
