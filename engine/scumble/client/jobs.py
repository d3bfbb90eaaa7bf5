# SPDX-License-Identifier: Apache-2.0
"""One job on the client's side: sends strips as credit allows, takes result strips, ends (docs/protocol.md, section 5).

Invariant: rows go out and come in without gaps, also across connections; a result is written once into one buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .channel import Header
from .errors import malformed
from .events import (
    Accepted,
    Cancelled,
    Context,
    Done,
    Event,
    Failed,
    Preview,
    Progress,
    Rejected,
    Request,
    StyleStored,
)
from .raster import Masks, Raster, release_pages
from .wire import Frame

STRIP = 1 << 20
"""Bytes aimed at for a strip: small enough that both sides work at once, large enough that headers cost nothing."""

MAX_DEATHS = 2
"""As many engines may end during one job as workers may (docs/protocol.md, section 8)."""


@dataclass(frozen=True)
class NewStyle:
    """A picture to be kept as a style."""

    name: str
    raster: Raster
    refine: bool = True
    id: str | None = None


Reply = Callable[[Header], None]


class Job:
    """The state of one job, from `submit` until it is `over`; `on_message` takes the engine's messages about it."""

    def __init__(self, id: str, request: Request | NewStyle) -> None:
        self.id = id
        self.raster = request.raster
        self.over = False
        self.submitted = False
        """Whether this connection's engine has been asked for it."""
        self.accepted = False
        self.cancelling = False
        self.cancel_sent = False
        self.keeping = False
        self.keep_sent = False
        self._running = False
        self._deaths = 0
        """Engines that ended while they worked on it."""
        self._request = request
        self._context: Context | None = request.context if isinstance(request, Request) else None
        self._masks: Masks | None = request.masks if isinstance(request, Request) else None
        self._credit = 0
        """Strips that may be sent now."""
        self._sent = {"context": 0, "masks": 0, "picture": 0}
        """Rows of each plane that have been sent."""
        self._allocate = request.allocate if isinstance(request, Request) else bytearray
        self._result: Any = b""
        self._received = 0
        """Rows of the result that are here."""
        self._done: Done | None = None

    def opening(self, number: int) -> Header:
        """The message that submits it, or asks for it again, as request `number`."""
        if isinstance(self._request, NewStyle):
            style = {"name": self._request.name, "raster": self.raster.header()}
            refine = {} if self._request.refine else {"refine": False}
            wanted = {} if self._request.id is None else {"style": self._request.id}  # older engines know neither field
            return {"type": "style.put", "id": number, "job": self.id, **style, **refine, **wanted}
        header = {
            "type": "submit",
            "id": number,
            "job": self.id,
            "method": self._request.method,
            "styles": [{"style": style, "weight": weight} for style, weight in self._request.styles],
            "strength": self._request.strength,
            "options": dict(self._request.options),
            "raster": self.raster.header(),
            "context": self._context.header() if self._context else None,
            "previews": self._request.previews,
        }
        if self._masks:  # older engines refuse the field, and take every request without it
            header["masks"] = self._masks.header()
        if self._request.quality is not None:  # likewise
            header["quality"] = self._request.quality
            if self._request.seconds is not None:
                header["seconds"] = self._request.seconds
        if self._request.sequence is not None:  # likewise
            header["sequence"] = self._request.sequence
        return {**header, "have": self._received} if self._received else header

    @property
    def new_feature(self) -> str:
        """The part of it that an older engine cannot do, in words ("keep frames from flickering"); "" where there is none."""
        steady = isinstance(self._request, Request) and self._request.sequence is not None
        return "keep the frames of an animation from flickering" if steady else ""

    def disconnected(self) -> None:
        """The connection is gone; what was sent is uncertain until the engine says what it has."""
        self.submitted = self.accepted = self.cancel_sent = self.keep_sent = False
        self._credit = 0
        self._done = None

    def another_engine(self) -> Failed | None:
        """Another engine has taken over: begin again, since it may paint other bytes. Failed after MAX_DEATHS engines."""
        self._received, self._result = 0, b""
        self._deaths += self._running
        self._running = False
        if self._deaths < MAX_DEATHS:
            return None
        self.over = True
        return Failed(
            self.id,
            "engine-lost",
            f"The engine ended {MAX_DEATHS} times while it worked on this picture.",
            "Try a smaller picture or another method; `scumble doctor` shows the log.",
        )

    def submit_again(self) -> None:
        """Start over as if it had never been submitted: the engine gave it up since it received nothing from this client."""
        self.disconnected()
        self._received, self._result, self._running = 0, b"", False

    def next_strip(self, limit: int) -> tuple[Header, memoryview] | None:
        """The next strip of at most `limit` bytes (or one row), if there is credit and something left to send."""
        if self._credit <= 0 or self.cancelling:
            return None
        for plane, raster in self._planes():
            y = self._sent[plane]
            if y < raster.height:
                rows = min(raster.height - y, max(1, min(STRIP, limit) // raster.stride))
                self._sent[plane] += rows
                self._credit -= 1
                return {"type": "pixels", "job": self.id, "plane": plane, "y": y, "rows": rows}, raster.rows(y, rows)
        return None

    def on_message(self, header: Mapping[str, Any], frames: Sequence[Frame], reply: Reply) -> list[Event]:
        """The events that a message about this job brings. Ill-typed fields raise KeyError, TypeError or ValueError."""
        kind = header["type"]
        if kind == "accepted":
            return [self._accept(header)]
        if kind == "credit":
            self._credit += int(header["credit"])
            return []
        if kind == "progress":
            place = (str(header["state"]), int(header["position"]))
            self._running = place[0] == "running"
            return [Progress(self.id, *place, float(header["fraction"]), str(header["text"]))]
        if kind == "preview":
            shape = (int(header["width"]), int(header["height"]), str(header["format"]), str(header["order"]))
            return [Preview(self.id, Raster(*shape, frames[0]))]
        if kind == "result":
            self._store(int(header["y"]), int(header["rows"]), frames[0])
            reply({"type": "received", "job": self.id, "y": int(header["y"])})
            return self._finish(reply)
        if kind == "done":
            raster = Raster(1, 1, "u8", "rgba", bytes(4))  # until the last row is here
            styles = tuple(str(style) for style in header["styles"])
            about = (float(header["seconds"]), str(header["device"]), str(header.get("remark", "")))
            self._done = Done(self.id, raster, styles, *about)
            return self._finish(reply)
        return self._end(header)

    def _planes(self) -> list[tuple[str, Raster | Masks]]:
        """The rasters to send, in this order."""
        context = [("context", self._context.raster)] if self._context else []
        masks = [("masks", self._masks)] if self._masks else []
        return [*context, *masks, ("picture", self.raster)]

    def _accept(self, header: Mapping[str, Any]) -> Event:
        self.accepted = True
        self._credit = int(header["credit"])
        names = {"context": "context_rows", "masks": "mask_rows", "picture": "rows"}
        there = {plane: int(header.get(name, 0)) for plane, name in names.items()}
        for plane, raster in self._planes():
            if not 0 <= there[plane] <= raster.height:
                raise malformed(f"it has {there[plane]} rows of a picture of {raster.height}")
        self._sent = there
        return Accepted(self.id, str(header["state"]), int(header["position"]))

    def _store(self, y: int, rows: int, strip: Frame) -> None:
        raster = self.raster
        if not 0 <= y <= self._received or rows < 1 or y + rows > raster.height or len(strip) != rows * raster.stride:
            raise malformed(f"a strip of {rows} rows from {y} in {len(strip)} bytes came after row {self._received}")
        if rows == raster.height:
            self._result = strip
        else:
            if not self._received:
                self._result = self._allocate(raster.stride * raster.height)
            memoryview(self._result)[y * raster.stride : (y + rows) * raster.stride] = strip
            release_pages(self._result)
        self._received = max(self._received, y + rows)

    def _finish(self, reply: Reply) -> list[Event]:
        if self._done is None or self._received < self.raster.height:
            return []
        self.over = True
        reply({"type": "release", "job": self.id})
        if self.cancelling:
            return [Cancelled(self.id)]
        size = (self.raster.width, self.raster.height, self.raster.format, self.raster.order)
        return [replace(self._done, raster=Raster(*size, self._result, self.raster.transfer))]

    def _end(self, header: Mapping[str, Any]) -> list[Event]:
        ended = self._ending(header)
        self.over = ended is not None
        return [] if ended is None else [ended]

    def _ending(self, header: Mapping[str, Any]) -> Event | None:
        """The last event, if `header` is the last message."""
        kind = header["type"]
        if kind == "style":
            return StyleStored(self.id, str(header["style"]), int(header["catalogue"]))
        if kind not in ("rejected", "failed", "cancelled"):
            return None
        if kind == "cancelled" and header.get("why") == "silent" and not self.cancelling:
            self.submit_again()
            return None
        if kind == "cancelled" or self.cancelling:
            return Cancelled(self.id)
        what = (str(header["code"]), str(header["message"]), str(header["hint"]))
        if kind == "failed":
            return Failed(self.id, *what)
        after = header.get("retry_after")
        return Rejected(self.id, *what, None if after is None else float(after))
