# SPDX-License-Identifier: Apache-2.0
"""Fifty styles at hand: what they take, and how long going from one to another takes. In a process of its own, like speed.py.

The fifty are what ships for the method, under other names until there are fifty: each is read from its file and kept apart
from the rest, as fifty different ones would be.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, cast

import numpy as np
import psutil
import torch

from benchmarks.comparison.speed import in_process
from benchmarks.figures import median
from scumble.api.method import Content, Method, Pixels, Runtime, Style
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import mixing, pipeline

RESIDENT = 50
SIDE = 64
"""Of the picture painted after each change of style, in pixels."""
TOO_SLOW = 0.5
"""Seconds a picture: of a method that takes longer, the change alone is timed."""


@dataclass(frozen=True)
class Copy:
    """A shipped style under another name; implements `api.method.Style`."""

    id: str
    of: Style
    revision: int = 1
    has_picture: bool = False

    def picture(self) -> Pixels | None:
        return None

    def state(self, method: str) -> Any | None:
        return self.of.state(method)


def switching(method_id: str, threads: int) -> dict[str, float]:
    """Seconds to load a style from its file, and to change to a loaded one; bytes of memory that fifty take."""
    return in_process("switching", method_id, threads)[0]


def measured(method: Method) -> dict[str, float]:
    _, options = pipeline.parse_options(method, {})
    runtime = Runtime()
    known = [style for style in StyleStore().list() if not style.own and method.available(style)]
    styles = [Copy(f"copy-{n}", style) for n, style in enumerate(islice(cycle(known), RESIDENT))]
    painted(method, known[0], options, runtime)  # what is shared is loaded, and kernels are made
    before, begun = psutil.Process().memory_info().rss, time.perf_counter()
    for style in styles:
        method.prepare(style, options, runtime)
    loaded = time.perf_counter() - begun
    grown = psutil.Process().memory_info().rss - before
    return {"load": loaded / RESIDENT, "memory": max(0, grown), "switch": changed(method, styles, options, runtime)}


def changed(method: Method, styles: Sequence[Style], options: Any, runtime: Runtime) -> float:
    """Seconds by which a picture in another style comes later than one more in the same."""
    if painted(method, styles[0], options, runtime) > TOO_SLOW:
        return median(asked(method, style, options, runtime) for style in styles)
    pairs = [(painted(method, style, options, runtime), painted(method, style, options, runtime)) for style in styles]
    return max(0.0, median(first - second for first, second in pairs))


def asked(method: Method, style: Style, options: Any, runtime: Runtime) -> float:
    """Seconds until the style's state is there."""
    begun = time.perf_counter()
    mixing.states(method, [(style, 1.0)], options, runtime)
    return time.perf_counter() - begun


def painted(method: Method, style: Style, options: Any, runtime: Runtime) -> float:
    """Seconds from asking for a style to a small picture in it."""
    content = Content(np.full((SIDE, SIDE, 3), 0.5, np.float32))
    begun = time.perf_counter()
    states = mixing.states(method, [(style, 1.0)], options, runtime)
    with closing(cast(Any, method.run(content, states, options, runtime))) as events:
        for _ in events:
            pass
    return time.perf_counter() - begun


def main(method_id: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    print(json.dumps(measured(registry.method(method_id))))


if __name__ == "__main__":
    main(*sys.argv[1:])
