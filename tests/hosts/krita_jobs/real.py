# SPDX-License-Identifier: Apache-2.0
"""A photograph painted by a trained network in a whole Krita; the pictures of the screen are the manual's."""

from __future__ import annotations

import os

from driver import Scenario, Stage
from scumble.settings import Settings


def photograph(stage: Stage) -> Scenario:
    """The photograph at SCUMBLE_TEST_PHOTO in the style of The Starry Night."""
    document = stage.krita.openDocument(os.environ["SCUMBLE_TEST_PHOTO"])
    stage.krita.activeWindow().addView(document)
    document.setBatchmode(True)
    yield lambda: stage.studio.host.layers()
    stage.tidy()
    stage.studio.take_up(Settings(style="starry-night", method="johnson"))
    stage.studio.wake()
    yield lambda: stage.studio.previewing.picture is not None and not stage.studio.previewing.active
    preview = stage.studio.previewing
    stage.panel.button.click()
    yield lambda: not stage.studio.busy
    yield 600
    stage.krita.action("zoom_to_fit").trigger()
    stage.panel.preview.grab()
    yield 800
    stage.shoot("photograph")
    stage.docker.grab().save(str(stage.shots / "docker-alone.png"))
    top = document.topLevelNodes()[-1]
    found = {
        "names": [node.name() for node in document.topLevelNodes()],
        "differs": bytes(top.pixelData(0, 0, 64, 64)) != bytes(document.topLevelNodes()[0].pixelData(0, 0, 64, 64)),
        "opaque": bytes(top.pixelData(100, 100, 1, 1))[3],
        "preview": bytes(preview.picture.data) != bytes(preview.original.data),
        "status": stage.panel.status.text(),
    }
    stage.close(document)
    return found
