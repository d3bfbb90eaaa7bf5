# SPDX-License-Identifier: Apache-2.0
"""Pictures and styles through a real engine, from a client that speaks bare protocol: one engine for all, which none harms."""

from __future__ import annotations

import secrets

import numpy as np

from support.engine import STYLE, Engine, wait_for
from support.pictures import picture
from support.shared_engine import shared_engine

engine, folders = shared_engine()


def test_a_large_picture_travels_in_strips_with_its_context(engine: Engine) -> None:
    pixels = picture(3000, 4100)  # 49 MB, so six strips each way
    small = picture(20, 30)
    context = {
        "width": 30,
        "height": 20,
        "format": "u8",
        "order": "rgba",
        "x": 0,
        "y": 0,
        "full_width": 4100,
        "full_height": 3000,
    }
    with engine.peer() as peer:
        job = peer.submit(pixels, options={"scale": "full"}, context=context, send=False)
        peer.send(small.tobytes(), type="pixels", job=job, plane="context", y=0, rows=20)
        peer.send_rows(job, pixels, credit=3)
        end, result = peer.finish(job, 60)
        assert end["type"] == "done", end
        painted = np.frombuffer(result, np.uint8).reshape(pixels.shape)
        np.testing.assert_array_equal(painted[::100, :, :3], 255 - pixels[::100, :, :3])
        peer.send(type="release", job=job)
        wait_for(lambda: engine.status()["bytes"] == 0)


def test_a_picture_goes_in_and_a_stylized_one_comes_out_at_every_depth(engine: Engine) -> None:
    finished = engine.status()["finished"]
    with engine.peer() as peer:
        for dtype, tolerance in ((np.uint8, 0), (np.uint16, 1), (np.float16, 1e-3), (np.float32, 1e-6)):
            pixels = picture(70, 50, dtype)
            end, result = peer.finish(peer.submit(pixels))
            assert end["type"] == "done", end
            assert end["styles"] == [f"{STYLE}@1"]
            white = 1.0 if np.dtype(dtype).kind == "f" else float(np.iinfo(dtype).max)
            painted = np.frombuffer(result, dtype).reshape(pixels.shape)
            np.testing.assert_allclose(painted[..., :3], white - pixels[..., :3].astype(np.float64), atol=tolerance)
            np.testing.assert_array_equal(painted[..., 3], pixels[..., 3])
    assert engine.status()["finished"] == finished + 4


def test_progress_and_previews_come_while_a_job_runs(engine: Engine) -> None:
    with engine.peer() as peer:
        job = peer.submit(picture(), "slow", options={"seconds": 1.0}, previews=True)
        preview = peer.next("preview", job=job)
        assert len(preview["frames"][0]) == preview["width"] * preview["height"] * 4
        assert 0 < peer.next("progress", job=job, text="waiting")["fraction"] < 1
        assert peer.finish(job)[0]["type"] == "done"


def test_the_same_id_never_runs_twice_and_gives_the_rest_of_its_result_again(engine: Engine) -> None:
    pixels, finished = picture(), engine.status()["finished"]
    with engine.peer() as peer:
        job = peer.submit(pixels)
        _, first = peer.finish(job)
        peer.submit(pixels, job=job, send=False, have=10)
        assert (peer.answer["type"], peer.answer["state"]) == ("accepted", "done")
        end, rest = peer.finish(job)
        assert end["type"] == "done"
        assert rest == first[10 * pixels[0].nbytes :]
        assert engine.status()["finished"] == finished + 1


def test_a_client_that_reconnects_goes_on_from_the_rows_that_are_there(engine: Engine) -> None:
    pixels = picture(100, 40)
    with engine.peer() as peer:
        secret = peer.secret
        job = peer.submit(pixels, send=False)
        peer.send(pixels[:30].tobytes(), type="pixels", job=job, plane="picture", y=0, rows=30)
        peer.next("credit", job=job)
    with engine.peer(secret=secret) as peer:
        peer.submit(pixels, job=job)
        assert (peer.answer["state"], peer.answer["rows"], peer.answer["credit"]) == ("receiving", 30, 4)
        end, result = peer.finish(job)
        assert end["type"] == "done"
        np.testing.assert_array_equal(np.frombuffer(result, np.uint8)[:3], 255 - pixels[0, 0, :3])


def test_another_client_can_neither_take_nor_cancel_nor_feed_a_job(engine: Engine) -> None:
    with engine.peer() as peer, engine.peer() as other, engine.control() as control:
        job = peer.submit(picture(), send=False)
        other.submit(picture(), job=job, send=False)
        assert (other.answer["type"], other.answer["code"]) == ("rejected", "job-unknown")
        assert control.ask("cancel", job=job)["code"] == "job-unknown"
        other.send(bytes(64 * 48 * 4), type="pixels", job=job, plane="picture", y=0, rows=64)
        assert other.next("error")["code"] == "job-unknown"
        other.send(type="release", job=job)
        peer.send_rows(job, picture())
        assert peer.finish(job)[0]["type"] == "done"


def test_a_style_is_put_used_renamed_and_removed(engine: Engine) -> None:
    painting = picture(40, 60, np.uint16)
    with engine.peer() as peer:
        revision = peer.welcome["revision"]
        job = secrets.token_hex(16)
        raster = {"width": 60, "height": 40, "format": "u16", "order": "bgra"}
        assert peer.ask("style.put", job=job, name="My harbour", raster=raster)["type"] == "accepted"
        peer.send_rows(job, painting)
        kept = peer.finish(job)[0]
        assert (kept["type"], kept["style"]) == ("style", "my-harbour@1")
        assert kept["catalogue"] > revision
        shown = peer.listed("my-harbour")
        assert (shown["own"], shown["title"]) == (True, "My harbour")
        assert "invert" in shown["methods"]
        done = peer.finish(peer.submit(picture(), styles=[{"style": "my-harbour", "weight": 0.5}]))[0]
        assert done["styles"] == ["my-harbour@1"]
        assert peer.ask("style.refine", style="my-harbour", action="start")["code"] == "not-refinable"
        renamed = peer.ask("style.rename", style="my-harbour", name="Harbour\nin fog")
        assert (renamed["type"], renamed["style"], renamed["title"]) == ("renamed", "my-harbour", "Harbour in fog")
        assert renamed["catalogue"] > kept["catalogue"]
        assert (peer.listed("my-harbour")["title"], peer.listed("my-harbour")["revision"]) == ("Harbour in fog", 1)
        assert peer.finish(peer.submit(picture(), styles=[{"style": "my-harbour@1", "weight": 1.0}]))[0]["type"] == "done"
        refused = peer.ask("style.rename", style="starry-night", name="Night")
        assert (refused["code"], "stays" in refused["message"], bool(refused["hint"])) == ("style-shipped", True, True)
        assert peer.ask("style.rename", style="nobodys", name="Night")["code"] == "style-unknown"
        removed = peer.ask("style.remove", style="my-harbour")
        assert removed["type"] == "removed"
        assert removed["catalogue"] > kept["catalogue"]
        assert peer.ask("style.remove", style="my-harbour")["code"] == "style-unknown"
        assert peer.ask("style.remove", style="starry-night")["code"] == "style-shipped"
