# SPDX-License-Identifier: Apache-2.0
"""Valid messages of docs/protocol.md, and seeded ways to spoil them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from support.engine import STYLE

Header = dict[str, Any]
Message = tuple[Header, list[bytes]]

RASTER: Header = {"width": 16, "height": 12, "format": "u8", "order": "rgba"}
ROW = bytes(16 * 4)
MASKS: Header = {"width": 16, "height": 12, "channels": 1, "format": "u16"}
WHERE = {"x": 0, "y": 0, "full_width": 16, "full_height": 12}

JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 7, 2**31, 2**53 + 1, 2**64, -(2**70), 0.5, -0.0, 1e308, "", "x", "x" * 5000, "\0", "\ud83d",
    "../../etc/passwd", "a" * 32, "f" * 33, "u8", "picture", [], [[]], [1, 2, 3], [None] * 400, {}, {"a": {}}, {"type": "ping"},
]  # fmt: skip
TOKENS = [b"NaN", b"Infinity", b"1e999", b"-1e999", b"9" * 400, b'"\\ud800"', b"[" * 3000, b"\xff\xfe", b"'x'", b"0x10", b"01"]


def work_messages(job: str) -> list[Message]:
    """One of each, about `job`. `hello` apart: it would make the sender somebody else."""
    styles = [{"style": STYLE, "weight": 1.0}]
    submit = {"type": "submit", "id": 1, "job": job, "method": "invert", "styles": styles, "strength": 1.0, "raster": RASTER}
    return [
        ({"type": "catalogue", "page": 0, "id": 1}, []),
        ({**submit, "options": {"seed": 3}, "context": None, "previews": True, "have": 0}, []),
        ({**submit, "context": {**RASTER, **WHERE}}, []),
        ({"type": "pixels", "job": job, "plane": "picture", "y": 0, "rows": 12}, [ROW * 12]),
        ({"type": "pixels", "job": job, "plane": "picture", "y": 0, "rows": 3}, [ROW * 3]),
        ({"type": "pixels", "job": job, "plane": "context", "y": 0, "rows": 12}, [ROW * 12]),
        ({"type": "received", "job": job, "y": 0}, []),
        ({"type": "release", "job": job}, []),
        ({"type": "alive"}, []),
        ({"type": "style.put", "id": 2, "job": job, "name": "My harbour", "raster": RASTER, "refine": False}, []),
        ({"type": "style.remove", "id": 3, "style": "starry-night"}, []),
        ({"type": "style.rename", "id": 5, "style": "starry-night", "name": "Night"}, []),
        ({"type": "style.refine", "id": 4, "style": STYLE, "action": "status", "method": "invert"}, []),
        ({**submit, "masks": MASKS}, []),
        ({"type": "pixels", "job": job, "plane": "masks", "y": 0, "rows": 12}, [bytes(16 * 2 * 12)]),
    ]


def control_messages(job: str) -> list[Message]:
    """One of each but `shutdown`."""
    return [
        ({"type": "ping", "id": 1}, []),
        ({"type": "status", "id": 2}, []),
        ({"type": "cancel", "id": 3, "job": job}, []),
        ({"type": "alive"}, []),
    ]


def hello(secret: str) -> Message:
    fields = {"client": "test/1", "host": "pytest", "secret": secret, "nonce": "0" * 32}
    return {"type": "hello", "protocol": 1, **fields}, []


def spoiled(message: Message, rng: random.Random) -> list[bytes]:
    """The frames of `message` after some mutations; never as they were."""
    whole = [json.dumps(message[0]).encode(), *message[1]]
    while True:
        header, frames = copy.deepcopy(message[0]), list(message[1])
        for _ in range(rng.randint(0, 2)):
            rng.choice(_FIELDS)(header, rng)
        text = json.dumps(header).encode("utf-8", "surrogatepass")
        if rng.random() < 0.4:
            text = rng.choice(_BYTES)(text, rng)
        everything = [text, *frames]
        if rng.random() < 0.4:
            rng.choice(_FRAMES)(everything, rng)
        if everything != whole:
            return everything


def _some_object(header: Header, rng: random.Random) -> Header:
    """The header, or an object in it."""
    inner = [v for v in header.values() if isinstance(v, dict)]
    inner += [e for v in header.values() if isinstance(v, list) for e in v if isinstance(e, dict)]
    return rng.choice([header, *inner])


def _replace(header: Header, rng: random.Random) -> None:
    target = _some_object(header, rng)
    if target:
        target[rng.choice(list(target))] = copy.deepcopy(rng.choice(JUNK))


def _drop(header: Header, rng: random.Random) -> None:
    target = _some_object(header, rng)
    if target:
        del target[rng.choice(list(target))]


def _add(header: Header, rng: random.Random) -> None:
    _some_object(header, rng)[rng.choice(["id", "job", "path", "", "x" * 200, "re", "raster"])] = copy.deepcopy(
        rng.choice(JUNK)
    )


def _retype(header: Header, rng: random.Random) -> None:
    types = [
        "hello ",
        "submit",
        "pixels",
        "received",
        "release",
        "catalogue",
        "style.put",
        "welcome",
        "status",
        "done",
        "SUBMIT",
    ]
    header["type"] = rng.choice(types)


def _number(header: Header, rng: random.Random) -> None:
    target = _some_object(header, rng)
    numbers = [k for k, v in target.items() if isinstance(v, int | float)]
    if numbers:
        target[rng.choice(numbers)] = rng.choice([-1, 0, 1, 11, 13, 65535, 65536, 2**29, 2**31, 2**53, 0.5, float(2**60)])


_FIELDS: list[Callable[[Header, random.Random], None]] = [_replace, _drop, _add, _retype, _number, _number]


def _flip(text: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(text)
    for _ in range(rng.randint(1, 4)):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _cut(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(len(text) + 1)]


def _insert(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice([rng.choice(TOKENS), rng.randbytes(rng.randint(1, 40)), text]) + text[at:]


def _token(text: bytes, rng: random.Random) -> bytes:
    """A number of the header becomes something JSON has no number for."""
    return text.replace(rng.choice([b"1.0", b"12", b"16", b" 0", b" 1"]), rng.choice(TOKENS))


def _noise(text: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 10, 1000, 70_000]))


def _pad(text: bytes, rng: random.Random) -> bytes:
    return text + b" " * rng.choice([1, 60_000, 66_000])


_BYTES: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _insert, _token, _noise, _pad]


def _fewer(frames: list[bytes], rng: random.Random) -> None:
    if len(frames) > 1:
        del frames[rng.randrange(len(frames))]


def _more(frames: list[bytes], rng: random.Random) -> None:
    frames += [rng.randbytes(rng.choice([0, 1, 64, 4096]))] * rng.choice([1, 2, 63, 64, 65, 300])


def _resize(frames: list[bytes], rng: random.Random) -> None:
    frames[-1] = rng.choice([b"", frames[-1][:-1], frames[-1] + b"\0", frames[-1] * 2, bytes(200_000)])


def _reorder(frames: list[bytes], rng: random.Random) -> None:
    rng.shuffle(frames)


def _empty_first(frames: list[bytes], rng: random.Random) -> None:
    frames.insert(0, b"")  # what a REQ socket puts there


_FRAMES: list[Callable[[list[bytes], random.Random], None]] = [_fewer, _more, _resize, _reorder, _empty_first]
