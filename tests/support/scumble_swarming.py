# SPDX-License-Identifier: Apache-2.0
"""A method whose strokes lie elsewhere in every frame: SCUMBLE_PLUGINS="-,scumble_test_methods,scumble_swarming".

It paints the picture under noise that depends on the smallest change of it, as networks do in a milder way. No torch.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Progress, Result, Runtime, Style, Weighted

NOISE = 0.2
"""The noise lies in [-NOISE, NOISE]."""


@dataclass(frozen=True)
class Options:
    """Nothing to choose."""


class Swarm(Method):
    id, title, paper, purpose = "swarm", "Swarm", "none", "Tests."
    Options = Options
    capabilities = Capabilities(arbitrary=True)

    def available(self, style: Style) -> bool:
        return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        return None

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Progress(0.5)
        noise = np.random.default_rng(zlib.crc32(content.rgb.tobytes())).uniform(-NOISE, NOISE, content.rgb.shape)
        yield Result(np.clip(content.rgb + noise, 0, 1).astype(np.float32))


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Swarm())
