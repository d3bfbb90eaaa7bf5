# SPDX-License-Identifier: Apache-2.0
"""What trainings of any style paint like: pieces of paintings and photographs, each measured when it is drawn.

Invariant: what is drawn depends on the numbers of the step and of the piece alone, so that a resumed run sees what an unbroken
one does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torchvision.transforms import v2

from scumble.nst.losses import calm_texture, colour_range, contrast
from scumble.nst.perceptual_loss import FeatureExtractor, grams_of
from scumble.nst.style_encoder import StyleEncoder
from scumble.training.data import Pictures
from scumble.training.loop import half_pays
from scumble.training.prints import printed


@dataclass(frozen=True)
class SampledStyle:
    """A painting as a step needs it: (1, 3, H, W) in [0, 1], what the predictor reads of it (1, S), and its Gram matrices
    (C, C) by "scale/layer"; `calm` (1, scales) is how much texture its calm parts have, `contrast` (1, 3) that of its
    light and hues, `bounds` (2, 1, 3, 1, 1) the range of its colours."""

    picture: Tensor
    signature: Tensor
    grams: dict[str, Tensor]
    calm: Tensor
    contrast: Tensor
    bounds: Tensor


GRID = 32
"""Sides of paintings are multiples of this. A processor compiles a network's kernels for every size that it meets: with each
painting of a size of its own, a training slowed to a fifth."""


WINDOW, NEW = 400, 0.3
"""A step draws from this many variants of pictures, and this many of them are exchanged after each step: measuring one takes a
fifth of a step."""

ENLARGED = 0.5
"""By how much of the piece's side the painting's short side is longer, at most."""

PIECED = 0.25
"""Share of pictures to paint like whose halves are of two paintings, so that few paintings make many styles."""

PHOTOGRAPHS = 0.25
"""Share of pictures to paint like that are photographs: a predictor trained on paintings alone knows too few textures."""

PRINTED = 0.12
"""Share of pieces that are made into prints and drawings, which paintings hardly show (prints.py)."""

BLURRED = 0.05
"""Noise on signatures, in standard deviations over all paintings, without which a few hundred paintings are overfitted."""

CHANGED = v2.Compose([v2.RandomHorizontalFlip(), v2.ColorJitter(0.3, 0.3, 0.5, 0.3)])


@dataclass(frozen=True)
class StyleSampler:
    """Draws pictures to paint like, and measures them through the teacher when they are drawn."""

    paintings: Pictures
    photographs: Pictures
    teacher: FeatureExtractor
    see: StyleEncoder
    wanted: set[str]
    device: str
    measured: dict[int, SampledStyle] = field(default_factory=dict, repr=False)
    """Variants that have been drawn, by their numbers."""

    @torch.no_grad()
    def measure(self, picture: Tensor, side: int) -> SampledStyle:
        """uint8 (3, H, W), brought to that short side and cropped to sides that are multiples of GRID."""
        picture = v2.functional.resize(picture, [side], v2.InterpolationMode.BICUBIC, antialias=True)
        height, width = (length // GRID * GRID for length in picture.shape[1:])
        x = picture[None, :, :height, :width].float().div(255)
        x = x.to(self.device, memory_format=torch.channels_last)
        kind = x.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=half_pays(kind)):  # as in a step, wherever this is called
            return self._measured(x)

    def _measured(self, x: Tensor) -> SampledStyle:
        grams = {k: g[0] for k, g in grams_of(x, self.teacher, {1: self.wanted}).items()}
        return SampledStyle(x, self.see(x), grams, calm_texture(x), contrast(x), colour_range(x))

    def draw(self, side: int, sides: tuple[float, float], step: int, generator: torch.Generator) -> SampledStyle:
        """One of the variants of this step. A variant depends on its number alone, so that a resumed run draws what an unbroken
        one does."""
        first = int(NEW * step)
        for number in [n for n in self.measured if n < first]:
            del self.measured[number]
        number = first + int(torch.randint(WINDOW, (), generator=generator))
        if number not in self.measured:
            self.measured[number] = self.measure(*self.variant(number, side, sides))
        return self.measured[number]

    def spread(self, side: int, sides: tuple[float, float], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (S,) of the signatures of a hundred styles, by which a predictor brings what it reads to
        one scale."""
        many = torch.cat([self.draw(side, sides, 0, generator).signature for _ in range(100)])
        return many.mean(0), many.std(0).clamp_min(0.02)

    def variant(self, number: int, side: int, sides: tuple[float, float]) -> tuple[Tensor, int]:
        """A square, uint8 (3, S, S), and S, between `side` times the two of `sides`: one piece, or halves of two."""
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(number)
            size = max(1, round(side * float(torch.empty(()).uniform_(*sides)) / GRID)) * GRID
            picture = self._piece(size)
            if float(torch.rand(())) < PIECED:
                picture = torch.cat([picture[..., : size // 2], self._piece(size)[..., size // 2 :]], 2)
            return picture, size

    def _piece(self, size: int) -> Tensor:
        """uint8 (3, S, S) of a painting or, now and then, of a photograph or a print made of one; half are recoloured, perhaps
        mirrored."""
        pool = (self.photographs if float(torch.rand(())) < PHOTOGRAPHS else self.paintings).tensors
        picture = pool[int(torch.randint(len(pool), ()))]
        short = round(size * (1 + ENLARGED * float(torch.rand(())) ** 2))
        picture = v2.functional.resize(picture, [short], v2.InterpolationMode.BICUBIC, antialias=True)
        picture = v2.RandomCrop(size)(picture)
        if float(torch.rand(())) < PRINTED:
            picture = printed(picture)
        changed: Tensor = CHANGED(picture) if float(torch.rand(())) < 0.5 else picture
        return changed


def blurred(signatures: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
    """Signatures (N, S) with noise of BLURRED standard deviations `spread` (S,)."""
    noise = torch.randn(signatures.shape, generator=generator).to(signatures.device)
    return signatures + BLURRED * spread * noise
