# SPDX-License-Identifier: GPL-3.0-or-later
"""One layer on its way: read in bands, painted by the engine, written in bands, inserted.

Invariant: `read_some` and `write_some` return soon after their deadline, however large the layer. The document changes once,
when the result is inserted, or when the first unfinished picture is: that one then becomes the result.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .ports import Growing, Host, Layer, Source, Target
from .scumble_client.desk.masks import mask_format, masks_of, parted
from .scumble_client.desk.settings import Settings, brush_size
from .scumble_client.desk.words import Pace, progress_text
from .scumble_client.events import Progress, Request
from .scumble_client.raster import BYTES_PER_PIXEL, Masks, Raster


class Phase(enum.Enum):
    WAITING = "waiting"
    READING = "reading the layer"
    PAINTING = "painting"
    WRITING = "writing the layer"


@dataclass(frozen=True)
class Order:
    """What to paint: complete when it is given, so that later choices do not change it."""

    layer: Layer
    settings: Settings
    title: str
    request: Callable[[Raster, Any, Masks | None], Request]
    """Of the picture, its context, and where its styles go."""
    alone: bool = False
    """Whether the result takes the place of the layer's earlier ones."""


@dataclass
class Painting:
    """`step` it until it is over; `job` is the engine's id while it paints."""

    order: Order
    phase: Phase = Phase.WAITING
    job: str = ""
    fraction: float = 0.0
    text: str = ""
    source: Source | None = None
    result: Raster | None = None
    target: Target | None = None
    placing: bool = False
    """The document is being changed."""
    shown: bool = False
    """An unfinished picture has been shown, which may be kept."""
    kept: bool = False
    """It is to end with that one."""
    unfinished: Raster | None = None
    """What it looks like by now, until that is in the document."""
    growing: Growing | None = None
    """The layer that shows it there, if there is one."""
    _pixels: bytearray = field(default_factory=bytearray)
    _masks: bytearray = field(default_factory=bytearray)
    _row: int = 0
    _pace: Pace = field(default_factory=Pace)

    def open(self, host: Host) -> None:
        """Raises EngineError."""
        settings = self.order.settings
        self.source = host.open(self.order.layer, places_of(settings), brush_size(settings.options))
        shape = self.source.shape
        self._pixels = bytearray(shape.width * shape.height * BYTES_PER_PIXEL[shape.format])
        self._row = 0
        self.phase = Phase.READING

    def read_some(self, deadline: float) -> Request | None:
        """Read until `deadline` (time.monotonic); the request when all is read."""
        assert self.source is not None
        shape = self.source.shape
        stride = shape.width * BYTES_PER_PIXEL[shape.format]
        while self._row < shape.height:
            rows = min(self.source.band, shape.height - self._row)
            self._pixels[self._row * stride : (self._row + rows) * stride] = self.source.read(self._row, rows)
            self._masks += self._parted(self._row, rows)
            self._row += rows
            if time.monotonic() > deadline:
                return None
        raster = Raster(shape.width, shape.height, shape.format, shape.order, self._pixels, shape.transfer)
        masks = masks_of(self.order.settings, shape.width, shape.height, mask_format(shape.format), self._masks)
        self.source.release()
        self.phase = Phase.PAINTING
        return self.order.request(raster, self.source.context(), masks)

    def progressed(self, event: Progress) -> None:
        """Handle a report of the engine's progress."""
        self.fraction = event.fraction
        if event.state == "running":
            self._pace.add(event.fraction)
        self.text = "keeping what is shown" if self.kept else progress_text(event, self._pace.left())

    def finish(self, result: Raster) -> None:
        """The engine is done; next comes the writing."""
        self.unfinished = None
        self.result, self.phase, self._row = result, Phase.WRITING, 0
        self._pixels, self._masks = bytearray(), bytearray()

    def _parted(self, y: int, rows: int) -> bytes:
        """Rows of the masks; nothing where no style has a place."""
        settings, source = self.order.settings, self.source
        assert source is not None
        if not settings.placed:
            return b""
        others = [(source.where(o.where, y, rows) if o.where else None, o.share) for o in settings.parts]
        return parted(others, rows * source.shape.width, mask_format(source.shape.format))

    def write_some(self, host: Host, deadline: float) -> None:
        """Write until `deadline`. Raises EngineError "layer-gone"."""
        assert self.source is not None
        if self.target is None:
            self.target = host.target(self.source, self.order.title, self.order.alone)
        self._row = write_band(self.target, self.result, self._row, deadline)

    @property
    def written(self) -> bool:
        """The new layer is complete, except for its place."""
        return self.result is not None and self._row == self.result.height

    @property
    def share(self) -> float:
        """How much of this layer is done, 0 to 1."""
        return {Phase.WAITING: 0.0, Phase.READING: 0.0, Phase.PAINTING: self.fraction * 0.98, Phase.WRITING: 0.99}[self.phase]


def places_of(settings: Settings) -> list[tuple[str, str]]:
    """(id, name) of where styles go."""
    return [(other.where, other.name) for other in settings.parts if other.where]


def write_band(target: Target, result: Raster | None, row: int, deadline: float) -> int:
    """Write rows of `result` from `row` on until `deadline`; the first row that is left."""
    assert result is not None
    while row < result.height:
        rows = min(target.band, result.height - row)
        target.write(row, rows, result.rows(row, rows))
        row += rows
        if time.monotonic() > deadline:
            break
    return row
