# SPDX-License-Identifier: Apache-2.0
"""A method that blends, without torch: SCUMBLE_PLUGINS="-,scumble_test_methods,scumble_blending".

It paints a picture all over with the styles' mean colours, weighted, so that a result tells which styles had what share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Progress, Result, Runtime, Style, Weighted


@dataclass(frozen=True)
class Options:
    """Nothing to choose."""


class Average(Method):
    id, title, paper, purpose = "average", "Average", "none", "Paints the styles' mean colours by their weights."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True)

    def available(self, style: Style) -> bool:
        return style.has_picture

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        picture = style.picture()
        assert picture is not None
        return picture.mean((0, 1))

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Progress(0.5)
        colour = sum(weighted.weight * weighted.state for weighted in styles) / sum(weighted.weight for weighted in styles)
        yield Result(np.broadcast_to(np.asarray(colour, np.float32), content.rgb.shape).copy())


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Average())
