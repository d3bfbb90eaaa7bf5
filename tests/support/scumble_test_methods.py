# SPDX-License-Identifier: Apache-2.0
"""Methods for tests of the engine, none of which needs torch: SCUMBLE_PLUGINS="-,scumble_test_methods".

Every one inverts the picture in the end; they differ in what happens on the way. Any style will do.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Preview, Progress, Result, Runtime, Style, Weighted
from scumble.api.options import option

STEPS = 20
"""Yields of a run; "a random point" is before one of them."""


@dataclass(frozen=True)
class Plain:
    seed: int = option(0, "Changes nothing.", minimum=0, maximum=2**31)


@dataclass(frozen=True)
class Paced:
    seconds: float = option(5.0, "How long it takes.", minimum=0, maximum=600)
    step: float = option(0.05, "Seconds between two yields.", minimum=0.001, maximum=600)
    busy: bool = option(False, "Compute instead of sleep.")


@dataclass(frozen=True)
class Fatal:
    how: Literal["kill", "segv", "stop", "exit", "abort", "memory", "raise"] = option("kill", "How the worker ends.")
    point: int = option(-1, "Before which of 20 steps; -1 is a random one.", minimum=-1, maximum=STEPS)
    times: int = option(1_000_000, "How many runs die before one may live.", minimum=0)
    marker: str = option("", "File that counts the deaths; needed where `times` matters.")
    pause: float = option(0.005, "Seconds between two steps.", minimum=0, maximum=10)


class Inverting(Method):
    """What the test methods have in common."""

    paper = "none"
    capabilities = Capabilities(arbitrary=True, blend=True, tiling=True)

    def __init__(self, id: str, purpose: str, options: type, steps: Callable[[Any, Content], Iterator[Event]]) -> None:
        self.id, self.title, self.purpose, self.Options = id, id.title(), purpose, options
        self._steps = steps

    def available(self, style: Style) -> bool:
        return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        return None

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield from self._steps(options, content)
        yield Result(1 - content.rgb)


def _at_once(options: Plain, content: Content) -> Iterator[Event]:
    yield Progress(0.5, "inverting")


def _slowly(options: Paced, content: Content) -> Iterator[Event]:
    began = time.monotonic()
    while (gone := time.monotonic() - began) < options.seconds:
        yield Progress(gone / options.seconds, "waiting")
        yield Preview(content.rgb)
        until = time.monotonic() + options.step
        while options.busy and time.monotonic() < until:
            sum(range(1000))
        time.sleep(max(0.0, until - time.monotonic()))


def _fatally(options: Fatal, content: Content) -> Iterator[Event]:
    point = random.randrange(STEPS + 1) if options.point < 0 else options.point
    for step in range(STEPS + 1):
        if step == point and _deaths(options) < options.times:
            _end(options)
        if step < STEPS:
            time.sleep(options.pause)
            yield Progress(step / STEPS, "living dangerously")


def _deaths(options: Fatal) -> int:
    return Path(options.marker).stat().st_size if options.marker and Path(options.marker).exists() else 0


def _end(options: Fatal) -> None:
    if options.marker:
        with open(options.marker, "ab") as f:
            f.write(b"x")
    match options.how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "segv":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "exit":
            os._exit(3)
        case "memory":
            raise MemoryError("Unable to allocate 64. MiB")
        case "raise":
            raise RuntimeError("a method with a bug")


METHODS: list[Method] = [
    Inverting("invert", "Inverts at once.", Plain, _at_once),
    Inverting("slow", "Takes its time, yields progress and previews.", Paced, _slowly),
    Inverting("crash", "Ends the worker.", Fatal, _fatally),
]


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    for method in METHODS:
        register(method)
