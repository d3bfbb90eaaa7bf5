# SPDX-License-Identifier: Apache-2.0
"""One job from the client's side: strips out as credit allows, result strips in, and how it ends (docs/protocol.md, section 5).

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
    """Lives from `submit` until `over`; `hear` takes what the engine says of it."""

    def __init__(self, id: str, ask: Request | NewStyle) -> None:
        self.id = id
        self.raster = ask.raster
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
        self._ask = ask
        self._context: Context | None = ask.context if isinstance(ask, Request) else None
        self._masks: Masks | None = ask.masks if isinstance(ask, Request) else None
        self._credit = 0
        self._sent = {"context": 0, "masks": 0, "picture": 0}
        self._room = ask.room if isinstance(ask, Request) else bytearray
        self._result: Any = b""
        self._have = 0
        self._done: Done | None = None

    def opening(self, request: int) -> Header:
        """The message that submits it, or asks for it again."""
        if isinstance(self._ask, NewStyle):
            style = {"name": self._ask.name, "raster": self.raster.header()}
            refine = {} if self._ask.refine else {"refine": False}
            wanted = {} if self._ask.id is None else {"style": self._ask.id}  # an engine of before knows neither word
            return {"type": "style.put", "id": request, "job": self.id, **style, **refine, **wanted}
        header = {
            "type": "submit",
            "id": request,
            "job": self.id,
            "method": self._ask.method,
            "styles": [{"style": style, "weight": weight} for style, weight in self._ask.styles],
            "strength": self._ask.strength,
            "options": dict(self._ask.options),
            "raster": self.raster.header(),
            "context": self._context.header() if self._context else None,
            "previews": self._ask.previews,
        }
        if self._masks:  # an engine that knows nothing of masks refuses the word, and takes every request without
            header["masks"] = self._masks.header()
        if self._ask.quality is not None:  # likewise
            header["quality"] = self._ask.quality
            if self._ask.seconds is not None:
                header["seconds"] = self._ask.seconds
        if self._ask.sequence is not None:  # likewise
            header["sequence"] = self._ask.sequence
        return {**header, "have": self._have} if self._have else header

    @property
    def since(self) -> str:
        """What an engine of an earlier version may refuse about it, in words; "" where there is nothing."""
        steady = isinstance(self._ask, Request) and self._ask.sequence is not None
        return "keep the frames of an animation from flickering" if steady else ""

    def disconnected(self) -> None:
        """The connection is gone; what was sent is uncertain until the engine says what it has."""
        self.submitted = self.accepted = self.cancel_sent = self.keep_sent = False
        self._credit = 0
        self._done = None

    def another_engine(self) -> Failed | None:
        """The engine that knew it is gone: begin again, since another one may paint other bytes.

        Engines that end while they work on it are not fed with it for ever.
        """
        self._have, self._result = 0, b""
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
        """The engine has given the job up because nothing was heard of us: start over, as if it had never been submitted."""
        self.disconnected()
        self._have, self._result, self._running = 0, b"", False

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

    def hear(self, header: Mapping[str, Any], frames: Sequence[Frame], reply: Reply) -> list[Event]:
        """What a message about this job means. Ill-typed fields raise KeyError, TypeError or ValueError."""
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
            self._take(int(header["y"]), int(header["rows"]), frames[0])
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
        """What is sent, in this order."""
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

    def _take(self, y: int, rows: int, strip: Frame) -> None:
        raster = self.raster
        if not 0 <= y <= self._have or rows < 1 or y + rows > raster.height or len(strip) != rows * raster.stride:
            raise malformed(f"a strip of {rows} rows from {y} in {len(strip)} bytes came after row {self._have}")
        if rows == raster.height:
            self._result = strip
        else:
            if not self._have:
                self._result = self._room(raster.stride * raster.height)
            memoryview(self._result)[y * raster.stride : (y + rows) * raster.stride] = strip
            release_pages(self._result)
        self._have = max(self._have, y + rows)

    def _finish(self, reply: Reply) -> list[Event]:
        if self._done is None or self._have < self.raster.height:
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
