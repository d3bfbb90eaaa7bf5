# SPDX-License-Identifier: Apache-2.0
"""Animations over the real wire: frames do not flicker, a cut shows no ghost, and a dead worker costs no frame."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.filters import gaussian

from scumble.client.blocking import Engine as Client
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, Peer, running, wait_for
from support.flicker import flicker
from support.shared_engine import shared_engine, use_folders

PLUGINS = "-,scumble_test_methods,scumble_swarming"
SIDE, PAN, FRAMES = 64, 2, 6


engine, folders = shared_engine(plugins=PLUGINS)


def scene(seed: int) -> np.ndarray:
    """(SIDE, 2 SIDE, 4) uint8: soft blots."""
    rgb = gaussian(np.random.default_rng(seed).random((SIDE, 2 * SIDE, 3)), 2.5, channel_axis=2)
    rgb = (rgb - rgb.min()) / np.ptp(rgb)
    return np.dstack([np.rint(rgb * 255).astype(np.uint8), np.full(rgb.shape[:2], 255, np.uint8)])


def pan(seed: int = 0) -> list[np.ndarray]:
    return [scene(seed)[:, PAN * i : PAN * i + SIDE] for i in range(FRAMES)]


def paint(peer: Peer, frame: np.ndarray, **fields: Any) -> tuple[dict[str, Any], np.ndarray]:
    """How the job ended, and the frame as it is to be shown."""
    job = peer.submit(np.ascontiguousarray(frame), fields.pop("method", "swarm"), **fields)
    end, result = peer.finish(job, 60.0)
    assert end["type"] == "done", end
    return end, np.frombuffer(result, np.uint8).reshape(frame.shape)


def test_a_pan_flickers_at_most_half_as_much_and_other_jobs_may_come_between(engine: Engine) -> None:
    name = secrets.token_hex(16)
    with engine.peer() as peer:
        off = [paint(peer, frame)[1] for frame in pan()]
        on = []
        for frame in pan():
            end, shown = paint(peer, frame, sequence=name)
            assert "remark" not in end
            on.append(shown)
            paint(peer, scene(9)[:, :SIDE], method="invert")
    np.testing.assert_array_equal(on[0], off[0])
    assert flicker(off, PAN) > 10
    assert flicker(on, PAN) <= 0.5 * flicker(off, PAN)


def test_a_cut_shows_no_ghost_and_a_second_run_over_the_frames_begins_again(engine: Engine) -> None:
    frames = [*pan()[:3], scene(5)[:, :SIDE]]
    with engine.peer() as peer:
        off = [paint(peer, frame)[1].astype(float) for frame in frames]
        for name in (secrets.token_hex(16), secrets.token_hex(16)):
            on = [paint(peer, frame, sequence=name)[1].astype(float) for frame in frames]
            np.testing.assert_array_equal(on[0], off[0])
            old, new = on[2][..., :3] - off[3][..., :3], on[3][..., :3] - off[3][..., :3]
            assert (old * new).sum() / np.square(old).sum() <= 0.02


def test_strength_0_gives_the_frame_byte_for_byte(engine: Engine) -> None:
    name = secrets.token_hex(16)
    with engine.peer() as peer:
        for i, frame in enumerate(pan()[:3]):
            noisy = frame.copy()
            noisy[..., :3] ^= np.uint8(i)
            np.testing.assert_array_equal(paint(peer, noisy, sequence=name, strength=0.0)[1], noisy)


def test_a_killed_worker_costs_no_frame_and_the_next_is_carried_on_again(engine: Engine) -> None:
    name = secrets.token_hex(16)
    with engine.peer() as peer:
        off = [paint(peer, frame)[1] for frame in pan()[:4]]
        on = [paint(peer, frame, sequence=name)[1] for frame in pan()[:2]]
        worker = engine.status()["worker"]["pid"]
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: engine.status()["worker"]["pid"] != worker, 60)
        on += [paint(peer, frame, sequence=name)[1] for frame in pan()[2:4]]
    np.testing.assert_array_equal(on[2], off[2])
    assert flicker(on[2:], PAN) <= 0.5 * flicker(off[2:], PAN)


@pytest.mark.parametrize("name", ["", "1" * 31, "G" * 32, "../../etc", 7])
def test_a_name_of_another_form_is_refused(engine: Engine, name: Any) -> None:
    with engine.peer() as peer:
        peer.submit(pan()[0], "swarm", sequence=name)
        assert (peer.answer["type"], peer.answer["code"]) == ("error", "bad-message")


def test_a_script_paints_an_animation(engine: Engine) -> None:
    name = secrets.token_hex(16)
    with Client.attach(start=False) as client:

        def painted(frame: np.ndarray, sequence: str | None) -> np.ndarray:
            raster = Raster(SIDE, SIDE, "u8", "rgba", np.ascontiguousarray(frame))
            done = client.stylize(raster, [(STYLE, 1.0)], "swarm", sequence=sequence)
            assert not done.remark
            return np.frombuffer(bytes(done.raster.data), np.uint8).reshape(frame.shape)

        off, on = ([painted(frame, sequence) for frame in pan()] for sequence in (None, name))
    assert flicker(on, PAN) <= 0.5 * flicker(off, PAN)


def test_a_cancel_while_a_frame_is_kept_steady_ends_it_soon_and_costs_no_worker(
    user_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No step of that looked for a cancel: a frame of 12 megapixels takes ten seconds, and the worker was killed after 1.5."""
    name = secrets.token_hex(16)
    use_folders(user_folders, monkeypatch)
    slowly = running(plugins=f"{PLUGINS},scumble_dawdling")
    with slowly as engine, engine.peer() as peer, engine.control(secret=peer.secret) as control:
        first, second = pan()[:2]
        before = paint(peer, first, sequence=name)[1]
        job = peer.submit(np.ascontiguousarray(second), "swarm", sequence=name)
        peer.next("progress", job=job, text="keeping the frames steady")
        control.ask("cancel", job=job)
        assert peer.finish(job)[0]["type"] == "cancelled"
        began = time.monotonic()
        off = paint(peer, second)[1]  # it has its turn when the work has stopped
        assert time.monotonic() - began < 3.0
        shown = paint(peer, second, sequence=name)[1]
        assert engine.status()["worker"]["restarts"] == 0
    assert flicker([before, shown], PAN) <= 0.5 * flicker([before, off], PAN), "it follows the first frame"
