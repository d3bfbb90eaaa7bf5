# SPDX-License-Identifier: GPL-3.0-or-later
"""Every frame of an animated layer, painted one after another into one new animated layer.

Invariant: nothing appears before the last frame is painted; then a copy of the layer, with its key frames, is filled frame by
frame out of sight and inserted in one step.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from krita import Node

from .krita_colours import FORMATS, ColourConverter, space_of, srgb
from .krita_layers import KritaLayer, plain_band, put_above, thumbnail_of
from .ports import Placed, Shape
from .scumble_client.errors import EngineError

LATEST = 20_000
"""Frames in which key frames are looked for; Krita does not list them."""


class Reel:
    """The painted frames, by their time, until all are there.

    A frame can be filled only where it is shown, and going to another time is an undo step; so the copy is filled in a
    document of its own, which nobody sees.
    """

    def __init__(self, layer: KritaLayer, times: list[int], blank: list[int]) -> None:
        """`blank` are the key frames outside the range, which the copy shows nothing at."""
        self.layer, self.times, self.blank = layer, times, blank
        self.name = secrets.token_hex(16)
        self.pixels: dict[int, bytearray] = {}
        self.node: Node | None = None
        self.alone = False
        """Whether it takes the place of the layer's other results."""
        self._left: list[int] = []
        self._converter: ColourConverter | None = None

    def insert(self, name: str, shape: Shape) -> Placed:
        """The next step of the insertion; PART until there is no more to do."""
        node = self.layer.node()
        if self._converter is None:
            self._converter = self._open_converter(node, shape)
            self._left = self.times + self.blank
        elif self._left:
            self._fill(self._left.pop(0), shape)
        else:
            self._put(name, node)
            return Placed.WHOLE
        if self._left:  # it takes effect when Krita's event loop has run
            self._converter.document.setCurrentTime(self._left[0])
            self._converter.document.waitForDone()
        return Placed.PART

    def _open_converter(self, node: Node, shape: Shape) -> ColourConverter:
        converter = ColourConverter(space_of(node), shape.width, shape.height)
        self.node = node.duplicate()
        for child in self.node.childNodes():
            child.remove()
        converter.document.rootNode().addChildNode(self.node, None)
        return converter

    def _fill(self, time: int, shape: Shape) -> None:
        assert self.node is not None
        assert self._converter is not None
        place = (shape.x, shape.y, shape.width, shape.height)
        if time in self.blank:
            self.node.setPixelData(bytes(len(self.node.pixelData(0, 0, 1, 1)) * shape.width * shape.height), *place)
            return
        pixels = bytes(self.pixels.pop(time))
        self.node.setPixelData(
            ColourConverter(srgb(shape)).converted(pixels, shape.width, shape.height, self._converter.space), *place
        )

    def _put(self, name: str, node: Node) -> None:
        assert self.node is not None
        assert self._converter is not None
        filled, self.node = self.node, self.node.duplicate()
        self.node.setName(name)
        filled.remove()
        self._converter.close()
        put_above(self.layer.document, node, self.node, self.alone)


class KritaFrame:
    """One frame of a layer, for the model a layer like any other."""

    def __init__(self, reel: Reel, time: int) -> None:
        self.reel, self.time = reel, time
        self.document = reel.layer.document
        self.name = f"{reel.layer.name}, frame {time}"
        self.key = f"{reel.layer.key} {time}"
        self.sequence = reel.name

    def open(self, limited: bool = True, brush_size: float = 1.0) -> FrameSource:
        """The whole frame, whatever is selected. Raises EngineError "layer-gone"."""
        return FrameSource(self)


class FrameSource:
    """The frame's pixels, converted to sRGB; a result that finds no place can be inserted as a layer that stands still."""

    def __init__(self, frame: KritaFrame) -> None:
        node, document = frame.reel.layer.node(), frame.document
        self.frame, self.layer = frame, frame.reel.layer
        self.selection, self.position = None, node.position()
        self.space = space_of(node)
        self.shape = Shape(0, 0, document.width(), document.height(), *FORMATS[node.colorDepth()])
        place = (0, 0, document.width(), document.height())
        pixels = node.pixelDataAtTime(*place, frame.time)
        self._pixels = ColourConverter(self.space).converted(pixels, self.shape.width, self.shape.height, srgb(self.shape))
        self.places: Mapping[str, Callable[[int, int], bytes]] = {}

    @property
    def band(self) -> int:
        return plain_band(self.shape)

    def read(self, y: int, rows: int) -> Any:
        stride = len(self._pixels) // self.shape.height
        return self._pixels[y * stride : (y + rows) * stride]

    def where(self, place: str, y: int, rows: int) -> bytes:
        return self.places[place](y, rows)

    def context(self) -> None:
        return None

    def release(self) -> None:
        self._pixels = b""
        self.places = {}

    def target(self, name: str, alone: bool = False) -> FrameTarget:
        self.frame.reel.alone = alone
        return FrameTarget(self, name)


class FrameTarget:
    """Collects a frame; the last one inserts them all."""

    def __init__(self, source: FrameSource, name: str) -> None:
        self._source, self._name = source, name
        self.document = source.layer.document
        source.layer.node()  # while the layer is gone there is no use in going on
        self._pixels = source.frame.reel.pixels.setdefault(source.frame.time, bytearray())

    @property
    def band(self) -> int:
        return plain_band(self._source.shape)

    def write(self, y: int, rows: int, data: Any) -> None:
        self._pixels += data

    def insert(self) -> Placed:
        reel = self._source.frame.reel
        if self._source.frame.time != reel.times[-1]:
            return Placed.ASIDE
        return reel.insert(self._name, self._source.shape)

    def thumbnail(self, side: int) -> bytes:
        node = self._source.frame.reel.node
        return thumbnail_of(node, self._source.shape, side) if node is not None else b""


def frames_of(layer: KritaLayer) -> list[KritaFrame]:
    """The key frames within the document's clip, with the one that shows at its start.

    Raises EngineError "layer-empty" for a layer that is not animated.
    """
    node, document = layer.node(), layer.document
    start, end = document.playBackStartTime(), document.playBackEndTime()
    if node.type() != "paintlayer" or not node.animated():
        raise EngineError(
            "layer-empty", f"The layer “{layer.name}” is not animated.", "Choose a paint layer with key frames, or use Scumble."
        )
    shown = next((time for time in range(start, -1, -1) if node.hasKeyframeAtTime(time)), start)
    times = [time for time in range(shown, end + 1) if node.hasKeyframeAtTime(time)]
    if not times:
        raise EngineError("layer-empty", f"The layer “{layer.name}” has no key frames in the clip.", "")
    blank = [time for time in range(LATEST) if time not in times and node.hasKeyframeAtTime(time)]
    reel = Reel(layer, times, blank)
    return [KritaFrame(reel, time) for time in times]
