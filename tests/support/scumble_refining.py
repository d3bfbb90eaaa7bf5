# SPDX-License-Identifier: Apache-2.0
"""A method that refines, without torch: SCUMBLE_PLUGINS="-,scumble_test_methods,scumble_refining".

It paints a picture all over with the style's mean colour (grade 0), which a refinement darkens by a thousandth a step of
10 ms, STEPS times (grade 1), so that a result tells how many steps its revision has had. Files in the user's data steer it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import (
    Arrays,
    Capabilities,
    Checkpoint,
    Content,
    Event,
    Method,
    Pixels,
    Progress,
    Refined,
    Refinement,
    Refiner,
    Result,
    Runtime,
    Style,
    Weighted,
)
from scumble.library.places import data_dir
from scumble.library.weights import read_state

STEPS = 100
PAUSE = 0.01
"""Seconds a step takes."""


@dataclass(frozen=True)
class Options:
    """Nothing to choose."""


def asked_to(name: str) -> bool:
    """Whether a test has put a file of this name into the user's data."""
    return (data_dir() / name).exists()


class Darken(Method, Refiner):
    id, title, paper, purpose = "darken", "Darken", "none", "Paints the style's mean colour, darker when it is refined."
    Options = Options
    capabilities = Capabilities(arbitrary=True, refine=True)

    def __init__(self) -> None:
        self.refiner = self

    def available(self, style: Style) -> bool:
        return style.has_picture

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        path = style.state(self.id)
        if path is not None:
            return read_state(path)[0]["colour"]
        picture = style.picture()
        assert picture is not None
        return picture.mean((0, 1))

    def outdated(self, style: Style) -> bool:
        return asked_to("outgrown")

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Progress(0.5)
        yield Result(np.broadcast_to(styles[0].state.astype(np.float32), content.rgb.shape).copy())

    def refine(
        self, style: Style, contents: Sequence[Pixels], runtime: Runtime, checkpoint: Arrays | None = None
    ) -> Iterator[Refinement]:
        try:
            colour = self.prepare(style, None, runtime)
        except ScumbleError:  # what was learnt is damaged
            picture = style.picture()
            assert picture is not None
            colour = picture.mean((0, 1))
        first = int(checkpoint["steps"][0]) if checkpoint is not None else 0
        _note(steps=first, contents=[list(c.shape) for c in contents])
        for step in range(first, STEPS):
            if asked_to("die"):
                os.kill(os.getpid(), signal.SIGKILL)
            while asked_to("deaf"):
                time.sleep(0.01)
            _take(PAUSE * (100 if asked_to("very_slowly") else 5 if asked_to("slowly") else 1))
            yield Progress(step / STEPS, f"step {step} of {STEPS}")
            yield Checkpoint({"steps": np.array([step + 1])})
        refined = np.asarray(colour * (np.nan if asked_to("nan") else 1 - STEPS / 1000), np.float32)
        yield Refined({"colour": refined}, {"loss": {"before": 1.0, "after": 0.5}, "steps": STEPS})


def _take(seconds: float) -> None:
    """Sleep for so long; compute where a test wants that."""
    end = time.monotonic() + seconds
    while asked_to("busily") and time.monotonic() < end:
        sum(range(1000))
    time.sleep(max(0.0, end - time.monotonic()))


def _note(**facts: Any) -> None:
    """Where a refinement began, a line each, for a test to read."""
    with open(data_dir() / "refined.jsonl", "a", encoding="utf-8") as f:
        f.write(json.dumps(facts) + "\n")


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Darken())
