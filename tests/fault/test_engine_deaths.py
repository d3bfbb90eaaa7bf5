# SPDX-License-Identifier: Apache-2.0
"""The engine itself is killed, or started several times at once: clients hear, come back, and find one engine."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from scumble.client.blocking import Engine as Client
from scumble.client.errors import EngineError
from scumble.client.events import Done, Event, Failed, Lost, Progress, Recovered, Request
from scumble.client.locate import read_connection, start_engine
from scumble.client.raster import Raster
from scumble.client.session import Session
from support.engine import STYLE, SUPPORT, TEST_METHODS, add_style, alive, environment, running, wait_for
from support.pictures import picture

SLACK = 3
PIXELS = picture(40, 30)


def raster(pixels: np.ndarray = PIXELS) -> Raster:
    return Raster(pixels.shape[1], pixels.shape[0], "u8", "rgba", pixels)


def request(method: str = "invert", pixels: np.ndarray = PIXELS, **options: float | str) -> Request:
    return Request(raster(pixels), [(STYLE, 1.0)], method, options=options)


def inverted(result: Raster, pixels: np.ndarray = PIXELS) -> bool:
    painted = np.frombuffer(result.data, np.uint8).reshape(pixels.shape)
    return bool((painted[..., :3] == 255 - pixels[..., :3]).all())


def pump_until(session: Session, kind: type[Event], seconds: float, **fields: object) -> list[Event]:
    """Everything that happens up to an event of `kind` with these fields, which comes last."""
    events: list[Event] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for event in session.pump(0.2):
            events.append(event)
            if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                return events
    raise TimeoutError(f"no {kind.__name__} within {seconds} s, only {[type(e).__name__ for e in events]}")


@pytest.fixture
def start_command(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets clients start engines with test methods; the last one of them is ended after the test."""
    add_style()
    monkeypatch.setenv("SCUMBLE_PLUGINS", TEST_METHODS)
    monkeypatch.setenv("SCUMBLE_ENGINE", shlex.join(["env", f"PYTHONPATH={SUPPORT}", sys.executable, "-m", "scumble.server"]))
    yield
    connection = read_connection()
    if connection is not None:
        os.kill(connection.pid, signal.SIGTERM)
        wait_for(lambda: not alive(connection.pid), 5 * SLACK)


def test_a_client_reports_a_killed_engine_and_has_its_job_done_by_the_next() -> None:
    session = Session()
    with running() as first:
        job = session.submit(request("slow", seconds=2.0))
        pump_until(session, Progress, 60, state="running")
        worker = first.status()["worker"]["pid"]
        first.process.kill()
        began = time.monotonic()
        reported = pump_until(session, Lost, 5 * SLACK)[-1]
        assert isinstance(reported, Lost)
        assert reported.code == "engine-lost"
        assert reported.message
        assert reported.hint
        wait_for(lambda: not alive(worker), max(0.1, began + 3 * SLACK - time.monotonic()))
    with running():
        events = pump_until(session, Done, 60, job=job)
        assert any(isinstance(event, Recovered) for event in events)
        assert isinstance(events[-1], Done)
        assert inverted(events[-1].raster)
    session.close()


def test_a_blocking_call_ends_when_its_engine_is_killed_and_the_next_call_succeeds() -> None:
    with running() as first, Client.attach(start=False) as client:
        with pytest.raises(EngineError) as caught:
            client.stylize(raster(), [(STYLE, 1.0)], "slow", options={"seconds": 60.0}, on_progress=killer(first.process))
        assert caught.value.code == "engine-lost"
        with running():
            assert inverted(client.stylize(raster(), [(STYLE, 1.0)], "invert").raster)


def killer(process: subprocess.Popen[bytes]) -> Callable[[Progress], None]:
    def kill(progress: Progress) -> None:
        if progress.state == "running":
            process.kill()

    return kill


