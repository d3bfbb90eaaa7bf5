# SPDX-License-Identifier: Apache-2.0
"""Methods that measure the engine and not themselves; loaded with SCUMBLE_PLUGINS="-,benchmarks.probe_method"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Progress, Result, Runtime, Style, Weighted
from scumble.api.options import option


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


class Invert(Method):
    """The cheapest method that touches every pixel."""

    id = "invert"
    title = "Invert"
    paper = "none; a probe"
    purpose = "Measures what the engine costs."
    Options: type = NoOptions
    capabilities = Capabilities(arbitrary=True)

    def available(self, style: Style) -> bool:
        return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Result(1 - content.rgb)


@dataclass(frozen=True)
class BusyOptions:
    """How long the method takes, and whether it can be cancelled."""

    seconds: float = option(10.0, "How long to compute.", minimum=0, maximum=600)
    step: float = option(0.5, "How long to compute without a yield.", minimum=0.001, maximum=10)


class Busy(Invert):
    """Computes for a given time, on as many threads as NumPy takes, and yields now and then."""

    id = "busy"
    title = "Busy"
    Options = BusyOptions

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        matrix = np.full((512, 512), 1e-3, np.float32)
        started = time.monotonic()
        while (spent := time.monotonic() - started) < options.seconds:
            yield Progress(spent / options.seconds)
            until = time.monotonic() + options.step
            while time.monotonic() < until:
                matrix = np.tanh(matrix @ matrix)
        yield Result(content.rgb)


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Invert())
    register(Busy())
