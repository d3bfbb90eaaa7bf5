# SPDX-License-Identifier: Apache-2.0
"""What nobody foresaw, inside the engine: the one who asked gets an error, and the engine goes on."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from support.engine import Engine, Peer, running
from support.pictures import picture

RASTER = {"width": 48, "height": 64, "format": "u8", "order": "rgba"}
BROKEN: dict[str, Any] = {"first": "import scumble_broken_styles"}


def broken() -> Path:
    """The file that makes everything about styles raise."""
    return Path(os.environ["SCUMBLE_DATA_DIR"]) / "broken"


def paints(engine: Engine, peer: Peer) -> bool:
    """Whether the engine still does, with the worker it had."""
    done = peer.finish(peer.submit(picture()))[0]["type"]
    return done == "done" and engine.status()["worker"]["restarts"] == 0


def test_every_request_that_meets_a_bug_in_the_styles_is_answered_and_the_engine_stays() -> None:
    """A bug in the thread that changes styles was swallowed, and the client waited forever."""
    with running(**BROKEN) as engine, engine.peer() as peer:
        job = secrets.token_hex(16)
        assert peer.ask("style.put", job=job, name="My harbour", raster=RASTER)["type"] == "accepted"
        broken().touch()
        peer.send_rows(job, picture())
        assert peer.finish(job)[0]["code"] == "internal"
        assert peer.ask("style.remove", style="my-harbour")["code"] == "internal"
        assert peer.ask("style.rename", style="my-harbour", name="Fog")["code"] == "internal"
        assert peer.ask("catalogue", page=0)["code"] == "internal"
        broken().unlink()
        assert paints(engine, peer)


def test_a_catalogue_that_waits_for_the_worker_and_then_meets_a_bug_is_refused() -> None:
    """It used to end the engine: nobody's message was being handled when the worker was ready."""
    with running(ready=False, **BROKEN) as engine:
        engine.wait_listening()
        with engine.peer() as peer:
            broken().touch()
            answer = peer.ask("catalogue", page=0)
            assert answer["code"] == "internal"
            broken().unlink()
            assert paints(engine, peer)
            assert peer.ask("catalogue", page=0)["styles"]
