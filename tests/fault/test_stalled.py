# SPDX-License-Identifier: Apache-2.0
"""Somebody stands still for a while and then goes on: swapping, a frozen container, Ctrl-Z. Silence is survived as death is.

Deadlines are shortened, so that seconds do for the minutes of docs/protocol.md.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from scumble.client import dialer
from scumble.client.blocking import Engine as Client
from scumble.client.errors import EngineError
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, environment, running, wait_for
from support.pictures import picture

PIXELS = picture(24, 16)
RASTER = Raster(16, 24, "u8", "rgba", PIXELS)
STILL = 6.0
"""Seconds: longer than every shortened deadline."""


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer, "SILENCE", 2.0)
    monkeypatch.setattr(dialer, "ABSENCE", 1.0)
    monkeypatch.setattr("scumble.client.channel.HANDSHAKE", 2.0)


def stand_still(engine: Engine, seconds: float = STILL) -> None:
    engine.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    engine.process.send_signal(signal.SIGCONT)


@pytest.mark.usefixtures("short_deadlines")
def test_an_engine_that_stood_still_costs_a_batch_nothing_but_the_time() -> None:
    """A stop of 15 s ended a batch of 200 pictures with "the engine has said nothing", though the engine's death would not
    have: a dead one is replaced, and for a silent one nobody waited."""
    with running(limits={"SILENT": 3.0}) as engine, Client.attach(start=False) as client:
        stopped = False

        def stop_once(progress: object) -> None:
            nonlocal stopped
            if not stopped and getattr(progress, "state", "") == "running":
                stopped = True
                stand_still_later(engine)

        for _ in range(3):
            done = client.stylize(RASTER, [(STYLE, 1.0)], "slow", options={"seconds": 1.0}, on_progress=stop_once)
            painted = np.frombuffer(done.raster.data, np.uint8).reshape(PIXELS.shape)
            np.testing.assert_array_equal(painted[..., :3], 255 - PIXELS[..., :3])
        status = client.status()
        assert stopped
        assert (status["finished"], status["cancelled"], status["failed"]) == (3, 0, 0)
        assert status["worker"]["restarts"] == 0, "the silence was the engine's own"


def stand_still_later(engine: Engine) -> None:
    """As `stand_still`, while the caller goes on."""
    code = f"import os, signal, time; os.kill({engine.process.pid}, signal.SIGSTOP); time.sleep({STILL})"
    code += f"; os.kill({engine.process.pid}, signal.SIGCONT)"
    subprocess.Popen([sys.executable, "-c", code])


def test_an_engine_that_stood_still_holds_no_silence_against_its_clients() -> None:
    """It cancelled the jobs of clients whose signs of life lay unread in its own socket, and replaced a healthy worker."""
    with running(limits={"SILENT": 3.0, "UNREACHABLE": 2.0, "HUNG": 4.0}) as engine, engine.peer() as peer:
        job = peer.submit(PIXELS, "slow", options={"seconds": 2.0})
        peer.next("progress", job=job, state="running")
        stand_still(engine)
        assert peer.finish(job)[0]["type"] == "done"
        status = engine.status()
        assert (status["cancelled"], status["worker"]["restarts"]) == (0, 0)


@pytest.mark.usefixtures("short_deadlines")
def test_a_client_that_comes_while_the_engine_stands_still_is_served_when_it_goes_on() -> None:
    with running() as engine:
        stand_still_later(engine)
        time.sleep(0.5)
        with Client.attach(start=False, timeout=60) as client:
            assert client.ping() == "ready"


@pytest.mark.usefixtures("short_deadlines")
def test_an_engine_that_stands_still_for_good_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer, "STALLED", 6.0)
    with running() as engine, Client.attach(start=False) as client:
        engine.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(EngineError) as caught:
                client.stylize(RASTER, [(STYLE, 1.0)], "invert")
        finally:
            engine.process.send_signal(signal.SIGCONT)
        assert caught.value.code == "engine-lost"
        assert client.ping() == "ready", "and found again afterwards"


CLIENT = f"""
from scumble.client.blocking import Engine
from scumble.client.raster import Raster
with Engine.attach(start=False) as engine:
    done = engine.stylize(Raster(2, 2, "u8", "rgba", bytes(16)), [("{STYLE}", 1.0)], "slow", options={{"seconds": 2.0}})
print("painted")
"""


def test_a_client_that_was_stopped_for_longer_than_the_engine_waits_submits_its_job_again() -> None:
    """After Ctrl-Z and `fg` a minute later the command line said "Cancelled", and nobody had cancelled anything."""
    with running(limits={"SILENT": 3.0}) as engine:
        client = subprocess.Popen([sys.executable, "-c", CLIENT], stdout=subprocess.PIPE, env=environment())
        try:
            wait_for(lambda: engine.status()["jobs"]["running"] == 1, 60)
            client.send_signal(signal.SIGSTOP)
            wait_for(lambda: engine.status()["cancelled"] + engine.status()["finished"] == 1, 60)
            wait_for(lambda: not any(engine.status()["jobs"].values()) or engine.status()["finished"] == 1, 60)
            client.send_signal(signal.SIGCONT)
            assert client.communicate(timeout=60)[0] == b"painted\n"
        finally:
            client.kill()
            client.wait()
