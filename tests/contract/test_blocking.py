# SPDX-License-Identifier: Apache-2.0
"""The engine for scripts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fake_engine import FakeEngine
from sessions import any_raster, inverted

from scumble.cli.zmqlink import ZmqLink
from scumble.client import dialer
from scumble.client.blocking import Engine
from scumble.client.errors import EngineError
from scumble.client.events import Preview, Progress
from scumble.client.link import Link

StartFake = Callable[..., FakeEngine]


@pytest.mark.parametrize("link", [Link, ZmqLink])
def test_everything_a_script_asks_is_answered(start_fake: StartFake, link: Any) -> None:
    start_fake()
    raster, events = any_raster(300, 200), list[Any]()
    with Engine.attach(start=False, link=link) as engine:
        assert engine.ping() == "ready"
        assert [m.id for m in engine.catalogue().methods] == ["invert"]
        finished = engine.stylize(raster, [("s0", 1.0)], "invert", on_progress=events.append, on_preview=events.append)
        assert bytes(finished.raster.data) == inverted(raster)
        assert (finished.styles, finished.seconds, finished.device) == (("s0@1",), 0.5, "cpu")
        assert {type(event) for event in events} == {Progress, Preview}
        assert engine.put_style("Mine", raster) == "put@1"
        assert engine.rename_style("s0", " Fog ") == "Fog"
        engine.remove_style("s0")
        assert engine.refine_style("s0", "status")["state"] == "running"
        assert engine.status()["state"] == "ready"
        assert engine.welcome is not None
        engine.shutdown()


def test_an_engine_that_is_not_there_is_missed_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(EngineError) as caught:
        Engine.attach(start=False)
    assert caught.value.code == "engine-missing"
    assert time.monotonic() - began < 2


def test_progress_may_cancel(start_fake: StartFake) -> None:
    fake = start_fake(running=False)
    with Engine.attach(start=False) as engine:
        with pytest.raises(EngineError) as caught:
            engine.stylize(any_raster(), [("s0", 1.0)], "invert", on_progress=lambda progress: False)
        assert caught.value.code == "cancelled"
        assert [job.state for job in fake.jobs.values()] == ["cancelled"]


def test_an_interrupted_call_leaves_no_job_behind(start_fake: StartFake) -> None:
    fake = start_fake(running=False)

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with Engine.attach(start=False) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.stylize(any_raster(), [("s0", 1.0)], "invert", on_progress=interrupt)
        assert [job.state for job in fake.jobs.values()] == ["cancelled"]


def test_an_engine_lost_on_the_way_is_an_error_and_its_successor_is_used(
    start_fake: StartFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "ABSENCE", 0.3)
    first = start_fake(running=False)
    with Engine.attach(start=False) as engine:
        with pytest.raises(EngineError) as caught:
            engine.stylize(any_raster(), [("s0", 1.0)], "invert", on_progress=lambda _: first.stop())
        assert caught.value.code == "engine-lost"
        start_fake()
        raster = any_raster()
        assert bytes(engine.stylize(raster, [("s0", 1.0)], "invert").raster.data) == inverted(raster)


def test_an_engine_that_never_gets_ready_is_not_waited_for_for_ever(start_fake: StartFake) -> None:
    start_fake(state="starting")
    with Engine.attach(start=False, timeout=0.5) as engine:
        assert engine.ping() == "starting"
        with pytest.raises(EngineError) as caught:
            engine.catalogue()
        assert caught.value.code == "engine-lost"
        assert "starts" in caught.value.message
