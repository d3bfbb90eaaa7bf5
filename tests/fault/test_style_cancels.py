# SPDX-License-Identifier: Apache-2.0
"""A style whose storing is cancelled: its client hears what is on the disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble.library.styles import StyleStore
from support.engine import Engine, Peer, running, wait_for
from support.pictures import picture

RASTER = {"width": 48, "height": 64, "format": "u8", "order": "rgba"}


@pytest.fixture
def slow() -> Path:
    """While this file is there, no style gets stored."""
    path = Path(os.environ["SCUMBLE_DATA_DIR"]) / "slow"
    path.touch()
    return path


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running(style=False, first="import scumble_broken_styles") as started:
        yield started


def put(peer: Peer, name: str) -> str:
    job = secrets.token_hex(16)
    assert peer.ask("style.put", job=job, name=name, raster=RASTER)["type"] == "accepted"
    peer.send_rows(job, picture())
    peer.next("progress", job=job, state="running")
    return job


def own() -> list[str]:
    return [style.id for style in StyleStore().list() if style.own]


def test_a_style_that_is_being_stored_is_stored_and_one_that_waits_is_not(engine: Engine, slow: Path) -> None:
    """Its client heard that it was cancelled, and yet the style was there."""
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        first, second = put(peer, "First"), put(peer, "Second")
        for job in (first, second):
            assert control.ask("cancel", job=job)["type"] == "cancelling"
        assert peer.finish(second)[0]["type"] == "cancelled"
        slow.unlink()
        kept = peer.finish(first)[0]
        assert (kept["type"], kept["style"]) == ("style", "first@1")
        assert own() == ["first"]


def test_an_engine_that_ends_tells_that_a_style_was_stored(engine: Engine, slow: Path) -> None:
    with engine.peer() as peer, engine.control() as control:
        job = put(peer, "First")
        control.ask("shutdown")
        wait_for(lambda: control.ask("ping")["state"] == "stopping")
        slow.unlink()
        assert peer.finish(job)[0]["type"] == "style"
        assert engine.process.wait(60) == 0
        assert own() == ["first"]
