# SPDX-License-Identifier: Apache-2.0
"""Pictures on which a style is practised on the user's own machine: the user's, a few photographs that ship, and made ones.

Made pictures alone teach a row little that photographs show (README.md, "Grade 1"). Invariant: the same step gives the same
pictures; of the photographs that ship, the one in `HELD_BACK` is not practised on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from scumble.api.method import Pixels
from scumble.nst import synthetic
from scumble.nst.tensors import to_tensor

PHOTOGRAPHS = Path(__file__).parent / "photographs"

PRACTISED = ("astronaut", "coffee", "rocket", "camera")
HELD_BACK = ("chelsea",)
"""Files in photographs/; their CREDITS.txt says whose they are. One that is missing is done without."""

MADE = 0.1
"""Share of the pictures that are made: skies above all, on which a lattice shows."""

OWN = 2 / 3
"""Share of the pictures that are the user's, where there are any: it is they that a better row has to paint better."""

LARGEST = 1.4
"""A photograph's short side is at most so many crops long."""


class ContentSampler:
    """Called with a step, gives its contents (`batch`, 3, `crop`, `crop`) in [0, 1]. `own` are pictures of the user's."""

    def __init__(self, own: Sequence[Pixels], batch: int, crop: int) -> None:
        self._own = [to_tensor(picture)[0] for picture in own if min(picture.shape[:2]) >= crop]
        self._batch, self._crop = batch, crop

    def __call__(self, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        first, end = (int(OWN * self._batch * n) for n in (step, step + 1)) if self._own else (0, 0)
        own = [cut(self._own[i % len(self._own)], self._crop, generator) for i in range(first, end)]
        return torch.stack(own + [self._photograph(generator) for _ in range(self._batch - len(own))])

    def held_back(self) -> Tensor:
        """The pictures that a refinement is checked with, (N, 3, `crop`, `crop`): both ends of a photograph that is not
        practised on, and the middles of the user's four newest and of the others that ship, in their own colours. Without any,
        one that is made."""
        n = self._crop
        crops = [middle(picture, n) for picture in self._own[:4]]
        crops += [middle(brought_to(photograph, n), n) for photograph in photographs(PRACTISED)]
        for photograph in photographs(HELD_BACK):
            small = brought_to(photograph, n)
            crops += [small[:, :n, :n], small[:, -n:, -n:]]
        return torch.stack(crops or [synthetic.dead_leaves(n, torch.Generator().manual_seed(0))])

    def _photograph(self, generator: torch.Generator) -> Tensor:
        known = photographs(PRACTISED)
        if not known or float(torch.rand((), generator=generator)) < MADE:
            return synthetic.picture(self._crop, generator)
        chosen = known[int(torch.randint(len(known), (), generator=generator))]
        larger = 1 + (LARGEST - 1) * float(torch.rand((), generator=generator))
        picture = cut(brought_to(chosen, round(larger * self._crop)), self._crop, generator)
        if float(torch.rand((), generator=generator)) < 0.5:
            picture = picture[torch.randperm(3, generator=generator)]  # other colours, as there are few photographs
        return picture


@cache
def photographs(names: tuple[str, ...]) -> tuple[Tensor, ...]:
    """(3, H, W) in [0, 1] each."""
    pictures = []
    for path in (PHOTOGRAPHS / f"{name}.jpg" for name in names):
        if path.is_file():
            with Image.open(path) as image:
                pictures.append(to_tensor(np.asarray(image.convert("RGB"), np.float32) / np.float32(255))[0])
    return tuple(pictures)


def brought_to(picture: Tensor, short_side: int) -> Tensor:
    """(3, H, W) with that short side."""
    height, width = picture.shape[1:]
    ratio = short_side / min(height, width)
    size = max(short_side, round(height * ratio)), max(short_side, round(width * ratio))
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def cut(picture: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square of it, as likely as not mirrored."""
    top, left = (int(torch.randint(n - side + 1, (), generator=generator)) for n in picture.shape[1:])
    crop = picture[:, top : top + side, left : left + side]
    return crop.flip(2) if float(torch.rand((), generator=generator)) < 0.5 else crop


def middle(picture: Tensor, side: int) -> Tensor:
    top, left = ((n - side) // 2 for n in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]
