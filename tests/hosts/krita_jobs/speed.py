# SPDX-License-Identifier: Apache-2.0
"""What a large layer costs a painter, measured in a whole Krita (make bench)."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from typing import Any

from driver import Scenario, Stage
from PyQt5.QtCore import QTimer
from scumble.krita_layers import KritaTarget
from scumble.scumble_client.desk.settings import Settings
from scumble.scumble_client.desk.sizes import WORKING_SIDE

SRGB, LINEAR = "sRGB-elle-V2-srgbtrc.icc", "sRGB-elle-V2-g10.icc"


class Pauses:
    """How long Krita's event loop stands still, by a timer in it."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.timer = QTimer()
        self.timer.timeout.connect(lambda: self.ticks.append(time.monotonic()))
        self.timer.start(5)

    def longest(self, start: float, end: float) -> float:
        """Of those that overlap the time from `start` to `end` (time.monotonic)."""
        return max((b - a for a, b in pairwise(self.ticks) if a < end and b > start), default=0.0)


def large(stage: Stage) -> Scenario:
    """Twelve megapixels of each depth: what is more than the engine's own time, and the longest pauses."""
    found: dict[str, Any] = {}
    marks: dict[str, float] = {}
    insert = KritaTarget.insert

    def inserted(target: Any) -> Any:
        marks["insert"] = time.monotonic()
        try:
            return insert(target)
        finally:
            marks["inserted"] = time.monotonic()

    KritaTarget.insert = inserted
    stage.studio.take_up(Settings(style="test-style", method="invert"))
    for depth, profile in (("U8", SRGB), ("U16", SRGB), ("U16 linear", LINEAR)):
        document = stage.document(4000, 3000, depth=depth.split()[0], profile=profile)
        yield stage.shown(document)
        node = document.nodeByName("layer")
        noise = os.urandom(len(node.pixelData(0, 0, 1, 1)) * 4000 * 250)  # one colour would be converted only once
        for y in range(0, 3000, 250):
            node.setPixelData(noise, 0, y, 4000, 250)
        document.refreshProjection()
        yield 2000
        stage.studio.previewing.enabled = False
        pauses = Pauses()
        began = time.monotonic()
        stage.krita.action("scumble_paint").trigger()
        yield lambda: not stage.studio.busy
        took = time.monotonic() - began
        yield 1000
        pauses.timer.stop()
        own = stage.studio.records.entries()[0].seconds
        empty = Pauses()
        at = time.monotonic()
        document.rootNode().addChildNode(document.createNode("empty", "paintlayer"), None)
        yield 1000
        empty.timer.stop()
        copied = time.monotonic()
        host = stage.studio.previewing._host
        host.small(host.layers()[-1], WORKING_SIDE)
        copied = time.monotonic() - copied
        found[depth] = {
            "preview": copied,
            "engine": own,
            "overhead": took - own,
            "working": pauses.longest(began, marks["insert"]),
            "inserting": pauses.longest(marks["insert"], marks["inserted"] + 1.0),
            "empty": empty.longest(at, at + 1.0),
        }
        stage.studio.previewing.enabled = True
        stage.close(document)
        yield 500
    KritaTarget.insert = insert
    return found
