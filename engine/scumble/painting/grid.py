# SPDX-License-Identifier: Apache-2.0
"""Where a raster lies on the working grid of its layer.

Invariant: the grid belongs to the whole layer, so a pixel of the layer is worked at the same place and scale however
tightly it was selected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scumble.image.resample import Axis, axis, cubic, linear

WORKING = 1024
"""Long side at which a picture is stylized at brush size 1: the size networks are trained for look best near (design)."""

WHOLE = 3 << 19
"""A picture of no more pixels than this is never cut into tiles: every picture at the usual working scale."""

USUAL_TILE = 512
"""The side of a tile with which that holds. Where memory asks for smaller tiles, what is processed in one piece shrinks with
their area, to a share of LEAST_SHARE at most."""

LEAST_SHARE = 1 / 16
"""As much at once will do where memory is short: with tiles of a quarter of the usual side."""

Size = tuple[int, int]
"""(height, width), or (y, x)."""


@dataclass(frozen=True)
class Span:
    """One axis: pixels at..at + length of the layer lie on cells first..first + cells, `scale` cells a pixel."""

    at: int
    length: int
    first: int
    cells: int
    scale: float

    def down(self) -> Axis:
        """From pixels to cells, antialiased."""
        return axis(self.length, self.cells, 1 / self.scale, self.first / self.scale - self.at, linear)

    def up(self) -> Axis:
        """From cells to pixels."""
        return axis(self.cells, self.length, self.scale, self.at * self.scale - self.first, cubic)


@dataclass(frozen=True)
class Grid:
    """A raster's place on the working grid, and `whole`, the size of the grid."""

    rows: Span
    columns: Span
    whole: Size

    @property
    def shape(self) -> Size:
        return self.rows.cells, self.columns.cells

    @property
    def cells(self) -> int:
        return self.rows.cells * self.columns.cells

    @property
    def identity(self) -> bool:
        """Whether cells are pixels."""
        return self.rows.scale == self.columns.scale == 1

    def down(self) -> tuple[Axis, Axis]:
        return self.rows.down(), self.columns.down()

    def up(self) -> tuple[Axis, Axis]:
        return self.rows.up(), self.columns.up()


def natural_side(full: Size) -> int:
    """Cells of a layer's long side at brush size 1: as many as it has pixels, or WORKING where it has more."""
    return min(WORKING, max(full))


def working_grid(at: Size, size: Size, full: Size, brush_size: float | None) -> Grid:
    """The grid for a raster of `size` at `at` in a layer of `full` pixels; None for the brush size means every pixel.

    The layer's long side gets natural_side / brush_size cells. Those are more than it has pixels where a small layer is to
    be painted finely: it is enlarged, and the painting brought down.
    """
    ratio = 1.0 if brush_size is None else natural_side(full) / brush_size / max(full)
    whole = (max(1, round(full[0] * ratio)), max(1, round(full[1] * ratio)))
    rows, columns = (_span(a, n, f, cells) for a, n, f, cells in zip(at, size, full, whole, strict=True))
    return Grid(rows, columns, whole)


def _span(at: int, length: int, full: int, cells: int) -> Span:
    first = at * cells // full
    end = math.ceil((at + length) * cells / full)
    return Span(at, length, first, end - first, cells / full)
