# SPDX-License-Identifier: Apache-2.0
"""A photograph painted by a trained network in a whole Krita; the pictures of the screen are the manual's."""

from __future__ import annotations

from driver import Scenario, Stage
from scumble.scumble_client.desk.settings import Settings
from window import idle, names, photo, trained_engine


def photograph(stage: Stage) -> Scenario:
    """The photograph at SCUMBLE_TEST_PHOTO in the style of The Starry Night, by the engine that SCUMBLE_TEST_ENGINE starts."""
    yield from trained_engine(stage)
    document = yield from photo(stage)
    stage.studio.take_up(Settings(style="starry-night", method="johnson"))
    stage.studio.previewing.picture = None
    stage.studio.wake()
    yield lambda: stage.studio.previewing.picture is not None and not stage.studio.previewing.active
    stage.krita.action("zoom_to_fit").trigger()
    preview = stage.studio.previewing
    stage.panel.button.click()
    yield idle(stage)
    yield 2500  # for the message about the zoom to go
    stage.shoot("photograph")
    stage.docker.grab().save(str(stage.shots / "docker-alone.png"))
    top = document.topLevelNodes()[-1]
    report = {
        "names": names(document),
        "differs": bytes(top.pixelData(0, 0, 64, 64)) != bytes(document.topLevelNodes()[0].pixelData(0, 0, 64, 64)),
        "opaque": bytes(top.pixelData(100, 100, 1, 1))[3],
        "preview": bytes(preview.picture.data) != bytes(preview.original.data),
        "status": stage.panel.status.text(),
    }
    stage.studio.choose(style="great-wave", strength=0.7)
    stage.panel.button.click()
    yield idle(stage)
    stage.panel.tabs.setCurrentWidget(stage.panel.history)
    stage.panel.history.list.setCurrentRow(0)
    yield 300
    report["history"] = [stage.panel.history.list.item(row).text() for row in range(stage.panel.history.list.count())]
    stage.shoot("photograph-history")
    stage.close(document)
    return report
