# SPDX-License-Identifier: Apache-2.0
"""An engine that runs and can paint nothing: torch does not load, its worker does not start, its files are gone."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import scumble
from scumble.cli import doctor
from scumble.cli.app import main
from scumble.cli.exits import Exit
from scumble.client.blocking import Engine as Client
from scumble.client.errors import EngineError
from scumble.client.events import Done, Event, Request
from scumble.client.locate import read_connection, start_engine
from scumble.client.raster import Raster
from scumble.client.session import Session
from support.engine import STYLE, SUPPORT, TEST_METHODS, Engine, add_style, alive, running, wait_for
from support.pictures import picture

PIXELS = picture(24, 16)
RASTER = Raster(16, 24, "u8", "rgba", PIXELS)
LIBRARY = "libcudart.so.12: cannot open shared object file"


def stub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torch that does not load, ahead of the real one on the path."""
    package = folder / "stub" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"raise ImportError({LIBRARY!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return package


def state(engine: Engine) -> str:
    return str(engine.status()["state"])


def test_an_engine_without_torch_says_so_wherever_it_is_asked_and_works_once_torch_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It called itself ready, had no method, and said to a painter that there was "no method here" for her style."""
    package = stub(tmp_path, monkeypatch)
    with running(plugins=None, ready=False) as engine:
        monkeypatch.delenv("PYTHONPATH")
        engine.wait_listening()
        wait_for(lambda: state(engine) == "broken", 60)
        with Client.attach(start=False) as client:
            assert client.ping() == "broken"
            with pytest.raises(EngineError) as asked:
                client.catalogue()
            with pytest.raises(EngineError) as painted:
                client.stylize(RASTER, [(STYLE, 1.0)], "johnson")
        assert asked.value.code == painted.value.code == "engine-broken"
        assert asked.value.message == f"The engine could load no method: torch does not load ({LIBRARY})."
        assert "scumble doctor" in asked.value.hint
        assert main(["methods", "--json"]) == Exit.ENGINE
        assert LIBRARY in capsys.readouterr().err
        (check,) = doctor._engine()
        assert (check.state, LIBRARY in check.message) == (doctor.State.FAIL, True)
        package.rename(tmp_path / "mended")
        with engine.peer(), engine.control() as peer:  # a client that stays keeps the engine, which tries again by itself
            wait_for(lambda: peer.ask("ping")["state"] == "ready", 90)
            assert "problem" not in peer.ask("status")


def test_a_worker_that_never_starts_is_a_broken_engine_with_the_workers_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client heard that a worker had died of its picture, or waited for the engine to start until it gave up."""
    lines = [
        "import os, sys",
        "if 'scumble.server.worker' in sys.orig_argv:",
        f"    os.write(2, b'{LIBRARY}\\n')",
        "    os._exit(1)",
    ]
    (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(ready=False, limits={"BROKEN_EXIT": 1.0}) as engine:
        engine.wait_listening()
        with Client.attach(start=False) as client:
            with pytest.raises(EngineError) as caught:
                client.catalogue()
            assert caught.value.code == "engine-broken"
            assert LIBRARY in caught.value.message
            assert "exit code 1" in caught.value.message
        assert engine.process.wait(60) == 0, "nobody is here: the next use must start another"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the program whose files a test may take away, and clients that start engines from it."""
    source = Path(scumble.__file__).parent
    large = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.png")
    shutil.copytree(source, tmp_path / "program" / "scumble", ignore=large)
    add_style()
    monkeypatch.setenv("SCUMBLE_PLUGINS", TEST_METHODS)
    start_from(tmp_path / "program", monkeypatch)
    yield tmp_path / "program" / "scumble"
    connection = read_connection()
    if connection is not None:
        os.kill(connection.pid, signal.SIGTERM)
        wait_for(lambda: not alive(connection.pid))


def start_from(folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.pathsep.join([*([str(folder)] if folder else []), str(SUPPORT)])
    monkeypatch.setenv("SCUMBLE_ENGINE", shlex.join(["env", f"PYTHONPATH={path}", sys.executable, "-m", "scumble.server"]))


def finish(session: Session, job: str, seconds: float = 60.0) -> Event:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for event in session.pump(0.2):
            if isinstance(event, Done) or getattr(event, "code", ""):
                return event
    raise TimeoutError(f"the job {job} has no end")


def connected_pid() -> int:
    connection = read_connection()
    assert connection is not None
    return connection.pid


def test_an_engine_whose_files_are_gone_makes_way_for_one_that_can_paint(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade into another folder the old engine lived on without a worker: every picture failed with "the worker
    does not start" until somebody thought of `scumble stop`."""
    monkeypatch.setattr("scumble.client.dialer.RELAUNCH", 1.0)
    session = Session(launch=start_engine)
    assert isinstance(finish(session, session.submit(Request(RASTER, [(STYLE, 1.0)], "invert"))), Done)
    first = connected_pid()
    (worker,) = psutil.Process(first).children()
    copied.rename(copied.with_name("gone"))
    start_from(None, monkeypatch)
    worker.kill()
    wait_for(lambda: not alive(first) or session.pump(0.1) is None)
    assert isinstance(finish(session, session.submit(Request(RASTER, [(STYLE, 1.0)], "invert"))), Done)
    assert connected_pid() != first
    session.close()


def test_an_engine_whose_files_were_replaced_ends_after_the_picture_it_is_at(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next picture is painted by the new version, whose client it may be, and not by the old one's memory of it."""
    monkeypatch.setattr("scumble.client.dialer.RELAUNCH", 1.0)
    session = Session(launch=start_engine)
    job = session.submit(Request(RASTER, [(STYLE, 1.0)], "slow", options={"seconds": 3.0}))
    until = time.monotonic() + 60
    while not any(getattr(event, "state", "") == "running" for event in session.pump(0.2)):
        assert time.monotonic() < until
    first = connected_pid()
    code = (copied / "__init__.py").read_text()
    (copied / "new").write_text(code)
    (copied / "new").rename(copied / "__init__.py")
    assert isinstance(finish(session, job), Done)
    wait_for(lambda: not alive(first) or session.pump(0.1) is None)
    assert isinstance(finish(session, session.submit(Request(RASTER, [(STYLE, 1.0)], "invert"))), Done)
    assert connected_pid() != first
    session.close()
