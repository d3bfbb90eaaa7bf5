# SPDX-License-Identifier: Apache-2.0
"""What the engine lets through its front door, and what worker and engine say to each other."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from scumble.server import channel, limits
from scumble.server.messages import BadMessage, PixelStrip, Raster, Submit, decode_control, decode_work

JOB = "0" * 32
SUBMIT: dict[str, Any] = {
    "type": "submit",
    "id": 2,
    "job": JOB,
    "method": "johnson",
    "styles": [{"style": "starry-night@1", "weight": 1.0}],
    "strength": 1.0,
    "options": {"seed": 0, "text": "x", "on": True, "f": 0.5},
    "raster": {"width": 4, "height": 3, "format": "u8", "order": "rgba"},
    "context": None,
    "previews": True,
}


def test_the_submit_of_the_protocol_page_is_understood() -> None:
    message = decode_work(json.dumps(SUBMIT).encode(), 0)
    assert isinstance(message, Submit)
    assert message.raster.nbytes == 48
    assert message.options == {"seed": 0, "text": "x", "on": True, "f": 0.5}
    assert isinstance(message.options["on"], bool)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"job": "0" * 31},
        {"job": "G" * 32},
        {"job": "../../etc/passwd"},
        {"styles": [{"style": "../x", "weight": 1}]},
        {"styles": [{"style": "a", "weight": "1"}]},
        {"styles": [{"style": "a", "weight": 1, "path": "x"}]},
        {"styles": [{"style": "a", "weight": 1}] * 17},
        {"raster": {"width": 4.5, "height": 3, "format": "u8", "order": "rgba"}},
        {"raster": {"width": 4, "height": 3, "format": "u64", "order": "rgba"}},
        {"raster": None},
        {"options": {"a": [1]}},
        {"options": {"a": None}},
        {"masks": {"width": 4, "height": 3, "format": "u8"}},
        {"masks": {"width": 4, "height": 3, "channels": 1, "format": "f16"}},
        {"masks": {"width": 4, "height": 3, "channels": "1", "format": "u8"}},
        {"masks": {"width": 4, "height": 3, "channels": 1, "format": "u8", "order": "rgba"}},
        {"masks": []},
        {"job": JOB + "\n"},
        {"styles": [{"style": "a@1\n", "weight": 1.0}]},
        {"strength": "1"},
        {"have": -1},
        {"id": "2"},
        {"type": "sumbit"},
    ],
)
def test_a_header_with_anything_wrong_in_it_is_refused_by_its_number(change: dict[str, Any]) -> None:
    with pytest.raises(BadMessage) as e:
        decode_work(json.dumps(SUBMIT | change).encode(), 0)
    assert e.value.code == "bad-message"
    assert e.value.re == (None if change.get("id") else 2)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"", "bad-message"),
        (b"\xff\xfe\x00", "bad-message"),
        (b"null", "bad-message"),
        (b'"submit"', "bad-message"),
        (b"[" * 60_000, "bad-message"),
        (b'{"type": "hello", "x": ' + b'{"a":' * 10_000, "bad-message"),
        (b'{"type": "alive", "id": ' + b"9" * 5000 + b"}", "bad-message"),
        (b" " * (limits.HEADER + 1), "too-large"),
        (b'{"type": "alive"', "bad-message"),
        (b'{"type": "hello", "protocol": 2, "brave": "new"}', "protocol-version"),
        (b'{"type": "hello", "protocol": true}', "bad-message"),
        (b'{"type": "hello"}', "protocol-version"),
    ],
)
def test_what_is_no_header_is_refused(header: bytes, code: str) -> None:
    for decode in (decode_work, decode_control):
        with pytest.raises(BadMessage) as e:
            decode(header, 0)
        assert e.value.code == code


def test_another_protocol_is_answered_with_both_versions() -> None:
    with pytest.raises(BadMessage, match=r"protocol 1.*speaks 7") as e:
        decode_work(b'{"type": "hello", "protocol": 7, "id": 5}', 0)
    assert e.value.re == 5


@pytest.mark.parametrize("frames", [0, 2, 64])
def test_pixels_come_in_exactly_one_frame(frames: int) -> None:
    header = json.dumps({"type": "pixels", "job": JOB, "plane": "picture", "y": 0, "rows": 1}).encode()
    with pytest.raises(BadMessage):
        decode_work(header, frames)
    assert isinstance(decode_work(header, 1), PixelStrip)


def test_mutated_headers_are_understood_or_refused_and_nothing_else() -> None:
    rng = random.Random(1)
    good = json.dumps(SUBMIT).encode()
    understood = 0
    for _ in range(3000):
        header = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            header[rng.randrange(len(header))] = rng.randrange(256)
        try:
            decode_work(bytes(header), 0)
            understood += 1
        except BadMessage:
            pass
    assert 0 < understood < 3000


RUN = channel.Run(JOB, "invert", [("s@1", 1.0)], 1.0, {"a": 1}, Raster(1, 1, "u8", "rgba"), None, True, 0)


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
def test_a_message_between_worker_and_engine_survives_any_cutting(piece: int) -> None:
    data = channel.pack(channel.Beat()) + channel.pack(channel.Preview(JOB, 2, 1), b"12345678") + channel.pack(channel.Beat())
    unpacker = channel.Unpacker()
    unpacked = [m for i in range(0, len(data), piece) for m in unpacker.feed(data[i : i + piece])]
    assert unpacked == [(channel.Beat(), b""), (channel.Preview(JOB, 2, 1), b"12345678"), (channel.Beat(), b"")]


def test_a_job_reaches_the_worker_as_it_was_given() -> None:
    assert list(channel.Unpacker(at_worker=True).feed(channel.pack(RUN))) == [(RUN, b"")]


@pytest.mark.parametrize("data", [b"\xff" * 8, b"\x02\x00\x00\x00\x00\x00\x00\x00{}", channel.pack(RUN)])
def test_a_worker_that_talks_nonsense_is_found_out(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(channel.Unpacker().feed(data))
