# SPDX-License-Identifier: Apache-2.0
"""What the GIMP plug-in adds to the engine's own time, in the real GIMP: its start, the pixels' way there and back, the layer.

Yields nothing where there can be no host root (tests/hosts/root.py says why).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, median
from scumble.client.blocking import Engine
from scumble.client.locate import read_connection
from scumble.client.raster import Raster

HERE = Path(__file__).parent
LIMITS = {"u8": 1.5, "u16": 2.5}
"""Seconds for 12 megapixels."""
SIZE = (3000, 4000)


def bench() -> Iterator[Figure]:
    """The overhead for each depth."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from hosts import gimp, root

    try:
        folder = root.ensure()
    except root.Unavailable as e:
        print(f"  gimp: not measured, {e}", file=sys.stderr)
        return
    with gimp.user(folder) as host:
        record = host.home / "record.json"
        gimp.batch(host, HERE / "gimp_job.py", RECORD=str(record))
        taken = json.loads(record.read_text())
        with Engine.attach(start=False, connection=read_connection(str(host.runtime))) as engine:
            for depth, limit in LIMITS.items():
                own = median(_seconds(engine, depth) for _ in range(3))
                overhead = median(taken[depth]) - own
                note = f"4000 x 3000, {depth}, over the engine's own {own:.2f} s; median of 3"
                yield Figure(f"GIMP over the engine, {depth}", overhead, "s", limit, note=note)


def _seconds(engine: Engine, depth: str) -> float:
    """The engine's own time for such a picture."""
    kind = np.uint8 if depth == "u8" else np.uint16
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (*SIZE, 4), kind)
    return engine.stylize(Raster(SIZE[1], SIZE[0], depth, "rgba", pixels), [("test-style", 1.0)], method="invert").seconds