def test_a_job_in_whose_middle_two_engines_ended_is_not_given_to_a_third() -> None:
    session = Session()
    job = session.submit(request("slow", seconds=60.0))
    for _ in range(2):
        with running() as engine:
            pump_until(session, Progress, 60, state="running")
            engine.process.kill()
            engine.process.wait()
    with running() as engine:
        end = pump_until(session, Failed, 60, job=job)[-1]
        assert isinstance(end, Failed)
        assert end.code == "engine-lost"
        assert engine.status()["finished"] == 0
    session.close()


@pytest.mark.usefixtures("start_command")
def test_a_client_starts_another_engine_when_the_one_it_started_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is killed stays a zombie while the program that started it, its parent, lives and does not look.

    Such a process still takes signals, so it counted as alive: its connection file was believed, nothing answered there,
    and the painter's host could not start another engine before it was started again itself.
    """
    monkeypatch.setattr("scumble.client.dialer.RELAUNCH", 1.0)
    session = Session(launch=start_engine)
    job = session.submit(request())
    pump_until(session, Done, 60, job=job)
    connection = read_connection()
    assert connection is not None
    os.kill(connection.pid, signal.SIGKILL)
    wait_for(lambda: not alive(connection.pid))
    assert read_connection() is None
    job = session.submit(request())
    end = pump_until(session, Done, 60, job=job)[-1]
    assert isinstance(end, Done)
    assert inverted(end.raster)
    session.close()


@pytest.mark.usefixtures("start_command")
def test_engines_killed_at_any_moment_cost_their_client_time_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it starts, takes 4 MB of pixels in, runs or hands the result out: the test does not know which."""
    monkeypatch.setattr("scumble.client.dialer.RELAUNCH", 1.0)
    rng = random.Random(3)
    pixels = picture(1000, 1000)
    session = Session(launch=start_engine)
    for _ in range(5):
        job = session.submit(request("invert", pixels))
        until = time.monotonic() + rng.uniform(0.0, 1.0)
        while time.monotonic() < until:
            session.pump(0.01)
        connection = read_connection()
        if connection is not None:
            os.kill(connection.pid, signal.SIGKILL)
        if session.holds(job):
            end = pump_until(session, Done, 60, job=job)[-1]
            assert isinstance(end, Done)
            assert inverted(end.raster, pixels)
    session.close()


def test_of_five_engines_started_at_once_one_stays() -> None:
    processes = [subprocess.Popen([sys.executable, "-m", "scumble.server"], env=environment()) for _ in range(5)]
    try:
        wait_for(lambda: sum(p.poll() is None for p in processes) == 1, 10 * SLACK)
        (winner,) = [p for p in processes if p.poll() is None]
        assert [p.returncode for p in processes if p is not winner] == [75] * 4
        wait_for(lambda: read_connection() is not None)
        with Client.attach(start=False) as client:
            assert client.status()["pid"] == winner.pid
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.usefixtures("start_command")
def test_five_clients_that_need_an_engine_at_once_share_one(user_folders: Path) -> None:
    program = (
        "import json; from scumble.client.blocking import Engine\n"
        "with Engine.attach(timeout=90) as engine:\n"
        "    engine.catalogue()\n"
        "    print(json.dumps(engine.welcome.pid))"
    )
    clients = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(5)]
    pids = {json.loads(client.communicate(timeout=100)[0]) for client in clients}
    assert [client.returncode for client in clients] == [0] * 5
    assert len(pids) == 1
    mine = str(user_folders)
    engines = [
        p.pid
        for p in psutil.process_iter(["cmdline", "environ"])
        if "scumble.server" in (p.info["cmdline"] or ())
        and (p.info["environ"] or {}).get("SCUMBLE_RUNTIME_DIR", "").startswith(mine)
    ]
    assert set(engines) == pids


@pytest.mark.usefixtures("start_command")
def test_what_an_engine_that_was_killed_left_behind_is_no_engine() -> None:
    with running() as engine:
        engine.process.kill()
        engine.process.wait()
    assert (engine.runtime / "engine.json").exists()
    assert read_connection() is None
    with Client.attach() as client:
        assert client.welcome is not None
        assert client.welcome.pid != engine.process.pid
        assert inverted(client.stylize(raster(), [(STYLE, 1.0)], "invert").raster)
