# SPDX-License-Identifier: Apache-2.0
"""Requests that make no sense: each gets the code docs/protocol.md has for it, and nothing is set aside for what it claims."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from scumble.library.styles import StyleStore
from support.engine import STYLE, Engine, Peer, add_style, running, wait_for
from support.pictures import picture

SLACK = 3
GROWTH = 5 << 20
RASTER = {"width": 16, "height": 12, "format": "u8", "order": "rgba"}
HERE = {"x": 0, "y": 0, "full_width": 16, "full_height": 12}
TEST_STYLE = {"style": STYLE, "weight": 1.0}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with running() as started:
        yield started


def request(**fields: Any) -> dict[str, Any]:
    return {"job": secrets.token_hex(16), "method": "invert", "styles": [TEST_STYLE], "raster": RASTER, **fields}


def raster(**fields: Any) -> dict[str, Any]:
    return {"raster": {**RASTER, **fields}}


def context(**fields: Any) -> dict[str, Any]:
    return {"context": {**RASTER, **HERE, **fields}}


def styles(*weights: float) -> dict[str, Any]:
    return {"styles": [{"style": STYLE, "weight": w} for w in weights]}


REJECTED: list[tuple[str, dict[str, Any]]] = [
    ("method-unknown", {"method": "sorcery"}),
    ("method-unknown", {"method": "../invert"}),
    ("style-unknown", {"styles": [{"style": "no-such-style", "weight": 1.0}]}),
    ("style-unknown", {"styles": [{"style": f"{STYLE}@9", "weight": 1.0}]}),
    ("bad-strength", {"strength": 7}),
    ("bad-strength", {"strength": -0.1}),
    ("bad-strength", {"strength": 1e308}),
    ("bad-weights", styles()),
    ("bad-weights", styles(0.0)),
    ("bad-weights", styles(1.0, -1.0)),
    ("bad-weights", styles(1e308, 1e308)),
    ("bad-options", {"options": {"colour": "red"}}),
    ("bad-options", {"options": {"seed": -1}}),
    ("bad-options", {"options": {"seed": "one"}}),
    ("bad-options", {"options": {"seed": True}}),
    ("bad-options", {"options": {"brush_size": 1e308}}),
    ("bad-raster", raster(width=0)),
    ("bad-raster", raster(height=0)),
    ("bad-raster", raster(width=-16, height=-12)),
    ("bad-raster", raster(width=65536, height=1)),
    ("bad-raster", raster(width=1, height=65536)),
    ("bad-raster", raster(width=2**53, height=1)),
    ("bad-raster", raster(width=32768, height=16385)),
    ("bad-raster", raster(width=65535, height=65535)),
    ("bad-raster", context(width=1025)),
    ("bad-raster", context(height=0)),
    ("bad-raster", context(x=1)),
    ("bad-raster", context(y=-1)),
    ("bad-raster", context(full_width=2**53, full_height=2**53)),
]

NOT_UNDERSTOOD = [
    {"styles": [{"style": "../../etc/passwd", "weight": 1.0}]},
    {"styles": [{"style": "Test Style", "weight": 1.0}]},
    {"styles": [TEST_STYLE] * 17},
    {"strength": "1"},
    {"strength": None},
    {"options": {"seed": [1]}},
    {"options": {"seed": None}},
    {"job": "short"},
    {"job": "G" * 32},
    {"have": -1},
    raster(width=16.5),
    raster(format="u32"),
    raster(order="argb"),
    raster(channels=4),
    {"path": "/etc/passwd"},
]


def test_a_request_that_makes_no_sense_is_refused_by_its_code(engine: Engine) -> None:
    with engine.peer() as peer:
        for code, fields in REJECTED:
            answer = peer.ask("submit", **request(**fields))
            assert (answer["type"], answer["code"]) == ("rejected", code), fields
            assert answer["message"].endswith(".")
            assert len(answer["message"]) < 500
            assert answer["retry_after"] is None
        for fields in NOT_UNDERSTOOD:
            answer = peer.ask("submit", **request(**fields))
            assert (answer["type"], answer["code"]) == ("error", "bad-message"), fields
        assert engine.status()["rejected"] == len(REJECTED)
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


def test_numbers_that_json_does_not_have_are_refused(engine: Engine) -> None:
    good = json.dumps({"type": "submit", "id": 5, **request(strength=0.125)})
    with engine.peer() as peer:
        for token in ("NaN", "-NaN", "Infinity", "-Infinity", "1e999", "nan", "0x1", "1_000"):
            peer.socket.send(good.replace("0.125", token).encode())
            answer = peer.next("error", "rejected", "accepted")
            assert answer["code"] in ("bad-message", "bad-strength"), (token, answer)
        peer.socket.send(good.encode())
        assert peer.next("accepted")["re"] == 5


def test_a_style_that_cannot_be_one_is_refused(engine: Engine) -> None:
    with engine.peer() as peer:
        for wrong in ({"width": 0}, {"width": 65535, "height": 65535}, {"width": 8192, "height": 8192}):
            answer = peer.ask("style.put", job=secrets.token_hex(16), name="Mine", **raster(**wrong))
            assert (answer["type"], answer["code"]) == ("rejected", "bad-raster"), wrong
        for name in ("x" * 201, 5, None):
            assert peer.ask("style.put", job=secrets.token_hex(16), name=name, **raster())["code"] == "bad-message"
        for name in ("", "../../escape", "日本", "a/b\\c\0d", "CON", "." * 200):
            job = secrets.token_hex(16)
            assert peer.ask("style.put", job=job, name=name, **raster())["type"] == "accepted", name
            peer.send(bytes(16 * 12 * 4), type="pixels", job=job, plane="picture", y=0, rows=12)
            assert peer.finish(job)[0]["type"] in ("style", "failed")
        folder = Path(os.environ["SCUMBLE_DATA_DIR"])
        assert [p.name for p in folder.iterdir()] == ["styles"]
        left = {p.name for p in (folder / "styles").iterdir()} - {"ledger.json"}
        assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in left), left


Strip = tuple[dict[str, Any], bytes]
ROW = 16 * 4
BAD_STRIPS: dict[str, list[Strip]] = {
    "out of order": [({"y": 6, "rows": 6}, bytes(6 * ROW))],
    "twice": [({"y": 0, "rows": 6}, bytes(6 * ROW)), ({"y": 0, "rows": 6}, bytes(6 * ROW))],
    "too many": [({"y": 0, "rows": 6}, bytes(6 * ROW)), ({"y": 6, "rows": 7}, bytes(7 * ROW))],
    "too short": [({"y": 0, "rows": 6}, bytes(6 * ROW - 1))],
    "too long": [({"y": 0, "rows": 6}, bytes(6 * ROW + 1))],
    "empty": [({"y": 0, "rows": 6}, b"")],
    "no rows": [({"y": 0, "rows": 0}, b"")],
    "negative rows": [({"y": 0, "rows": -1}, b"")],
    "negative start": [({"y": -6, "rows": 6}, bytes(6 * ROW))],
    "a great many rows": [({"y": 0, "rows": 2**53}, bytes(6 * ROW))],
    "of a plane nobody announced": [({"plane": "context", "y": 0, "rows": 6}, bytes(6 * ROW))],
}


def test_strips_that_do_not_fit_fail_their_job_and_no_other(engine: Engine) -> None:
    with engine.peer() as peer:
        for name, strips in BAD_STRIPS.items():
            job = peer.submit(picture(12, 16), send=False)
            for header, data in strips:
                peer.send(data, **{"type": "pixels", "job": job, "plane": "picture", **header})
            end, result = peer.finish(job)
            assert (end["type"], end["code"], result) == ("failed", "bad-strip", b""), name
        assert engine.status()["bytes"] == 0
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


def test_more_strips_than_credit_fail_their_job(engine: Engine) -> None:
    """Sent in one go, so that no credit can have come back between them, whatever the engine's turn of speed."""
    with engine.peer() as peer:
        job = peer.submit(picture(4000, 16), send=False)
        allowed = peer.answer["credit"]
        for y in range(allowed + 1):
            peer.send(bytes(ROW), type="pixels", job=job, plane="picture", y=y, rows=1)
        credits = 0
        while (header := peer.next("credit", "failed", job=job))["type"] == "credit":
            credits += 1
            if credits > allowed:
                break  # it kept up, and gave the credit back in time: then the strip was right
        assert header["type"] == "failed" or credits == allowed + 1


