# SPDX-License-Identifier: Apache-2.0
"""Progressive pictures over the real wire: kept, cancelled, limited, and with workers killed in the middle."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

from scumble.client.blocking import Engine as Client
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, Peer
from support.pictures import picture
from support.shared_engine import shared_engine

PLUGINS = "-,scumble_test_methods,scumble_improving"
PIXELS = picture(24, 16)
PIXELS[..., :3] = 55
SECONDS = 60.0


engine, folders = shared_engine(plugins=PLUGINS)


def begin(peer: Peer, method: str = "darkening", pause: float = 0.2, **fields: Any) -> str:
    options = {"pause": pause} if method == "darkening" else {}
    return peer.submit(PIXELS, method, options=options, previews=True, **({"quality": "best"} | fields))


def light(pixels: bytes) -> int:
    """How light the picture is, which is one grey: 200 is the first answer, 0 the last."""
    rgb = np.frombuffer(pixels, np.uint8).reshape(PIXELS.shape)[..., :3]
    assert np.ptp(rgb) <= 1
    return int(rgb.max())


def preview(peer: Peer, job: str, darker_than: int = 256) -> int:
    """The next preview that is darker."""
    while True:
        brightness = light(peer.next("preview", job=job, seconds=SECONDS)["frames"][0])
        if brightness < darker_than:
            return brightness


def test_a_picture_comes_at_once_and_gets_better_to_the_end(engine: Engine) -> None:
    with engine.peer() as peer:
        job = begin(peer, pause=0.05)
        assert preview(peer, job) == 200, "the fast answer"
        assert "loss" in peer.next("progress", job=job, state="running", seconds=SECONDS)["text"]
        end, result = peer.finish(job, SECONDS)
        assert (end["type"], light(result)) == ("done", 0)
        assert light(peer.finish(begin(peer, quality="draft"), SECONDS)[1]) == 200


def test_keep_ends_a_job_with_the_picture_that_is_shown(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = begin(peer, pause=0.5)
        shown = preview(peer, job, darker_than=200)
        assert control.ask("keep", job=job) == {"type": "keeping", "re": 1, "job": job, "frames": []}
        end, result = peer.finish(job, SECONDS)
        assert end["type"] == "done"
        assert 0 < light(result) <= shown
        assert control.ask("keep", job="0" * 32)["code"] == "job-unknown"
        assert control.ask("keep", job=job)["type"] == "keeping", "of a job that is done it changes nothing"


def test_a_job_that_is_kept_while_it_waits_ends_with_its_first_picture(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        ahead = begin(peer, pause=1.0)
        job = begin(peer, pause=1.0)
        assert control.ask("keep", job=job)["type"] == "keeping"
        preview(peer, ahead)
        assert control.ask("keep", job=ahead)["type"] == "keeping"
        assert peer.finish(ahead, SECONDS)[0]["type"] == "done"
        end, result = peer.finish(job, SECONDS)
        assert (end["type"], light(result)) == ("done", 200)


def test_a_limit_in_seconds_is_kept_and_nonsense_is_refused(engine: Engine) -> None:
    with engine.peer() as peer:
        end, result = peer.finish(begin(peer, pause=0.5, seconds=1.0), SECONDS)
        assert end["type"] == "done"
        assert 0 < light(result) < 200
        begin(peer, seconds=-1.0)
        assert (peer.answer["type"], peer.answer["code"]) == ("rejected", "bad-options")
        begin(peer, quality="superb")
        assert peer.answer["code"] == "bad-message"


def test_a_cancel_ends_it_without_a_picture(engine: Engine) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = begin(peer, pause=0.5)
        preview(peer, job)
        assert control.ask("cancel", job=job)["type"] == "cancelling"
        assert peer.finish(job, SECONDS)[0]["type"] == "cancelled"
        assert light(peer.finish(begin(peer, quality="draft"), SECONDS)[1]) == 200


@pytest.mark.parametrize("kept", [False, True])
def test_a_killed_worker_costs_the_time_and_a_kept_job_is_still_kept(engine: Engine, kept: bool) -> None:
    with engine.peer() as peer, engine.control(secret=peer.secret) as control:
        job = begin(peer, pause=0.1)
        preview(peer, job, darker_than=200)
        worker, restarts = (engine.status()["worker"][name] for name in ("pid", "restarts"))
        os.kill(worker, signal.SIGSTOP)
        if kept:
            control.ask("keep", job=job)
        os.kill(worker, signal.SIGKILL)
        end, result = peer.finish(job, SECONDS)
        assert end["type"] == "done"
        assert light(result) == (200 if kept else 0)
        assert engine.status()["worker"]["restarts"] == restarts + 1


def test_a_script_keeps_what_it_likes(engine: Engine) -> None:
    with Client.attach(start=False) as client:
        shown: list[int] = []
        done = client.stylize(
            Raster(16, 24, "u8", "rgba", PIXELS),
            [(STYLE, 1.0)],
            "darkening",
            options={"pause": 0.3},
            quality="best",
            on_preview=lambda p: shown.append(light(bytes(p.raster.data))),
            keep=lambda: len(shown) > 2,
        )
        assert 0 < light(bytes(done.raster.data)) <= shown[2]
