# SPDX-License-Identifier: Apache-2.0
"""What a session may expect of a link, asked of both links alike, against libzmq, over both transports."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import zmq
from routers import PASSWORD, Router

from scumble.cli.zmqlink import CurveKeys, ZmqLink, curve_link
from scumble.client.errors import EngineError
from scumble.client.link import AnyLink, Link, wait
from scumble.client.wire import MAX_FRAME, Message

LINKS = {"standard-library": Link, "pyzmq": ZmqLink}
OpenRouter = Callable[..., Router]


@pytest.fixture(params=["ipc", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=LINKS)
def open_link(request: pytest.FixtureRequest) -> Callable[[str, str], AnyLink]:
    kind: Callable[[str, str], AnyLink] = LINKS[request.param]
    return kind


@pytest.fixture
def open_router(transport: str, user_folders: Path) -> Iterator[OpenRouter]:
    opened: list[Router] = []

    def open(**options: Any) -> Router:
        opened.append(Router(transport, user_folders, **options))
        return opened[-1]

    yield open
    for router in opened:
        router.close()


@contextmanager
def linked(open_link: Callable[[str, str], AnyLink], router: Router) -> Iterator[AnyLink]:
    with closing(open_link(router.endpoint, PASSWORD)) as link:
        yield link


def receive(link: AnyLink, count: int = 1, seconds: float = 60.0, **kwargs: Any) -> list[Message]:
    messages: list[Message] = []
    end = time.monotonic() + seconds
    while len(messages) < count:
        assert time.monotonic() < end, f"{len(messages)} of {count} messages came in {seconds} s"
        messages += link.poll(0.2, **kwargs)
    return messages


def fail(link: AnyLink, seconds: float = 60.0) -> EngineError:
    """The error the link ends with."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            link.poll(0.2)
        except EngineError as e:
            return e
    raise AssertionError(f"the link still stands after {seconds} s")


def test_frames_come_back_as_they_went(open_link: Any, open_router: OpenRouter) -> None:
    frames = [b"{}", b"", os.urandom(255), os.urandom(256), os.urandom(70_000), os.urandom(3 << 20), b"end"]
    with linked(open_link, open_router()) as link:
        link.send(frames)
        assert [bytes(f) for f in receive(link)[0]] == frames


