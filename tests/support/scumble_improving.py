# SPDX-License-Identifier: Apache-2.0
"""A method that improves what another one has painted: SCUMBLE_PLUGINS="-,scumble_test_methods,scumble_improving".

It darkens the first answer step by step, "good" to half of it and "best" to black, so that a picture tells how far it came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scumble.api.hookspecs import hookimpl
from scumble.api.method import (
    Capabilities,
    Content,
    Event,
    Improver,
    Method,
    Pixels,
    Preview,
    Progress,
    Result,
    Runtime,
    Style,
    Weighted,
)
from scumble.api.options import option

STEPS = 20
END = {"draft": 1.0, "good": 0.5, "best": 0.0}
"""What is left of the light after the last step."""


@dataclass(frozen=True)
class Options:
    pause: float = option(0.1, "Seconds a step takes.", minimum=0, maximum=60)


class Darkening(Improver):
    """Takes its time, and shows what it does."""

    id, title, paper, purpose = "darkening", "Darkening", "none", "Tests."
    capabilities = Capabilities(arbitrary=True, blend=True, iterative=True)
    Options = Options

    def available(self, style: Style) -> bool:
        return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        return None

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield from self.improve_from(content, styles, options, runtime, content.rgb, "best")

    def improve_from(
        self,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        answer: Pixels,
        quality: Literal["draft", "good", "best"],
        levels: int | None = None,
    ) -> Iterator[Event]:
        picture = answer
        for step in range(1, STEPS + 1):
            time.sleep(options.pause)
            picture = answer * (1 - (1 - END[quality]) * step / STEPS)
            yield Preview(picture)
            yield Progress(step / STEPS, f"step {step} of {STEPS}, loss {1 - step / STEPS:.2f}")
        yield Result(picture)


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Darkening())