def test_numbers_that_are_none_in_a_float_picture_count_as_black(engine: Engine) -> None:
    pixels = picture(12, 16, np.float32)
    pixels[2:4, :, :3] = np.nan
    pixels[5, :, 0] = np.inf
    pixels[6, :, 1] = -np.inf
    pixels[8, :4, 3] = np.nan
    with engine.peer() as peer:
        end, result = peer.finish(peer.submit(pixels))
        assert end["type"] == "done", end
        painted = np.frombuffer(result, np.float32).reshape(pixels.shape)
        np.testing.assert_allclose(painted[2:4, :, :3], 1, atol=1e-6)
        np.testing.assert_allclose(painted[5, :, 0], 0, atol=1e-6)
        np.testing.assert_allclose(painted[6, :, 1], 1, atol=1e-6)
        visible = pixels[..., 3] == 1
        # Where something was filled in, pixels are rounded to 2^-17.
        np.testing.assert_allclose(painted[:2, :, :3], 1 - pixels[:2, :, :3], atol=1e-5)
        assert np.isfinite(painted[visible]).all()
        assert engine.status()["worker"]["restarts"] == 0


def held(engine: Engine) -> tuple[int, int]:
    """Bytes of RAM that engine and worker have, and bytes of files without a name that the engine holds open."""
    ram = sum(psutil.Process(pid).memory_info().rss for pid in (engine.process.pid, engine.status()["worker"]["pid"]))
    files = 0
    for link in Path(f"/proc/{engine.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            facts = link.stat()
            files += facts.st_blocks * 512 if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0 else 0
    return ram, files


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see open files")
def test_what_a_header_claims_costs_neither_memory_nor_disk(engine: Engine) -> None:
    """Four pictures of 2 GiB are announced; one strip comes of each."""
    with engine.peer() as peer:
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"
        ram, files = held(engine)
        for _ in range(4):
            answer = peer.ask("submit", **request(**raster(width=65535, height=8192)))
            assert answer["type"] == "accepted" or answer["code"] in ("no-memory", "busy"), answer
            if answer["type"] == "accepted":
                peer.send(bytes(65535 * 4), type="pixels", job=answer["job"], plane="picture", y=0, rows=1)
                peer.next("credit", job=answer["job"])
        ram_after, files_after = held(engine)
        assert ram_after - ram < GROWTH
        assert files_after - files < GROWTH
        assert engine.status()["bytes"] <= 4 * 65535 * 4 + picture().nbytes * 2


def test_a_job_whose_pixels_stop_coming_ends_by_itself() -> None:
    """A minute is the rule; this engine's is three seconds."""
    with running(limits={"SILENT": 3.0}) as engine, engine.peer() as peer:
        job = peer.submit(picture(12, 16), send=False)
        peer.send(bytes(ROW), type="pixels", job=job, plane="picture", y=0, rows=1)
        until = time.monotonic() + 5 * SLACK
        while not engine.status()["failed"]:
            peer.send(type="alive")
            time.sleep(0.2)
            assert time.monotonic() < until
        assert peer.finish(job)[0]["code"] == "bad-strip"


def weights(data: bytes) -> tuple[bytes, bytes]:
    """A weight file and a card that vouches for it."""
    card = {"architecture": {"width": 8}, "sha256": hashlib.sha256(data).hexdigest()}
    return data, json.dumps(card).encode()


CORRUPT: dict[str, tuple[bytes, bytes | None]] = {
    "Empty": weights(b""),
    "Noise": weights(np.random.default_rng(0).bytes(5000)),
    "Claims much": weights(struct.pack("<Q", 2**60) + b"{}"),
    "Claims a tensor of 100 GB": weights(
        (lambda head: struct.pack("<Q", len(head)) + head)(
            b'{"w":{"dtype":"F32","shape":[25000000000],"data_offsets":[0,100000000000]}}'
        )
    ),
    "Not what its card says": (b"x" * 100, weights(b"y")[1]),
    "Without a card": (b"x" * 100, None),
    "With a card that is none": (b"x" * 100, b"[]"),
}


@pytest.mark.timeout(180)
def test_corrupt_weights_fail_their_own_job_by_name() -> None:
    """The one test here with torch, for the built-in method that reads weights."""
    for name, (data, card) in CORRUPT.items():
        style = StyleStore().get(add_style(name))
        path = style.state_path("johnson", style.revision)
        path.write_bytes(data)
        if card is not None:
            path.with_suffix(".json").write_bytes(card)
    with running(plugins=None, ready=False) as engine:
        engine.wait_ready(120)
        with engine.peer() as peer:
            for name in CORRUPT:
                end = corrupt_job(peer, name.lower().replace(" ", "-"))
                assert (end["type"], end["code"]) == ("failed", "weights-corrupt"), (name, end)
                assert end["hint"]
        assert engine.status()["worker"]["restarts"] == 0
        wait_for(lambda: engine.status()["bytes"] == 0)


def corrupt_job(peer: Peer, style: str) -> dict[str, Any]:
    return peer.finish(peer.submit(picture(), "johnson", styles=[{"style": style, "weight": 1.0}]), 60)[0]
