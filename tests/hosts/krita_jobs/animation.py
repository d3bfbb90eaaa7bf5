# SPDX-License-Identifier: Apache-2.0
"""An animated layer painted by a trained network in a whole Krita, with frames kept steady and without."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from driver import Scenario, Stage
from scumble.scumble_client.desk.settings import Settings
from window import idle, key_frame, names, trained_engine, undo_once


def film(stage: Stage) -> Scenario:
    """The frames in SCUMBLE_TEST_FRAMES (BGRA, of SCUMBLE_TEST_SIZE) lie on every second frame of a layer; what is painted of
    them is written beside the file, as steady.bgra and loose.bgra."""
    yield from trained_engine(stage)
    path = Path(os.environ["SCUMBLE_TEST_FRAMES"])
    width, height = map(int, os.environ["SCUMBLE_TEST_SIZE"].split("x"))
    size, data = 4 * width * height, path.read_bytes()
    frames = [data[i : i + size] for i in range(0, len(data), size)]
    document = stage.document(width, height)
    yield stage.shown(document)
    node = document.nodeByName("layer")
    node.enableAnimation()
    times = [2 * i for i in range(len(frames))]
    document.setFullClipRangeEndTime(times[-1])
    yield 200
    for time, pixels in zip(times, frames, strict=True):
        yield from key_frame(stage, document, node, time)
        node.setPixelData(pixels, 0, 0, width, height)
    document.setCurrentTime(0)
    document.waitForDone()
    yield 300
    stage.tidy()
    stage.studio.take_up(Settings(style="starry-night", method="johnson"))
    report: dict[str, Any] = {"menu": stage.panel.steady.isChecked()}
    for name in ("steady", "loose"):
        stage.panel.steady.setChecked(name == "steady")
        stage.krita.action("scumble_frames").trigger()
        yield idle(stage)
        report[name] = [names(document), stage.studio.standing.text]
        result = document.topLevelNodes()[-1]
        painted = b"".join(bytes(result.pixelDataAtTime(0, 0, width, height, time)) for time in times)
        path.with_name(f"{name}.bgra").write_bytes(painted)
        yield undo_once(stage, document)
    stage.panel.steady.setChecked(True)
    stage.close(document)
    return report
