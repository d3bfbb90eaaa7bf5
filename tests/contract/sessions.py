# SPDX-License-Identifier: Apache-2.0
"""What tests of sessions share: pictures, requests, and pumping until something happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from scumble.client.events import Event, Request
from scumble.client.raster import BYTES_PER_PIXEL, Raster
from scumble.client.session import Session

E = TypeVar("E")


def any_raster(width: int = 64, height: int = 64, format: str = "u8", order: str = "rgba") -> Raster:
    """Noise."""
    return Raster(width, height, format, order, os.urandom(width * height * BYTES_PER_PIXEL[format]))


def large() -> Raster:
    """Of eight strips."""
    return any_raster(1024, 2048)


def inverted(raster: Raster) -> bytes:
    """What the fake engine makes of it."""
    return bytes(raster.data).translate(bytes(reversed(range(256))))


def request(raster: Raster, **options: Any) -> Request:
    return Request(raster, [("s0", 1.0)], "invert", **options)


def until(session: Session, kind: type[E], seconds: float = 60.0, count: int = 1) -> tuple[E, list[Event]]:
    """Pump until `count` events of `kind` have come; the last of them, and all that came."""
    events: list[Event] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        events += session.pump(0.05)
        matching = [event for event in events if isinstance(event, kind)]
        if len(matching) >= count:
            return matching[-1], events
    raise AssertionError(f"no {count} {kind.__name__} in {seconds} s, but {events}")


def pump_while(session: Session, condition: Callable[[], bool], seconds: float = 60.0) -> list[Event]:
    """Pump as long as `condition` holds; all that came."""
    events: list[Event] = []
    end = time.monotonic() + seconds
    while condition():
        assert time.monotonic() < end, f"still the same after {seconds} s: {events}"
        events += session.pump(0.02)
    return events


def pump_for(session: Session, seconds: float) -> list[Event]:
    end = time.monotonic() + seconds
    return pump_while(session, lambda: time.monotonic() < end)
