# SPDX-License-Identifier: Apache-2.0
"""Scenarios in a whole Krita with engines that are killed, of another version, or absent."""

from __future__ import annotations

import os
import signal

from driver import Scenario, Stage
from scumble.scumble_client import channel, errors
from window import idle, names


def killed(stage: Stage) -> Scenario:
    """The engine is killed while it paints: another one is started, and the picture comes."""
    document = stage.document(200, 150)
    yield stage.shown(document)
    stage.studio.choose(method="slow", options={"seconds": 2.0})
    stage.krita.action("scumble_paint").trigger()
    yield lambda: stage.studio.fraction > 0.1
    first = stage.studio.session.welcome.pid
    os.kill(first, signal.SIGKILL)
    yield idle(stage)
    welcome = stage.studio.session.welcome
    stage.studio.choose(method="invert", options={})
    layers = names(document)
    status = stage.panel.status.text()
    stage.close(document)
    return {"names": layers, "another": welcome is not None and welcome.pid != first, "status": status}


def foreign(stage: Stage) -> Scenario:
    """An engine of another protocol version: reported in a sentence; a second try is made when it is asked for."""
    document = stage.document(100, 100)
    yield stage.shown(document)
    running = stage.studio.session.welcome.pid
    spoken, channel.PROTOCOL = channel.PROTOCOL, 99
    stage.studio.session._dialer.drop(errors.lost("for the test"))
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    status = stage.panel.status.text()
    stage.shoot("foreign")
    channel.PROTOCOL = spoken
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    layers = names(document)
    stage.close(document)
    attached = stage.studio.session.welcome.pid == running
    return {"status": status, "names": layers, "attached": attached}


def absent(stage: Stage) -> Scenario:
    """No engine can be started: reported in a sentence with the next thing to do, and nothing hangs."""
    document = stage.document(100, 100)
    yield stage.shown(document)
    stage.studio.stop_engine()
    yield lambda: stage.studio.session.welcome is None
    yield 300
    stopped = stage.panel.status.text()
    os.environ["SCUMBLE_ENGINE"] = "/nowhere/scumble serve"
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    status, busy = stage.panel.status.text(), stage.studio.busy
    stage.shoot("absent")
    stage.panel.copy_report()
    del os.environ["SCUMBLE_ENGINE"]
    stage.krita.action("scumble_paint").trigger()
    yield idle(stage)
    layers = names(document)
    stage.close(document)
    return {"stopped": stopped, "status": status, "busy": busy, "names": layers, "report": stage.studio.report}
