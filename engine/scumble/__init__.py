# SPDX-License-Identifier: Apache-2.0
"""Scumble: neural style transfer for people who paint. This package is the engine, its client and its methods.

What an author of a method imports stands here (docs/writing-a-method.md); it is loaded when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from scumble.api.errors import ScumbleError as ScumbleError
    from scumble.api.hookspecs import hookimpl as hookimpl
    from scumble.api.method import Capabilities as Capabilities
    from scumble.api.method import Checkpoint as Checkpoint
    from scumble.api.method import Content as Content
    from scumble.api.method import Cost as Cost
    from scumble.api.method import Event as Event
    from scumble.api.method import Method as Method
    from scumble.api.method import Pixels as Pixels
    from scumble.api.method import Preview as Preview
    from scumble.api.method import Progress as Progress
    from scumble.api.method import Refined as Refined
    from scumble.api.method import Refiner as Refiner
    from scumble.api.method import Result as Result
    from scumble.api.method import Runtime as Runtime
    from scumble.api.method import Style as Style
    from scumble.api.method import Weighted as Weighted
    from scumble.api.options import option as option
    from scumble.methods.feed_forward import FeedForward as FeedForward

_METHOD = (
    "Capabilities Checkpoint Content Cost Event Method Pixels Preview Progress Refined Refiner Result Runtime Style Weighted"
)
_PUBLIC = dict.fromkeys(_METHOD.split(), "api.method") | {
    "FeedForward": "methods.feed_forward",
    "ScumbleError": "api.errors",
    "hookimpl": "api.hookspecs",
    "option": "api.options",
}
"""Public name to the module in scumble that has it."""


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"scumble.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
