# SPDX-License-Identifier: Apache-2.0
"""Runs inside Krita's own kritarunner: one function a job, and `main`, which writes what each reports to a file as JSON.

Invariant: jobs only look and report; the tests outside judge. A job that raises reports its traceback.
"""

from __future__ import annotations

import importlib
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

from krita import Krita
from PyQt5.QtCore import QByteArray
from PyQt5.QtWidgets import QApplication

SECONDS = 60


class Bench:
    """A studio on the real host, driven by hand, with documents to paint in."""

    def __init__(self) -> None:
        from scumble.krita_host import KritaHost
        from scumble.scumble_client.desk.settings import Settings
        from scumble.studio import Studio

        self.krita = Krita.instance()
        self.krita.setBatchmode(True)
        self.host = KritaHost()
        self.studio = Studio(self.host)
        self.settings = Settings(method="invert")
        self.studio.choose(style="test-style", method="invert")

    def document(self, width: int, height: int, model: str = "RGBA", depth: str = "U8", profile: str = "") -> Any:
        document = self.krita.createDocument(width, height, "test", model, depth, profile, 72.0)
        document.setBatchmode(True)
        return document

    def layer(
        self, document: Any, name: str, pixels: bytes, x: int, y: int, width: int, height: int, parent: Any = None
    ) -> Any:
        node = document.createNode(name, "paintlayer")
        node.setPixelData(QByteArray(pixels), x, y, width, height)
        (parent or document.rootNode()).addChildNode(node, None)
        document.refreshProjection()
        document.waitForDone()
        return node

    def run(self, until: Any = None) -> None:
        """Tick until the studio rests (or `until` comes true)."""
        deadline = time.monotonic() + SECONDS
        while self.studio.busy if until is None else not until():
            if time.monotonic() > deadline:
                raise TimeoutError(self.studio.report)
            self.studio.tick()
            QApplication.processEvents()
            time.sleep(0.002)

    def paint(self, document: Any, *nodes: Any, **settings: Any) -> list[Any]:
        """Paint layers; the layers that have come."""
        before = {node.uniqueId().toString() for node in every(document)}
        self.studio.choose(**settings)
        self.studio.paint(self.host.these(document, list(nodes)))
        self.run()
        document.waitForDone()
        return [node for node in every(document) if node.uniqueId().toString() not in before and node.type() == "paintlayer"]


def every(document: Any) -> list[Any]:
    nodes = []
    todo = list(document.topLevelNodes())
    while todo:
        node = todo.pop()
        nodes.append(node)
        todo += node.childNodes()
    return nodes


def at(node: Any, x: int, y: int) -> list[int]:
    """The bytes of a pixel."""
    return list(bytes(node.pixelData(x, y, 1, 1)))


def facts(node: Any) -> dict[str, Any]:
    bounds = node.bounds()
    return {
        "name": node.name(),
        "type": node.type(),
        "space": [node.colorModel(), node.colorDepth(), node.colorProfile()],
        "bounds": [bounds.x(), bounds.y(), bounds.width(), bounds.height()],
        "children": [child.type() for child in node.childNodes()],
    }


def main(arguments: list[str]) -> None:
    """`arguments`: the file to write, then module:function names."""
    results: dict[str, Any] = {}
    try:
        bench = Bench()
        for job in arguments[1:]:
            module, name = job.split(":")
            began = time.monotonic()
            try:
                results[name] = getattr(importlib.import_module(module), name)(bench)
            except Exception:
                results[name] = {"error": traceback.format_exc() + bench.studio.report}
            results[name]["seconds"] = time.monotonic() - began
        bench.studio.close()
    except Exception:
        results["error"] = traceback.format_exc()
    draft = Path(arguments[0] + ".part")
    draft.write_text(json.dumps(results))
    draft.rename(arguments[0])
    os._exit(0)  # kritarunner itself would say 0 whatever happened, and take its time to go
