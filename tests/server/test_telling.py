# SPDX-License-Identifier: Apache-2.0
"""What the engine and its worker tell may fail; the work it is about must not."""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from scumble.server import channel, engine, messages, worker
from scumble.server.streams import SafeStream
from scumble.server.worker import EngineSocket, LogToEngine

ODD = os.fsdecode(b"caf\xe9")
"""A file's name as a disk of the nineties has it."""


def decoded_message(message: channel.ToEngine) -> object:
    ((decoded, _),) = channel.Unpacker().feed(channel.pack(message))
    return decoded


def test_a_name_that_is_not_utf8_travels_as_an_escape() -> None:
    """The worker died of an error message with such a name in it, twice, and the picture had failed for good."""
    decoded = decoded_message(channel.Failed("j", "internal", f"{ODD} cannot be read", ""))
    assert isinstance(decoded, channel.Failed)
    assert decoded.message == "caf\\udce9 cannot be read"
    note = decoded_message(channel.Note(30, ODD))
    assert isinstance(note, channel.Note)
    assert note.text == "caf\\udce9"


def test_a_header_with_such_a_name_is_sent() -> None:
    """Where the cache lay in such a folder every status was answered with "the engine has a bug"."""
    assert messages.encode({"type": "status", "log": f"/home/{ODD}/engine.log", "devices": [{ODD: 1}]}).decode()


def test_a_log_message_with_a_mistake_in_it_fails_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        record = logging.LogRecord("m", logging.WARNING, "", 1, "%d pictures", ("many",), None)
        LogToEngine(EngineSocket(ours)).emit(record)
        record = logging.LogRecord("m", logging.WARNING, "", 1, "%d pictures", (7,), None)
        LogToEngine(EngineSocket(ours)).emit(record)
        ((note, _),) = channel.Unpacker().feed(theirs.recv(4096))
        assert note == channel.Note(logging.WARNING, "7 pictures")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_what_a_method_prints_is_lost_where_it_cannot_be_written_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method's print to a log on a full disk raised, and the picture failed with "a bug"."""
    full = open("/dev/full", "w")  # noqa: SIM115 - closing it fails as well
    monkeypatch.setattr(sys, "stdout", SafeStream(full))
    print("step 1 of 60", flush=True)
    monkeypatch.setattr(sys, "stdout", SafeStream(None))
    print("step 2 of 60", flush=True)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", SafeStream(closed))
    print("step 3 of 60", flush=True)


def test_what_a_method_prints_in_letters_that_the_log_has_not_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(tmp_path / "log", "w", encoding="latin-1") as file:
        monkeypatch.setattr(sys, "stdout", SafeStream(file))
        print("日本 café", flush=True)
    assert (tmp_path / "log").read_bytes() == "\\u65e5\\u672c café\n".encode("latin-1")


def test_an_engine_whose_log_cannot_be_opened_works_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ended with a traceback instead."""
    (tmp_path / "engine.log").mkdir()
    root = logging.getLogger()
    before, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    try:
        engine._log_to(tmp_path, verbose=False)
        logging.getLogger("scumble").warning("hello")
        assert "hello" in capsys.readouterr().err
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.raiseExceptions = raising


def test_what_keeps_methods_from_loading_is_reported_once_and_by_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.registry, "failures", {})
    assert worker.problems() == []
    monkeypatch.setattr(worker.registry, "failures", {"oil": "oil does not load (SyntaxError: no)"})
    assert worker.problems() == ["oil does not load (SyntaxError: no)"]
    monkeypatch.setitem(sys.modules, "torch", None)
    (reason,) = worker.problems()
    assert reason.startswith("torch does not load (")
