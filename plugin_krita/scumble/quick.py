# SPDX-License-Identifier: GPL-3.0-or-later
"""What live painting and trying have in common: whom they call, and what they ask of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .ports import Shot
from .scumble_client.catalogue import Method
from .scumble_client.desk.choosing import asked_strength, options_for
from .scumble_client.desk.settings import Settings
from .scumble_client.errors import EngineError
from .scumble_client.events import Request
from .scumble_client.raster import Raster


@dataclass(frozen=True)
class Calls:
    """`changed` when there is something else to show, `trouble` with an error, `shown` with a result, its original and
    the share of the result that is shown."""

    changed: Callable[[], None]
    trouble: Callable[[EngineError], None]
    shown: Callable[[Raster, Raster, float], None]


def quick_request(method: Method, settings: Settings, shot: Shot) -> Request:
    """A shot painted once, with the options that make the method quick and the strength that `asked_strength` says."""
    options = method.quick(options_for(method, settings.options))
    how = (method.id, asked_strength(method, settings.strength)[0], options)
    return Request(shot.raster, settings.weights(), *how, shot.context, False, shot.masks)
