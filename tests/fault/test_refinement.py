# SPDX-License-Identifier: Apache-2.0
"""Styles are refined while the engine has nothing else to do, and whatever happens on the way, a revision stays what it was.

The method takes a second for a refinement, in a hundred steps; see scumble_refining.py.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scumble.library.refinements import read_record
from scumble.library.styles import StyleStore
from scumble.library.weights import read_state, save_weights
from support.engine import TEST_METHODS, Engine, Peer, running, wait_for
from support.pictures import picture
from support.scumble_refining import STEPS

PLUGINS = f"{TEST_METHODS},scumble_refining"
RASTER = {"width": 48, "height": 64, "format": "u8", "order": "rgba"}
SHIPPED = [{"style": "great-wave", "weight": 1.0}]
SLACK = 3


def start(*arguments: str, **options: Any) -> Any:
    return running(*arguments, plugins=PLUGINS, style=False, **options)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with start("--refine") as started:
        yield started


@pytest.fixture
def data() -> Path:
    return Path(os.environ["SCUMBLE_DATA_DIR"])


def put(peer: Peer, name: str = "Sea", **fields: Any) -> str:
    job = secrets.token_hex(16)
    assert peer.ask("style.put", job=job, name=name, raster=RASTER, **fields)["type"] == "accepted"
    peer.send_rows(job, picture())
    end = peer.finish(job)[0]
    assert end["type"] == "style", end
    return str(end["style"])


def reported(peer: Peer, state: str, seconds: float = 60.0) -> dict[str, Any]:
    """The next word of a refinement in this state, which the peer has not asked for."""
    return peer.next("refining", state=state, seconds=seconds)


def ask(peer: Peer, action: str, style: str = "sea") -> dict[str, Any]:
    return peer.ask("style.refine", style=style, action=action)


def recorded() -> str | None:
    """What the disk says of the refinement."""
    record = read_record(StyleStore().get("sea"))
    return record.state if record else None


def starts(data: Path) -> list[int]:
    """At which step each run of the method began."""
    path = data / "refined.jsonl"
    return [json.loads(line)["steps"] for line in path.read_text().splitlines()] if path.exists() else []


def result_in(peer: Peer, style: str) -> bytes:
    end, result = peer.finish(peer.submit(picture(), "darken", styles=[{"style": style, "weight": 1.0}]))
    assert end["type"] == "done", end
    return result


def test_a_new_style_can_be_used_at_once_and_is_refined_under_a_new_revision(engine: Engine) -> None:
    with engine.peer() as peer, engine.peer() as other:
        assert put(peer) == "sea@1"
        before = result_in(peer, "sea@1")
        half = reported(peer, "running")
        assert (half["style"], half["method"], half["revision"]) == ("sea@1", "darken", 1)
        done = reported(peer, "done")
        assert (done["style"], done["revision"], done["fraction"]) == ("sea@2", 2, 1.0)
        assert reported(other, "done")["catalogue"] == done["catalogue"], "everybody hears of a new revision"
        after = result_in(peer, "sea")
        ratio = np.frombuffer(after, np.uint8)[:3] / np.frombuffer(before, np.uint8)[:3]
        np.testing.assert_allclose(ratio, 1 - STEPS / 1000, atol=0.02)
        assert result_in(peer, "sea@1") == before, "a pinned revision gives the same bytes"
        page = peer.ask("catalogue", page=0)
        assert page["revision"] >= done["catalogue"] > peer.welcome["revision"]
        shown = peer.listed("sea")
        assert (shown["revision"], shown["refined"]) == (2, ["darken"])
        assert {m["id"]: m["capabilities"]["refine"] for m in page["methods"]}["darken"]
    state = StyleStore().get("sea@2").state("darken")
    assert state is not None
    card = read_state(state)[1]
    assert (card["loss"]["after"], card["revision"], card["from"]) == (0.5, 2, 1)
    left = {path.name for path in StyleStore().get("sea").folder.iterdir()}
    assert left == {"style.json", "picture.png", "thumbnail.png", "darken@2.safetensors", "darken@2.json"}


def test_a_refinement_tells_its_progress_and_its_state_can_be_asked_for(engine: Engine) -> None:
    with engine.peer() as peer:
        put(peer)
        assert ask(peer, "status")["state"] == "running"
        fractions = [peer.next("refining", state="running")["fraction"] for _ in range(4)]
        assert fractions == sorted(fractions)
        assert 0 < fractions[-1] < 1
        assert engine.status()["refining"] == "sea@1"
        reported(peer, "done")
        status = ask(peer, "status")
        assert (status["state"], status["fraction"], status["style"]) == ("done", 1.0, "sea@2")
        assert engine.status()["refining"] is None


def test_a_picture_goes_first_and_the_refinement_goes_on_where_it_was(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        waited = [float("inf")]
        while min(waited) > 0.3 * SLACK:
            assert len(waited) < 6, waited  # a busy machine may hold one of them up
            reported(peer, "running")
            wait_for(lambda: ask(peer, "status")["fraction"] > 0.3)
            began = time.monotonic()
            job = peer.submit(picture(), "slow", options={"seconds": 0.5}, styles=SHIPPED)
            peer.next("progress", job=job, state="running")
            waited.append(time.monotonic() - began)
            waiting = ask(peer, "status")
            assert (waiting["state"], waiting["text"]) == ("waiting", "a picture goes first")
            assert peer.finish(job)[0]["type"] == "done"
        reported(peer, "done")
    assert starts(data)[0] == 0
    assert starts(data)[1] > 30, "steps were done twice"
    assert engine.status()["worker"]["restarts"] == 0


def test_a_refinement_waits_while_pictures_do_and_sees_what_was_painted_last(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        job = peer.submit(picture(100, 120), "slow", options={"seconds": 1.0}, styles=SHIPPED)
        put(peer)
        assert ask(peer, "status")["state"] == "waiting"
        assert starts(data) == []
        assert peer.finish(job)[0]["type"] == "done"
        reported(peer, "done")
    assert json.loads((data / "refined.jsonl").read_text())["contents"] == [[100, 120, 3]]


def test_a_refinement_is_stopped_and_started_again_where_it_was(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.3)
        stopped = ask(peer, "stop")
        assert (stopped["state"], stopped["text"]) == ("idle", "stopped")
        at = stopped["fraction"]
        time.sleep(0.5)
        assert ask(peer, "status")["fraction"] == at
        assert StyleStore().get("sea").revision == 1
        wait_for(lambda: recorded() == "stopped", 5.0 * SLACK)  # a helper thread writes it, and a busy disk takes its time
        assert ask(peer, "start")["state"] == "running"
        reported(peer, "done")
    assert starts(data)[1] > 30


def test_a_style_is_refined_further_when_that_is_asked_for(engine: Engine) -> None:
    with engine.peer() as peer:
        put(peer)
        reported(peer, "done")
        grade = [result_in(peer, "sea@1"), result_in(peer, "sea@2")]
        put(peer)
        assert ask(peer, "status")["state"] == "done", "the same picture again is the same style"
        ask(peer, "start")
        assert reported(peer, "done")["style"] == "sea@3"
        assert [result_in(peer, "sea@1"), result_in(peer, "sea@2")] == grade
        assert result_in(peer, "sea@3")[0] < grade[1][0]


def test_a_style_that_is_removed_while_it_is_refined_leaves_nothing(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.1)
        assert peer.ask("style.remove", style="sea")["type"] == "removed"
        assert ask(peer, "status")["code"] == "style-unknown"
        assert put(peer, refine=False) == "sea@2"
        time.sleep(0.3)
        assert ask(peer, "status")["state"] == "idle"
        assert result_in(peer, "sea")
        with pytest.raises(TimeoutError):
            peer.next("refining", state="failed", seconds=0.1)
    assert sorted(p.name for p in (data / "styles").iterdir()) == ["ledger.json", "sea"]
    assert not list((data / "styles" / "sea").glob("*unfinished*"))


def test_a_killed_worker_costs_a_refinement_little_and_a_second_one_fails_it(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.1)
        os.kill(engine.status()["worker"]["pid"], signal.SIGKILL)
        reported(peer, "done")
        assert len(starts(data)) == 2
        (data / "die").touch()
        put(peer, "Storm")
        failed = reported(peer, "failed")
        assert (failed["style"], failed["code"]) == ("storm@1", "worker-died")
        assert "SIGKILL" in failed["message"]
        assert result_in(peer, "storm")
        (data / "die").unlink()
        assert ask(peer, "start", "storm")["state"] in ("waiting", "running")
        assert reported(peer, "done")["style"] == "storm@2"


def test_an_engine_that_is_killed_leaves_a_refinement_to_the_next_one(data: Path) -> None:
    (data / "slowly").touch()
    with start("--refine") as engine, engine.peer() as peer:
        put(peer)
        wait_for((data / "styles" / "sea" / "darken@1.unfinished.safetensors").exists)
        engine.process.kill()
        engine.process.wait()
    (data / "slowly").unlink()
    with start("--refine") as engine, engine.peer() as peer:
        wait_for(lambda: ask(peer, "status")["state"] == "done", 15.0 * SLACK)
    first, second = starts(data)
    assert first == 0
    assert second > 20
    assert StyleStore().get("sea").pinned == "sea@2"


def test_an_engine_that_ends_waits_for_no_refinement_and_one_that_does_not_refine_leaves_it_alone(data: Path) -> None:
    with start("--refine") as engine, engine.peer() as peer:
        put(peer)
        wait_for(lambda: starts(data) == [0])
        began = time.monotonic()
        assert engine.stop() == 0
        assert time.monotonic() - began < 1.0 * SLACK
    with start("--no-refine") as engine, engine.peer() as peer:
        assert ask(peer, "status")["state"] == "idle"
        assert put(peer, "Calm") == "calm@1"
        assert ask(peer, "status", "calm")["state"] == "idle"
        assert len(starts(data)) == 1
        ask(peer, "start")
        reported(peer, "done")


def test_an_engine_that_nobody_needs_ends_in_the_middle_of_a_refinement(data: Path) -> None:
    (data / "slowly").touch()
    with start("--refine", "--idle", "0.5") as engine:
        with engine.peer() as peer:
            put(peer)
            wait_for(lambda: starts(data) == [0])
        assert engine.process.wait(60) == 0
    assert StyleStore().get("sea").revision == 1
    assert recorded() == "wanted"


def test_a_style_put_while_the_worker_still_starts_is_refined_as_soon_as_it_can_be() -> None:
    with start("--refine", ready=False) as engine:
        engine.wait_listening()
        with engine.peer() as peer:
            put(peer)
            peer.send(type="style.refine", id=77, style="sea", action="status")
            assert peer.next("refining", re=77)["state"] in ("waiting", "running")
            reported(peer, "done")


def test_a_damaged_checkpoint_and_record_begin_the_refinement_again(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.3)
        ask(peer, "stop")
        folder = data / "styles" / "sea"
        checkpoint = folder / "darken@1.unfinished.safetensors"
        wait_for(checkpoint.exists)
        checkpoint.write_bytes(checkpoint.read_bytes()[:-3])
        (folder / "refining.json").write_text("{")
        ask(peer, "start")
        reported(peer, "done")
    assert starts(data) == [0, 0]


def test_a_damaged_state_fails_its_own_revision_alone_and_a_new_refinement_mends_the_style(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        put(peer)
        reported(peer, "done")
        path = data / "styles" / "sea" / "darken@2.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
        end = peer.finish(peer.submit(picture(), "darken", styles=[{"style": "sea", "weight": 1.0}]))[0]
        assert (end["type"], end["code"]) == ("failed", "weights-corrupt")
        assert "sea" in end["message"]
        assert "earlier revision" in end["hint"]
        assert result_in(peer, "sea@1")
        ask(peer, "start")
        assert reported(peer, "done")["style"] == "sea@3"
        assert result_in(peer, "sea")


def test_what_is_attached_while_a_style_is_refined_stays_and_the_refinement_begins_again(engine: Engine, data: Path) -> None:
    """It was once dropped without a message: the client that waited for it heard that nothing was wrong."""
    trained = data / "trained.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": "johnson"})
    with engine.peer() as peer:
        put(peer)
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.2)
        assert StyleStore().attach("sea", trained).pinned == "sea@2"
        assert reported(peer, "done")["style"] == "sea@3"
    assert starts(data) == [0, 0]
    sea = StyleStore().get("sea")
    assert sea.state("johnson") == sea.state_path("johnson", 2)
    assert sea.state("darken") == sea.state_path("darken", 3)


def test_what_is_attached_while_a_refined_style_is_refined_once_more_does_not_end_it(engine: Engine, data: Path) -> None:
    """What an earlier refinement had left once counted as what this one was to give."""
    trained = data / "trained.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": "johnson"})
    with engine.peer() as peer:
        put(peer)
        assert reported(peer, "done")["style"] == "sea@2"
        ask(peer, "start")
        wait_for(lambda: ask(peer, "status")["fraction"] > 0.2)
        assert StyleStore().attach("sea", trained).pinned == "sea@3"
        assert reported(peer, "done")["style"] == "sea@4"
    sea = StyleStore().get("sea")
    assert sea.state("darken") == sea.state_path("darken", 4)


def test_what_a_method_has_outgrown_counts_as_not_refined_and_is_refined_again(data: Path) -> None:
    """After an update of Scumble, say, with other networks."""
    with start("--refine") as engine, engine.peer() as peer:
        put(peer)
        reported(peer, "done")
    (data / "outgrown").touch()
    with start("--no-refine") as engine, engine.peer() as peer:
        assert ask(peer, "status")["state"] == "idle"
        listed = peer.listed("sea")
        assert ("darken" in listed["methods"], listed["refined"]) == (True, [])
    with start("--refine") as engine, engine.peer() as peer:
        wait_for(lambda: StyleStore().get("sea").revision == 3)
    assert starts(data) == [0, 0]


def test_numbers_that_are_not_finite_fail_the_refinement_and_are_not_kept(engine: Engine, data: Path) -> None:
    (data / "nan").touch()
    with engine.peer() as peer:
        put(peer)
        failed = reported(peer, "failed")
        assert "finite" in failed["message"]
        assert ask(peer, "status")["state"] == "failed"
        wait_for(lambda: recorded() == "failed")
    assert not list((data / "styles" / "sea").glob("*.safetensors"))


def test_a_refinement_that_does_not_make_way_costs_its_worker(engine: Engine, data: Path) -> None:
    with engine.peer() as peer:
        (data / "deaf").touch()
        put(peer)
        wait_for(lambda: starts(data) == [0])
        began = time.monotonic()
        end = peer.finish(peer.submit(picture(), styles=SHIPPED))[0]
        assert end["type"] == "done"
        assert time.monotonic() - began < 3 * SLACK
        (data / "deaf").unlink()
        reported(peer, "done")
        assert engine.status()["worker"]["restarts"] == 1


def test_what_cannot_be_refined_is_refused(engine: Engine) -> None:
    with engine.peer() as peer:
        put(peer, refine=False)
        assert ask(peer, "status")["state"] == "idle"
        assert ask(peer, "start", "starry-night")["code"] == "not-refinable"
        assert ask(peer, "start", "nowhere")["code"] == "style-unknown"
        assert peer.ask("style.refine", style="sea", action="start", method="invert")["code"] == "not-refinable"
        assert peer.ask("style.refine", style="sea", action="start", method="nothing")["code"] == "method-unknown"
        assert peer.ask("style.refine", style="sea", action="start", method="darken")["type"] == "refining"
