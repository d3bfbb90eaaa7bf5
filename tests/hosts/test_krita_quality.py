# SPDX-License-Identifier: Apache-2.0
"""Pictures that get better while one looks, in the Krita plug-in's model."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.krita_doubles import Host, Session, event, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


def unfinished(studio: Any, session: Session) -> Any:
    """The engine shows what it has so far."""
    raster = module("scumble_client.raster").Raster(4, 3, "u8", "bgra", bytes(48))
    session.says.append(event("Preview", f"job{len(session.requests)}", raster))
    ticks(studio)
    return raster


def test_a_draft_asks_for_nothing_that_older_engines_do_not_know(studio: Any, session: Session) -> None:
    studio.paint()
    ticks(studio)
    assert (session.requests[0].quality, session.requests[0].seconds) == (None, None)
    assert not session.requests[0].previews


def test_a_good_picture_is_asked_for_with_its_limit_and_shown_on_the_way(studio: Any, session: Session, host: Host) -> None:
    studio.choose(quality="good")
    studio.paint()
    ticks(studio)
    asked = session.requests[0]
    assert (asked.quality, asked.seconds, asked.previews) == ("good", 60.0, True)
    assert not studio.easel.keepable
    shown = unfinished(studio, session)
    assert studio.previewing.picture is shown
    assert studio.easel.keepable
    finish(studio, session)
    assert host.inserted == ["The Night 100 %, good"]


def test_what_is_shown_can_be_kept_once(studio: Any, session: Session, host: Host) -> None:
    studio.choose(quality="best")
    studio.paint()
    ticks(studio)
    studio.keep()
    assert not session.kept  # there is nothing to keep yet
    unfinished(studio, session)
    studio.keep()
    studio.keep()
    assert session.kept == ["job1"]
    assert not studio.easel.keepable
    session.says.append(event("Progress", "job1", "running", 0, 0.4, "step 3 of 9"))
    ticks(studio)
    assert "keeping" in studio.standing.text
    finish(studio, session)
    assert host.inserted == ["The Night 100 %, best"]


def test_the_time_left_is_said(studio: Any, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    studio.choose(quality="good")
    studio.paint()
    ticks(studio)
    now = 100.0
    monkeypatch.setattr(module("scumble_client.desk.words").time, "monotonic", lambda: now)
    for fraction in (0.1, 0.2, 0.3):
        session.says.append(event("Progress", "job1", "running", 0, fraction, "512 x 384, step 3 of 9"))
        studio.easel.hear(session.says.pop())
        now += 6.0
    assert studio.standing.text.endswith("painting, about 40 s left")
