# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model asks of the program it works in. krita_host.py answers for Krita; tests answer for nobody.

Invariant: nothing here says how a host stores pixels; sizes and places are in document pixels. Every call returns within
some tens of milliseconds, so that the canvas never freezes, except for a conversion of colours the host itself makes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .scumble_client.desk.settings import Settings
from .scumble_client.events import Context
from .scumble_client.raster import Masks, Raster


class Layer(Protocol):
    """A layer by its identity; it may be gone when it is looked for."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str:
        """Changes when another layer, document, frame or selection is meant."""

    @property
    def sequence(self) -> str:
        """A name that all frames of an animation share which are painted one after another; "" for a layer alone."""


@dataclass(frozen=True)
class Shape:
    """Where a picture lies in its document and how its bytes are to be read (docs/protocol.md, section 5)."""

    x: int
    y: int
    width: int
    height: int
    format: str
    order: str
    transfer: str = "srgb"


class Source(Protocol):
    """A layer's pixels as they were when it was opened; what the painter does since does not show."""

    shape: Shape

    @property
    def band(self) -> int:
        """Rows that are best read at once; some tens of milliseconds."""

    def read(self, y: int, rows: int) -> Any:
        """`rows` rows from row `y` of the shape on, as a bytes-like object."""

    def where(self, place: str, y: int, rows: int) -> bytes:
        """How much of each pixel of those rows is in a place that it was opened with: u8 where the shape is, else u16."""

    def context(self) -> Context | None:
        """A small copy of the whole canvas, unless the shape is all of it."""

    def release(self) -> None:
        """Forget the pixels: all has been read."""


class Placed(enum.Enum):
    """The outcome of inserting a result."""

    WHOLE = "whole"
    """It is in the document."""
    PART = "part"
    """Ask again at the next tick."""
    ASIDE = "aside"
    """It waits for others, which will bring it in."""


class Target(Protocol):
    """A new layer that nobody sees before `insert`."""

    @property
    def band(self) -> int:
        """Rows that are best written at once; some tens of milliseconds."""

    def write(self, y: int, rows: int, data: Any) -> None: ...

    def insert(self) -> Placed:
        """Insert the result, in one undo step. Raises EngineError "layer-gone" when there is no place for it any more."""

    def thumbnail(self, side: int) -> bytes:
        """A PNG."""


class Growing(Protocol):
    """A result that is in the document before it is finished, and gets better there; ports.Host.growing makes it."""

    def show(self, raster: Raster) -> None:
        """Show a picture of all of the source, of whatever size: the first in one undo step, the others in none; only while
        nothing is in the way. Nothing where the painter has taken the layer away. Raises EngineError "layer-gone"."""

    def complete(self, result: Target) -> bool:
        """Become the result that a target holds, without an undo step; only while nothing is in the way. False where that
        cannot be: then the target is inserted, and this one withdrawn."""

    def withdraw(self) -> None:
        """Take it out of the document, if it is there; only while nothing is in the way."""


@dataclass(frozen=True)
class Shot:
    """The pixels that a live pass paints, and where its result goes."""

    place: Any
    """Equal for two shots of the same layer, frame and selection."""
    raster: Raster
    context: Context | None
    masks: Masks | None
    area: Any
    """The host's own, as is `limit`, the selection."""
    limit: Any = None


class LiveLayer(Protocol):
    """A layer that is painted again and again; ports.Host.live makes it."""

    @property
    def gone(self) -> bool:
        """Whether it, or its document, is not there any more."""

    @property
    def elsewhere(self) -> bool:
        """Whether another document is shown."""

    @property
    def pause(self) -> str:
        """Why nothing is to be painted now, as a sentence; "" if there is no reason."""

    def rename(self, name: str) -> None: ...

    def read(self, side: int, settings: Settings) -> Shot:
        """At most `side` pixels long; 0 is every pixel. Raises EngineError, whose message begins with a small letter."""

    def write(self, shot: Shot, raster: Raster, share: float) -> None:
        """Show a share of a result of a shot, of whatever size, the rest being the shot itself, without an undo step; only
        while nothing is in the way."""

    def show(self, visible: bool) -> None:
        """Show or hide it, without an undo step; only while nothing is in the way."""

    def finish(self, name: str) -> None:
        """Make it an ordinary layer called `name`; "" removes it."""


class Host(Protocol):
    """Raises EngineError, whose message the painter reads."""

    name: str

    def layers(self) -> list[Layer]:
        """The selected layers of the active document, bottom to top; empty without a document."""

    def visible(self) -> Layer | None:
        """The visible document as a layer, whose results come on top; None without a document."""

    def frames(self) -> list[Layer]:
        """The frames of the selected animated layer, each as a layer; their results come as one. Raises EngineError."""

    def places(self) -> list[tuple[str, str]]:
        """(id, name) of what styles can go by in the active document: the selection, layers, masks."""

    def open(self, layer: Layer, places: Sequence[tuple[str, str]] = (), brush_size: float = 1.0) -> Source:
        """`places` are (id, name) of those that `Source.where` will be asked for; a selection that is one of them does not
        limit what is painted. What is read around a selection that does grows with the brush size. Raises EngineError
        "layer-gone", "layer-empty", "place-gone"."""

    def small(self, layer: Layer, side: int) -> Raster:
        """A small copy of the layer, u8, for a preview; the long side is at most `side`."""

    def small_place(self, layer: Layer, place: tuple[str, str], side: int) -> bytes:
        """How much of each pixel of that small picture is in a place, u8. Raises EngineError "place-gone"."""

    def target(self, source: Source, name: str, alone: bool = False) -> Target:
        """A layer above the one `source` was read from and above its other results, or (`alone`) instead of those. Raises
        EngineError "layer-gone"."""

    def growing(self, source: Source, name: str) -> Growing | None:
        """A layer above the one `source` was read from and above its other results, for pictures that are not finished; None
        where those would keep the painter waiting. Raises EngineError "layer-gone"."""

    def finish_left(self) -> bool:
        """Make an ordinary layer of one that the active document was saved with before it was finished. False where that has to
        wait: ask again."""

    def in_the_way(self, what: Layer | Target | Growing | LiveLayer) -> str:
        """Why its document must not be read or written to now, in words that follow "the result": a stroke is being drawn, a
        tool has the picture. "" if it may be, until the event loop turns, or is closed."""

    def live(self, source: str, name: str) -> LiveLayer:
        """Put one into the active document, in one undo step. `source` is "" for the active layer, "visible" for all that is
        visible, or the id of a layer. Raises EngineError "layer-gone", "host-busy"."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after every stroke, undo and redo from now on. Idempotent."""

    def target_here(self, source: Source, name: str) -> Target:
        """The place for a result above the active layer of whichever document is active."""

    def notes(self, layer: Layer | None) -> str:
        """The text kept in the layer's document (None: the active one); "" if there is none."""

    def keep_notes(self, source: Source | None, text: str) -> None:
        """Keep it in the source's document, or the active one. Does nothing where there is none."""

    def setting(self, name: str) -> str: ...

    def keep_setting(self, name: str, value: str) -> None: ...

    def tell(self, text: str, trouble: bool = False) -> None:
        """Show a message on the canvas for a moment."""
