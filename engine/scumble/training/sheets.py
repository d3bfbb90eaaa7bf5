# SPDX-License-Identifier: Apache-2.0
"""The sample sheet of all trainings: the same few contents under several styles, so that progress shows from sheet to sheet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from scumble.nst import synthetic
from scumble.training.data import Pictures

SIDE = 256
"""Of a sheet's contents in pixels."""


def sheet_contents(
    photographs: Pictures, count: int, device: torch.device | str, sky: bool = False, side: int | None = None
) -> Tensor:
    """The contents (count, 3, side, side) of a sheet (None: SIDE): always the same crops, the last a made sky where `sky`."""
    generator, side = torch.Generator().manual_seed(1), side or SIDE
    x = photographs.crops(count, side, generator, (1.1, 1.1)).to(device, memory_format=torch.channels_last)
    if sky:
        x[-1] = synthetic.shades(side, generator)
    return x


def sheet(contents: Tensor, painted: Sequence[Tensor], paintings: Sequence[Tensor] = ()) -> Tensor:
    """One picture (3, H, W): contents (N, 3, S, S) at the left, and at the right a column (N, 3, S, S) of them for each style.

    `paintings` (1, 3, S, S) stand on top of the first columns; without any there is no top row.
    """
    columns = [contents, *(column.float() for column in painted)]
    if paintings:
        white = torch.ones_like(contents[:1])
        tops = [white, *paintings, *[white] * (len(painted) - len(paintings))]
        columns = [torch.cat([top, column]) for top, column in zip(tops, columns, strict=True)]
    return torch.cat([torch.cat(list(column), -2) for column in columns], -1)
