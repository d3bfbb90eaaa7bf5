# SPDX-License-Identifier: Apache-2.0
"""A refinement while nobody is there: what a painter's program asked for waits, what a command asked for goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_refinement import SLACK, ask, put, recorded, start, starts

from scumble.library.styles import StyleStore
from support.engine import Engine, wait_for


@pytest.fixture
def engine() -> Iterator[Engine]:
    with start("--refine") as started:
        yield started


@pytest.fixture
def data() -> Path:
    return Path(os.environ["SCUMBLE_DATA_DIR"])


def test_a_refinement_waits_once_the_last_program_is_closed_and_goes_on_with_the_next(engine: Engine, data: Path) -> None:
    """It went on at half a core after the painter had closed her program, and she wondered what her laptop was doing."""
    (data / "slowly").touch()
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: engine.status()["refining"] == "sea@1")
    wait_for(lambda: engine.status()["refining"] is None, 10 * SLACK)
    assert recorded() == "wanted"
    with engine.peer(host="command line"):
        time.sleep(1.0)
        assert engine.status()["refining"] is None, "a command that only paints does not mind it"
    (data / "slowly").unlink()
    with engine.peer() as peer:
        wait_for(lambda: ask(peer, "status")["state"] == "done", 15.0 * SLACK)
    assert starts(data)[-1] > 0, "from its checkpoint"


def test_a_refinement_that_a_command_asked_for_goes_on_when_the_command_has_ended(engine: Engine, data: Path) -> None:
    """`scumble styles add` returns at once, and leaves the rest to the engine's idle time."""
    with engine.peer(host="command line") as peer:
        put(peer)
    wait_for(lambda: StyleStore().get("sea").revision == 2, 15.0 * SLACK)