def test_what_is_sent_before_the_handshake_arrives_after_it_in_order(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        assert not link.ready
        for i in range(200):
            link.send([b"%d" % i])
        assert [int(bytes(m[0])) for m in receive(link, 200)] == list(range(200))
        assert link.ready


def test_any_buffer_is_sent_by_its_bytes(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        floats = memoryview(bytearray(os.urandom(80_000))).cast("f")
        link.send([b"{}", bytearray(b"abc"), floats, memoryview(b"0123456789")[2:5]])
        assert [bytes(f) for f in receive(link)[0]] == [b"{}", b"abc", floats.tobytes(), b"234"]


def test_a_wrong_password_is_refused_by_name(open_link: Any, open_router: OpenRouter) -> None:
    with closing(open_link(open_router().endpoint, "a wrong password")) as link:
        link.send([b"secret"])
        error = fail(link)
        assert error.code == "engine-refused"
        assert error.hint


def test_where_nothing_listens_the_engine_is_lost(open_link: Any, open_router: OpenRouter) -> None:
    router = open_router()
    router.close()
    with pytest.raises(EngineError) as caught, closing(open_link(router.endpoint, PASSWORD)) as link:
        raise fail(link)
    assert caught.value.code == "engine-lost"


def test_an_engine_that_goes_away_is_lost_and_stays_so(open_link: Any, open_router: OpenRouter) -> None:
    router = open_router()
    with linked(open_link, router) as link:
        link.send([b"hello"])
        receive(link)
        router.close()
        assert fail(link).code == "engine-lost"
        for use in (link.poll, lambda: link.send([b"again"])):
            with pytest.raises(EngineError):
                use()


def test_the_largest_frame_passes_and_one_byte_more_is_not_even_sent(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        with pytest.raises(EngineError) as caught:
            link.send([b"{}", bytes(MAX_FRAME + 1)])
        assert caught.value.code == "too-large"
        largest = os.urandom(MAX_FRAME)
        link.send([b"{}", largest])
        assert bytes(receive(link)[0][1]) == largest


def test_a_frame_above_the_limit_ends_the_connection(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        link.send([b"send %d" % (MAX_FRAME + 1)])
        assert fail(link).code in ("too-large", "engine-lost")


def test_sending_never_waits_for_a_peer_that_does_not_read(open_link: Any, open_router: OpenRouter) -> None:
    router = open_router()
    with linked(open_link, router) as link:
        link.send([b"hello"])
        receive(link)
        router.hold()
        time.sleep(0.1)
        strip = bytes(1 << 20)
        began = time.monotonic()
        for i in range(64):
            link.send([b"%d" % i, strip])
            link.poll(0)
        assert time.monotonic() - began < 3
        assert link.pending > 0
        router.resume()
        assert [int(bytes(m[0])) for m in receive(link, 64)] == list(range(64))
        assert link.pending == 0


def test_one_poll_gives_little_more_than_its_budget(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        for _ in range(16):
            link.send([b"{}", bytes(256 << 10)])
        sizes = [0]
        end = time.monotonic() + 60
        while sum(sizes) < 4 << 20 and time.monotonic() < end:
            time.sleep(0.02)  # for several budgets to lie ready
            sizes.append(sum(len(m[1]) for m in link.poll(0, budget=512 << 10)))
        assert sum(sizes) == 4 << 20
        assert max(sizes) <= (512 + 256) << 10


def test_a_poll_with_nothing_to_come_ends_at_its_timeout(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        link.send([b"hello"])
        receive(link)
        began = time.monotonic()
        assert link.poll(0.2) == []
        assert 0.19 <= time.monotonic() - began < 1
        began = time.monotonic()
        link.poll(0)
        assert time.monotonic() - began < 0.1


def test_waiting_ends_when_a_message_comes(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        link.send([b"hello"])
        receive(link)
        link.send([b"again"])
        messages = link.poll(0)
        began = time.monotonic()
        while not messages and time.monotonic() - began < 5:
            wait([link], 5)
            messages = link.poll(0)
        assert messages
        assert time.monotonic() - began < 2


def test_heartbeats_are_answered(open_link: Any, open_router: OpenRouter) -> None:
    """libzmq hangs up on a peer that leaves its PING unanswered for `heartbeat_timeout`."""
    with linked(open_link, open_router(heartbeat_ivl=50, heartbeat_timeout=400)) as link:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            link.poll(0.05)
        link.send([b"still here"])
        assert bytes(receive(link)[0][0]) == b"still here"


def test_a_closed_link_says_so_and_closes_twice(open_link: Any, open_router: OpenRouter) -> None:
    with linked(open_link, open_router()) as link:
        link.close()
        with pytest.raises(EngineError):
            link.poll()


@pytest.mark.parametrize("allowed", [True, False])
def test_curve_lets_in_the_keys_on_its_list_alone(transport: str, user_folders: Path, allowed: bool) -> None:
    engine_public, engine_secret = zmq.curve_keypair()
    public, secret = zmq.curve_keypair()
    known = public if allowed else zmq.curve_keypair()[0]
    router = Router(transport, user_folders, zmq.utils.z85.decode(known), curve_server=True, curve_secretkey=engine_secret)
    with closing(router), closing(curve_link(CurveKeys(engine_public, public, secret))(router.endpoint, "")) as link:
        assert link.proven
        link.send([b"hello"])
        if allowed:
            assert bytes(receive(link)[0][0]) == b"hello"
        else:
            assert fail(link).code == "engine-refused"


def test_curve_lets_nobody_in_through_an_engine_with_another_key(user_folders: Path) -> None:
    """libzmq drops such an engine without a word; the session's handshake deadline ends the wait."""
    _, engine_secret = zmq.curve_keypair()
    keys = CurveKeys(zmq.curve_keypair()[0], *zmq.curve_keypair())
    router = Router("tcp", user_folders, None, curve_server=True, curve_secretkey=engine_secret)
    with closing(router), closing(curve_link(keys)(router.endpoint, "")) as link:
        link.send([b"hello"])
        with suppress(EngineError):
            assert link.poll(1.0) == []
        assert not link.ready
        assert router.messages == 0
