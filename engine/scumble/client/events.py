# SPDX-License-Identifier: Apache-2.0
"""The events that a session reports, and the requests that it takes: plain frozen data.

Invariant: a job ends with exactly one of Done, StyleStored, Rejected, Failed or Cancelled; a request with exactly one
answer that carries its number, or RequestFailed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from .catalogue import Catalogue
from .errors import EngineError
from .raster import Masks, Raster


class State(enum.Enum):
    """Where a session stands with the engine."""

    SEEKING = "seeking"
    """No engine has been found yet."""
    LAUNCHING = "launching"
    """This session has started an engine, which does not listen yet."""
    CONNECTING = "connecting"
    STARTING = "starting"
    """Connected; the engine's worker still loads."""
    READY = "ready"
    LOST = "lost"
    """`Lost` was reported; the session goes on looking."""


class WithError:
    """An event with the code, message and hint of an error."""

    code: str
    message: str
    hint: str

    def error(self) -> EngineError:
        """The error of this event, to be raised."""
        return EngineError(self.code, self.message, self.hint)


@dataclass(frozen=True)
class Context:
    """A small copy of the whole layer (long side at most 1024), and where in it the picture lies, in layer pixels."""

    raster: Raster
    x: int
    y: int
    full_width: int
    full_height: int

    def header(self) -> dict[str, Any]:
        """The context as the wire describes it."""
        place = {"x": self.x, "y": self.y, "full_width": self.full_width, "full_height": self.full_height}
        return {**self.raster.header(), **place}


@dataclass(frozen=True)
class Request:
    """One picture to stylize. `styles` are (id or id@rev, weight); `strength` in [0, 1]; `masks`, one a style, say where each
    is painted. What no mask covers stays as it is.

    The rasters' bytes must not change until the job has ended. `allocate` makes a buffer of so many bytes for a result that
    comes in several strips.

    `quality` "draft", "good" or "best" gives a first picture at once, as a preview, and then better ones, for `seconds` at
    most; `Session.keep` ends the job with the one that is shown.

    `sequence` (32 hex digits) is the same for all frames of an animation, which come one after another, in order: then they
    do not flicker.
    """

    raster: Raster
    styles: Sequence[tuple[str, float]]
    method: str
    strength: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    context: Context | None = None
    previews: bool = False
    masks: Masks | None = None
    allocate: Callable[[int], Any] = bytearray
    quality: str | None = None
    seconds: float | None = None
    sequence: str | None = None


@dataclass(frozen=True)
class Welcome:
    """The session is connected, and the engine has proven itself. `state` is "starting", "ready" or "broken"."""

    engine: str
    pid: int
    state: str
    devices: tuple[Mapping[str, Any], ...]
    limits: Mapping[str, int]
    revision: int


@dataclass(frozen=True)
class Ready:
    """The engine's worker is up, so that its catalogue is complete."""


@dataclass(frozen=True)
class Lost(WithError):
    """There has been no engine for a while, or none that can be used. Jobs are kept and go on after `Recovered`."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Recovered:
    """An engine is there again, perhaps a new one; every live job has been handed to it."""


@dataclass(frozen=True)
class Accepted:
    """The engine has taken a job. `state` is "receiving", "queued", "running" or "done"; `position` counts the jobs ahead."""

    job: str
    state: str
    position: int


@dataclass(frozen=True)
class Progress:
    """How far a job is, at least once a second; `fraction` of the whole run is in [0, 1]."""

    job: str
    state: str
    position: int
    fraction: float
    text: str


@dataclass(frozen=True)
class Preview:
    """An unfinished picture of any size, to be shown and forgotten."""

    job: str
    raster: Raster


@dataclass(frozen=True)
class Done:
    """A job's finished picture, with width, height, format and order of the one that was sent. `styles` have their revisions,
    id@rev; `remark` is what the painter should know of it, as sentences."""

    job: str
    raster: Raster
    styles: tuple[str, ...]
    seconds: float
    device: str
    remark: str = ""


@dataclass(frozen=True)
class StyleStored:
    """A picture has been stored as a style. `style` is id@rev; `catalogue` is the catalogue's new revision."""

    job: str
    style: str
    catalogue: int


@dataclass(frozen=True)
class Rejected:
    """The engine does not take the job; with `retry_after` (seconds) it may later."""

    job: str
    code: str
    message: str
    hint: str
    retry_after: float | None

    def error(self) -> EngineError:
        return EngineError(self.code, self.message, self.hint, self.retry_after)


@dataclass(frozen=True)
class Failed(WithError):
    """A job has ended with an error."""

    job: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Cancelled:
    """A job has ended because it was cancelled."""

    job: str


@dataclass(frozen=True)
class Refining(WithError):
    """The state of a style's refinement: sent to the session that put the style or asked for its refinement, as it goes on,
    and to every session when there is a new revision (`state` "done"; then the catalogue is worth reading again).

    `style` is id@rev, `state` "idle", "waiting", "running", "done" or "failed", `fraction` in [0, 1].
    """

    style: str
    method: str
    state: str
    fraction: float
    revision: int
    text: str
    catalogue: int
    code: str = ""
    """Why it failed; likewise `message` and `hint`."""
    message: str = ""
    hint: str = ""

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Refining:
        """From a `refining` header. Ill-typed fields raise KeyError, TypeError or ValueError."""
        texts = (str(header.get(name, "")) for name in ("code", "message", "hint"))
        return cls(
            str(header["style"]),
            str(header.get("method", "")),
            str(header["state"]),
            float(header["fraction"]),
            int(header.get("revision", 0)),
            str(header.get("text", "")),
            int(header.get("catalogue", 0)),
            *texts,
        )

    @property
    def id(self) -> str:
        """The style's, without its revision."""
        return self.style.partition("@")[0]

    @property
    def over(self) -> bool:
        """Whether nothing more will happen unless somebody asks for it."""
        return self.state not in ("waiting", "running")


@dataclass(frozen=True)
class Listed:
    """The answer to `catalogue()`."""

    request: int
    catalogue: Catalogue


@dataclass(frozen=True)
class Answer:
    """The answer to any other request: the header the engine sent (docs/protocol.md, sections 6 and 7)."""

    request: int
    header: Mapping[str, Any]


@dataclass(frozen=True)
class RequestFailed(WithError):
    """The engine cannot answer a request that is no job's."""

    request: int
    code: str
    message: str
    hint: str


Event = Union[
    Welcome,
    Ready,
    Lost,
    Recovered,
    Accepted,
    Progress,
    Preview,
    Done,
    StyleStored,
    Rejected,
    Failed,
    Cancelled,
    Refining,
    Listed,
    Answer,
    RequestFailed,
]
