# SPDX-License-Identifier: Apache-2.0
"""A style as methods see it, made in a test, and what a method paints in such styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scumble.api.method import Content, Event, Method, Pixels, Result, Runtime, Style
from scumble.painting import pipeline
from scumble.painting.mixing import states


@dataclass(frozen=True)
class Painted:
    """With its painting, (H, W, 3) in [0, 1], or with a method's state file in its place, or with both."""

    id: str = "noise"
    rgb: Pixels | None = None
    states: dict[str, Path] = field(default_factory=dict)
    revision: int = 1

    @property
    def has_picture(self) -> bool:
        return self.rgb is not None

    def picture(self) -> Pixels | None:
        return self.rgb

    def state(self, method: str) -> Path | None:
        return self.states.get(method)


def painted(
    method: Method,
    content: Content | Pixels,
    styles: Sequence[tuple[Style, float]],
    runtime: Runtime | None = None,
    **options: object,
) -> Pixels:
    """What `method` makes of `content` in `styles` with their weights."""
    chosen, runtime = method.Options(**options), runtime or Runtime()
    given = content if isinstance(content, Content) else Content(content)
    return result_of(method.run(given, states(method, list(styles), chosen, runtime), chosen, runtime))


def through_pipeline(request: pipeline.Request, runtime: Runtime | None = None) -> NDArray[Any]:
    """The finished picture of a request, like its pixels."""
    out = np.zeros_like(request.pixels)
    for _ in pipeline.run(request, runtime or Runtime(), out):
        pass
    return out


def result_of(events: Iterable[Event]) -> Pixels:
    """What a method paints at last."""
    *_, last = events
    assert isinstance(last, Result)
    return last.rgb
