# SPDX-License-Identifier: GPL-3.0-or-later
"""The status line: where the engine stands, in a sentence for a painter, and the report for those who help.

Invariant: an error is shown until something succeeds or something else is tried.
"""

from __future__ import annotations

import enum
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .scumble_client import VERSION
from .scumble_client.errors import EngineError
from .scumble_client.events import State, Welcome
from .scumble_client.locate import runtime_dir


class Mood(enum.Enum):
    ASLEEP = "asleep"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    LIVE = "live"
    ERROR = "error"


@dataclass(frozen=True)
class Standing:
    """`hint` says what to do; it may be empty."""

    mood: Mood
    text: str
    hint: str = ""


def standing(state: State, device: str, trouble: EngineError | None, work: str, wanted: bool, live: str = "") -> Standing:
    """`work` says what is being done, `live` what is on the canvas does, "" if nothing; `wanted`: something is asked of the
    engine."""
    if trouble is not None:
        return Standing(Mood.ERROR, trouble.message, trouble.hint)
    if state is State.READY:
        if work:
            return Standing(Mood.BUSY, work)
        if live:
            return Standing(Mood.LIVE, live)
        return Standing(Mood.READY, f"Ready, on {device}." if device else "Ready.")
    if state is State.SEEKING and not wanted:
        return Standing(Mood.ASLEEP, "The engine sleeps.", "It starts with the first picture.")
    if state is State.LOST and not wanted:
        return Standing(Mood.ASLEEP, "No engine runs.", "It starts with the next picture.")
    if state in (State.STARTING, State.LAUNCHING) or wanted:
        return Standing(Mood.STARTING, "The engine starts …")
    return Standing(Mood.STARTING, "Looking for the engine …")


def report(host: str, shown: Standing, state: State, welcome: Welcome | None, device: str, trouble: EngineError | None) -> str:
    """A report for somebody who is asked for help, without names of pictures."""
    lines = [
        f"Scumble for Krita {VERSION}, {host}, Python {platform.python_version()}, {platform.platform()}",
        f"Status: {shown.mood.value}: {shown.text} {shown.hint}".rstrip(),
        f"Session: {state.value}; runtime folder {runtime_dir()}",
    ]
    if welcome is not None:
        lines.append(f"Engine: {welcome.engine}, process {welcome.pid}, on {device or 'a device not yet known'}")
    if trouble is not None:
        lines.append(f"Error: {trouble.code}: {trouble.message} {trouble.hint}".rstrip())
    return "\n".join(lines)


def device_name(status: Mapping[str, Any]) -> str:
    """The device that the engine computes on, from its answer to `status`; "" if it does not say."""
    devices = status.get("devices")
    first = devices[0] if isinstance(devices, list) and devices and isinstance(devices[0], dict) else {}
    name, id = first.get("name"), first.get("id")
    return f"{id} ({name})" if id and name else str(id or "")
