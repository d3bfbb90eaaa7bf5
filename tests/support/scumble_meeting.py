# SPDX-License-Identifier: Apache-2.0
"""Methods for tests of a cluster: SCUMBLE_PLUGINS="scumble_meeting".

A quick picture is painted by the first process before another is up. Here the tiles of a picture wait until another process
has begun one, so that a test knows that there is one, and has no need of a picture that takes minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Runtime, Style, Weighted
from scumble.api.options import option
from scumble.methods.feed_forward import Known
from scumble.methods.johnson.method import Johnson
from scumble.methods.johnson.network import TransformNet
from scumble.painting.tiling import run_tiled

PATIENCE = 120.0
"""Seconds that a picture waits for another process."""


@dataclass(frozen=True)
class Options:
    folder: str = option("", "An empty folder for the processes to meet in; without one nobody waits.")
    fails: bool = option(False, "Fail once another process paints, which then paints for minutes.")


class Meeting(Johnson):
    """Johnson's pictures, painted by two processes."""

    id = "meeting"
    title = "Meeting"
    Options = Options

    def available(self, style: Style) -> bool:
        return style.state("johnson") is not None

    def know(self, style: Style, networks: nn.Module, encoder: str, device: str) -> Known[TransformNet]:
        return Known(self.read(Path(str(style.state("johnson"))), networks, device))

    def stylize(self, networks: nn.Module, picture: Tensor, style: TransformNet, options: Any, shares: Tensor | None) -> Tensor:
        if options.folder:
            self._meet(Path(options.folder), options.fails, lambda: style(picture))
        return style(picture)

    def _meet(self, folder: Path, fails: bool, paint: Callable[[], Tensor]) -> None:
        first, other = folder / "first", folder / "other"
        until = time.monotonic() + PATIENCE
        if not first.exists():  # the pass over the whole picture, before there are tiles
            first.write_text(str(os.getpid()), encoding="utf-8")
        elif first.read_text(encoding="utf-8") != str(os.getpid()):
            other.touch()
            while fails and time.monotonic() < until:
                paint()
        else:
            while not other.exists() and time.monotonic() < until:
                time.sleep(0.02)
            if fails:
                raise RuntimeError("a failure for a test")


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


class Own(Method):
    """Runs a module of its own in tiles, as a method may that is no FeedForward."""

    id = "own"
    title = "Own"
    paper = "none; a probe"
    purpose = "Inverts, in tiles."
    Options: type = NoOptions
    capabilities = Capabilities(arbitrary=True, tiling=True)

    def available(self, style: Style) -> bool:
        return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        return run_tiled(Inverse(), content, runtime, stride=1, margin=8)


class Inverse(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 1 - x


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Meeting())
    register(Own())
