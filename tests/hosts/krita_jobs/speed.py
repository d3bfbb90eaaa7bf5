# SPDX-License-Identifier: Apache-2.0
"""What a large layer costs a painter, measured in a whole Krita (make bench)."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from statistics import median
from typing import Any

import scumble.live as scumble_live
from driver import Scenario, Stage
from hand import Hand
from PyQt5.QtCore import QTimer
from scumble.krita_layers import KritaTarget
from scumble.krita_live import KritaLive
from scumble.scumble_client.desk.settings import Settings
from scumble.scumble_client.desk.sizes import WORKING_SIDE
from strokes import BRUSH, choose

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
    report: dict[str, Any] = {}
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
    depths = (("U8", SRGB), ("U16", SRGB), ("U16 linear", LINEAR), ("F16 linear", LINEAR))
    only = os.environ.get("SCUMBLE_TEST_DEPTHS")
    for depth, profile in [(depth, profile) for depth, profile in depths if not only or depth in only.split(",")]:
        document = stage.document(4000, 3000, depth=depth.split()[0], profile=profile)
        yield stage.shown(document)
        node = document.nodeByName("layer")
        noise = os.urandom(len(node.pixelData(0, 0, 1, 1)) * 4000 * 250)  # one colour would be converted only once
        if depth.startswith("F16"):  # halves in [0, 1)
            halves = bytearray(noise)
            halves[1::2] = halves[1::2].translate(bytes(n % 0x3C for n in range(256)))
            noise = bytes(halves)
        for y in range(0, 3000, 250):
            node.setPixelData(noise, 0, y, 4000, 250)
        document.refreshProjection()
        yield 2000
        stage.studio.previewing.enabled = False
        pauses = Pauses()
        began, worked = time.monotonic(), time.process_time()
        stage.krita.action("scumble_paint").trigger()
        yield lambda: not stage.studio.busy
        took, computed = time.monotonic() - began, time.process_time() - worked
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
        report[depth] = {
            "preview": copied,
            "engine": own,
            "overhead": took - own,
            "computed": computed,
            "working": pauses.longest(began, marks["insert"]),
            "inserting": pauses.longest(marks["insert"], marks["inserted"] + 1.0),
            "empty": empty.longest(at, at + 1.0),
        }
        stage.studio.previewing.enabled = True
        stage.close(document)
        yield 500
    KritaTarget.insert = insert
    return report


def live(stage: Stage) -> Scenario:
    """Live painting on a megapixel by the engine that SCUMBLE_TEST_ENGINE starts: from a stroke to the canvas, the host's own
    part of that, and what it computes in all its threads meanwhile, seconds, twenty strokes at each size of the fast pass."""
    stage.studio.stop_engine()
    yield lambda: stage.studio.session.welcome is None
    os.environ["SCUMBLE_ENGINE"] = os.environ["SCUMBLE_TEST_ENGINE"]
    stage.studio.take_up(Settings(style="starry-night"))
    document = stage.document(1152, 896)
    yield stage.shown(document)
    yield choose(stage, BRUSH)
    stage.krita.activeWindow().activeView().canvas().setZoomLevel(0.5)
    hand, node = Hand(stage), document.nodeByName("layer")
    node.setPixelData(os.urandom(4 * 1152 * 896), 0, 0, 1152, 896)
    marks: dict[str, list[float]] = {"touched": [], "host": [], "computed": [], "shown": []}
    touch = stage.studio.live.touch
    stage.studio.live.touch = lambda: marks["touched"].append(time.monotonic()) or touch()
    read, write = KritaLive.read, KritaLive.write

    def clocked(function: Any, *given: Any) -> Any:
        began, worked = time.monotonic(), time.process_time()
        try:
            return function(*given)
        finally:
            marks["host"].append(time.monotonic() - began)
            marks["computed"].append(time.process_time() - worked)

    def written(*given: Any) -> None:
        clocked(write, *given)
        marks["shown"].append(time.monotonic())

    KritaLive.read, KritaLive.write = lambda *given: clocked(read, *given), written  # type: ignore[method-assign]
    stage.studio.canvas.start_live()
    yield lambda: stage.studio.live.passes > 1 and not stage.studio.live.awaiting  # the first ones load the networks
    report: dict[str, Any] = {}
    kept = scumble_live.REST, scumble_live.LOOK, scumble_live.SIDES
    scumble_live.REST = scumble_live.LOOK = 1e9  # only strokes begin a pass
    for side in (384, 768):
        scumble_live.SIDES = (side,)
        stage.studio.live._side = stage.studio.live._printed = side
        latency, own, computed = [], [], []
        for number in range(int(os.environ.get("SCUMBLE_TEST_STROKES", "21"))):
            y = 40 + 40 * number
            yield lambda: not stage.studio.live.awaiting
            for times in marks.values():
                times.clear()
            yield hand.quick([(200, y), (400, y), (600, y)])
            yield lambda: marks["touched"] and marks["shown"] and not stage.studio.live.awaiting
            latency.append(marks["shown"][0] - marks["touched"][0])  # since Krita has reported the stroke
            own.append(
                sum(marks["host"][-2:])
            )  # what was read for the pass, and written; before it, it may have looked in vain
            computed.append(sum(marks["computed"][-2:]))
        report[str(side)] = {"latency": median(latency[1:]), "host": median(own[1:]), "computed": median(computed[1:])}
    scumble_live.REST, scumble_live.LOOK, scumble_live.SIDES = kept
    KritaLive.read, KritaLive.write = read, write  # type: ignore[method-assign]
    del stage.studio.live.touch
    stage.studio.canvas.stop_live()
    yield 500
    stage.close(document)
    return report
