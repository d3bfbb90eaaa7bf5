# SPDX-License-Identifier: Apache-2.0
"""Drives a whole Krita from inside, as a plug-in of its own that only test users have.

Invariant: a scenario is a generator that yields milliseconds to wait, or a condition to wait for, so that Krita's event loop
runs in between as it does for a painter. What each returns, or its traceback, ends up in the report.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from krita import Krita
from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QApplication, QDockWidget

Scenario = Generator[int | Callable[[], Any], None, dict[str, Any]]
STEP = 20
PATIENCE = 90
"""Seconds until a condition counts as never coming true."""


class Stage:
    """What scenarios have at hand: Krita, its window, the plug-in's studio and panel."""

    def __init__(self) -> None:
        self.krita = Krita.instance()
        self.shots = Path(os.environ["SCUMBLE_TEST_SHOTS"])

    @property
    def studio(self) -> Any:
        from scumble.clock import studio

        return studio()

    @property
    def docker(self) -> Any:
        window = self.krita.activeWindow()
        return next(docker for docker in window.dockers() if docker.objectName() == "scumble_docker")

    @property
    def panel(self) -> Any:
        return self.docker.widget()

    def document(
        self, width: int, height: int, value: tuple[int, ...] = (10, 20, 30, 255), depth: str = "U8", profile: str = ""
    ) -> Any:
        """A new document in a view of its own, with one painted layer."""
        from PyQt5.QtCore import QByteArray

        document = self.krita.createDocument(width, height, "test", "RGBA", depth, profile, 72.0)
        self.krita.activeWindow().addView(document)
        document.setBatchmode(True)
        node = document.createNode("layer", "paintlayer")
        if depth in ("F16", "F32"):
            pixel = struct.pack("<4e" if depth == "F16" else "<4f", *(v / 255 for v in value))
        else:
            pixel = bytes(v for v in value for _ in range({"U8": 1, "U16": 2}[depth]))
        node.setPixelData(QByteArray(pixel * width * height), 0, 0, width, height)
        document.rootNode().addChildNode(node, None)
        document.waitForDone()
        return document

    def shown(self, document: Any) -> Callable[[], bool]:
        """Whether the new document is the active one and its layer chosen; it takes Krita a moment."""
        return lambda: [layer.name for layer in self.studio.host.layers() if layer.document == document] == ["layer"]

    def shoot(self, name: str) -> None:
        """A picture of the whole screen."""
        self.krita.activeWindow().qwindow().screen().grabWindow(0).save(str(self.shots / f"{name}.png"))

    def tidy(self) -> None:
        """Nothing beside the canvas but layers and the docker; Krita shows its own set with the first document."""
        for docker in self.krita.activeWindow().dockers():
            docker.setVisible(docker.objectName() in ("KisLayerBox", "scumble_docker"))
        self.docker.raise_()
        window = self.krita.activeWindow().qwindow()
        docks = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        shares = [600 if dock.objectName() == "scumble_docker" else 200 for dock in docks]
        window.resizeDocks(docks, shares, Qt.Orientation.Vertical)

    def close(self, document: Any) -> None:
        document.setModified(False)
        document.close()


class Driver:
    """Plays what it finds in SCUMBLE_TEST_INBOX: N.json names scenarios ("module:function") and what to set in the environment;
    what they report goes to N.report, and N.done says that all were played. Then N + 1, until one says to quit."""

    def __init__(self) -> None:
        self.inbox, self.number = Path(os.environ["SCUMBLE_TEST_INBOX"]), 0
        self.names: list[str] = []
        self.report: dict[str, Any] = {}
        self.running: Scenario | None = None
        self.waiting: Callable[[], Any] | None = None
        self.deadline = self.began = 0.0

    def begin(self) -> None:
        window = Krita.instance().activeWindow()
        if window is None or not window.qwindow().isVisible() or not window.dockers():
            QTimer.singleShot(STEP, self.begin)
            return
        self.stage = Stage()
        Krita.instance().activeWindow().qwindow().showMaximized()
        self.listen()

    def listen(self) -> None:
        """Wait for what is to be played next."""
        asked = self.inbox / f"{self.number + 1}.json"
        if not asked.exists():
            QTimer.singleShot(STEP, self.listen)
            return
        wanted = json.loads(asked.read_text())
        self.number += 1
        if wanted.get("quit"):
            self.quit()
            return
        os.environ.update(wanted["environment"])
        self.names, self.report = wanted["scenarios"], {}
        self.next()

    def next(self) -> None:
        if not self.names:
            (self.inbox / f"{self.number}.done").touch()
            self.listen()
            return
        module, name = self.names[0].split(":")
        self.began = time.monotonic()
        try:
            self.running = getattr(importlib.import_module(module), name)(self.stage)
        except Exception:
            self.end({"error": traceback.format_exc()})
            return
        QTimer.singleShot(0, self.step)

    def step(self) -> None:
        try:
            if self.waiting is not None and not self.waiting():
                if time.monotonic() > self.deadline:
                    raise TimeoutError(f"it did not come true; {self.stage.studio.report}")
                QTimer.singleShot(STEP, self.step)
                return
            wanted = next(self.running)
        except StopIteration as e:
            self.end(e.value or {})
            return
        except Exception:
            self.stage.shoot(f"error-{self.names[0].split(':')[1]}")
            if QApplication.activeModalWidget() is not None:  # it would stop the others too
                QApplication.activeModalWidget().close()
            self.end({"error": traceback.format_exc()})
            return
        self.waiting = wanted if callable(wanted) else None
        self.deadline = time.monotonic() + PATIENCE
        QTimer.singleShot(STEP if self.waiting else wanted, self.step)

    def end(self, report: dict[str, Any]) -> None:
        self.waiting = None
        self.report[self.names.pop(0).split(":")[1]] = {**report, "seconds": time.monotonic() - self.began}
        (self.inbox / f"{self.number}.report").write_text(json.dumps(self.report))
        QTimer.singleShot(0, self.next)

    def quit(self) -> None:
        for document in Krita.instance().documents():
            document.setModified(False)
        QApplication.processEvents()
        Krita.instance().action("file_quit").trigger()


DRIVER = Driver()


def install() -> None:
    """Begin when the first window is there."""
    notifier = Krita.instance().notifier()
    notifier.setActive(True)
    notifier.windowCreated.connect(lambda: QTimer.singleShot(200, DRIVER.begin))
