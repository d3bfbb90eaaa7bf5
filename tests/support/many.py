# SPDX-License-Identifier: Apache-2.0
"""Several engines side by side, each in folders of its own, for faults that take time rather than work."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from support.engine import Engine


@contextlib.contextmanager
def engines(count: int, folder: Path) -> Iterator[list[Engine]]:
    """`count` engines that are ready, and gone after the block. `folder` has a short name: Unix sockets go there."""
    started: list[Engine] = []
    try:
        for n in range(count):
            with mock.patch.dict(os.environ, _own_folders(folder / str(n))):
                started.append(Engine(ready=False))
        for engine in started:
            engine.wait_ready()
        yield started
    finally:
        for engine in started:
            engine.process.terminate()
        for engine in started:
            engine.stop()


def _own_folders(folder: Path) -> dict[str, str]:
    names = ("runtime", "data", "cache")
    for name in names:
        (folder / name).mkdir(mode=0o700, parents=True)
    return {f"SCUMBLE_{name.upper()}_DIR": str(folder / name) for name in names}
