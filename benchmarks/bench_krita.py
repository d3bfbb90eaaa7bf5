# SPDX-License-Identifier: Apache-2.0
"""What the Krita plug-in adds to the engine's own time, and how long it keeps Krita's event loop, in a whole Krita.

Yields nothing where there can be no host root (tests/hosts/root.py says why).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure

TESTS = Path(__file__).parent.parent / "tests"
OVERHEAD = {"U8": 1.0, "U16": 2.0, "U16 linear": None, "F16 linear": 4.0}
"""Seconds for 12 megapixels; Krita converts integers that are not in sRGB's own curve, band by band. Floats of linear light
travel as they are."""
BLOCKED = 0.1
"""Seconds for which the event loop may stand still while a U8 layer of 12 megapixels is painted."""

LIVE = 0.06
"""Seconds that reading the layer and showing the result may take of a live pass on one megapixel."""


def bench() -> Iterator[Figure]:
    """Overhead for each depth, and the longest pauses."""
    sys.path.insert(0, str(TESTS))
    from hosts import kritas, root

    try:
        folder = root.ensure()
    except root.Unavailable as e:
        print(f"  krita: not measured, {e}", file=sys.stderr)
        return
    with kritas.user(folder) as user:
        reports = user.show("window:docker", "speed:large", "speed:live", SCUMBLE_TEST_ENGINE=user.real_engine())
    for scenario in ("large", "live"):
        if "error" in reports[scenario]:
            raise RuntimeError(reports[scenario]["error"])
    large, live = reports["large"], reports["live"]
    for side in ("384", "768"):
        note = f"1152 x 896, passes of {side} pixels, median of 20"
        yield Figure(f"Krita's part of a live pass at {side}", live[side]["host"], "s", LIVE, note=note)
        computed = f"{note}; what all its threads compute meanwhile, whatever else the machine does"
        yield Figure(f"Krita's own computing at {side}", live[side]["computed"], "s", note=computed)
        yield Figure(f"From a stroke to the canvas at {side}", live[side]["latency"], "s", note=note)
    for depth, limit in OVERHEAD.items():
        painted = large[depth]
        note = f"4000 x 3000, {depth}, over the engine's own {painted['engine']:.2f} s"
        yield Figure(f"Krita over the engine, {depth}", painted["overhead"], "s", limit, note=note)
        note = f"4000 x 3000, {depth}; Krita's processor time from the click to the result, waiting for the engine included"
        yield Figure(f"Krita's own computing, {depth}", painted["computed"], "s", note=note)
    own = large["U8"]
    where = "4000 x 3000, U8, a 5 ms timer in Krita"
    yield Figure("Krita's longest pause while a layer is read, painted and written", own["working"], "s", BLOCKED, note=where)
    yield Figure("Krita's pause when the layer is copied small for a preview", own["preview"], "s", BLOCKED, note=where)
    yield Figure("Krita's longest pause when the layer is inserted", own["inserting"], "s", BLOCKED, note=where)
    yield Figure(
        "Krita's pause for an empty layer", own["empty"], "s", note="addChildNode, which redraws the canvas; Krita's part"
    )
