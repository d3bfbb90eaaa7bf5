# SPDX-License-Identifier: Apache-2.0
"""The control socket's thread: ping, status, cancel, shutdown (docs/protocol.md, section 7).

Invariant: it waits for nothing but its socket, so it answers in milliseconds whatever broker and worker do; a message that
meets a bug is answered, and a socket that breaks ends the engine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import psutil
import zmq

from scumble.server import limits, messages
from scumble.server.handshake import Handshake, state_fields
from scumble.server.jobs import internal_error
from scumble.server.messages import BadMessage, encode, error, refusal
from scumble.server.shared import CancelAsked, Inbox, KeepAsked, SharedStatus, StopAsked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """Facts about the engine that never change while it runs."""

    version: str
    pid: int
    log: str


class ControlThread(threading.Thread):
    """Owns `sock`, a bound ROUTER, from `start` until its context ends."""

    def __init__(self, sock: zmq.Socket[bytes], handshake: Handshake, about: About, shared: SharedStatus, inbox: Inbox) -> None:
        super().__init__(name="control", daemon=True)
        self._socket, self._handshake, self._about = sock, handshake, about
        self._shared, self._inbox = shared, inbox
        self._began = time.monotonic()
        self._secrets: OrderedDict[bytes, str] = OrderedDict()
        """Who sent hello on which route; the longest silent go first."""

    def run(self) -> None:
        try:
            while True:
                route, *frames = self._socket.recv_multipart(copy=False)
                self._reply(route.bytes, self._answer_or_refuse(route.bytes, frames))
        except zmq.ContextTerminated:
            pass
        except Exception:
            log.exception("the control socket broke")
            self._inbox.put(StopAsked("the control socket broke"))
        finally:
            self._socket.close()

    def _reply(self, route: bytes, header: dict[str, Any] | None) -> None:
        if header is None:
            return
        for last in (False, True):
            try:
                self._socket.send_multipart([route, encode(header)], zmq.NOBLOCK)
            except zmq.Again:
                # libzmq learns now and then only what its peers have read; to ask for the events makes it look.
                self._socket.getsockopt(zmq.EVENTS)
                if last:
                    log.warning("a client does not read its control socket")
            except zmq.ZMQError as e:
                if e.errno != zmq.EHOSTUNREACH:
                    raise
                return
            else:
                return

    def _answer_or_refuse(self, route: bytes, frames: list[zmq.Frame]) -> dict[str, Any] | None:
        try:
            return self._answer(route, frames)
        except BadMessage as e:
            return error(e.code, e.message, e.hint, e.re)
        except Exception:
            log.exception("a message on the control socket could not be handled")
            return refusal(internal_error(), messages.number(frames[0].buffer) if frames else None)

    def _answer(self, route: bytes, frames: list[zmq.Frame]) -> dict[str, Any] | None:
        secret = self._secrets.get(route)
        if secret is None:
            hello, welcome = self._handshake.first(frames, self._shared.facts)
            self._remember(route, hello.secret)
            return welcome
        message = messages.decode_control(frames[0].buffer if frames else b"", len(frames) - 1)
        self._secrets.move_to_end(route)
        match message:
            case messages.Hello():
                self._remember(route, message.secret)
                return self._handshake.welcome(message, frames[0], self._shared.facts)
            case messages.Ping():
                facts = self._shared.facts
                return {"type": "pong", "re": message.id, **state_fields(facts), "state": facts.state}
            case messages.Status():
                return {"type": "status", "re": message.id, **self._status()}
            case messages.Cancel() | messages.Keep():
                if self._shared.owner(message.job) != secret:
                    return error("job-unknown", "There is no such picture in work.", "", message.id)
                keep = isinstance(message, messages.Keep)
                self._inbox.put(KeepAsked(message.job) if keep else CancelAsked(message.job))
                return {"type": "keeping" if keep else "cancelling", "re": message.id, "job": message.job}
            case messages.Shutdown():
                self._inbox.put(StopAsked("a client asked for it"))
                return {"type": "stopping", "re": message.id}
            case messages.Alive():
                return None

    def _remember(self, route: bytes, secret: str) -> None:
        self._secrets[route] = secret
        self._secrets.move_to_end(route)
        while len(self._secrets) > limits.CONTROL_ROUTES:
            self._secrets.popitem(last=False)

    def _status(self) -> dict[str, Any]:
        facts = self._shared.facts
        return {
            **state_fields(facts),
            "state": facts.state,
            "version": self._about.version,
            "pid": self._about.pid,
            "uptime": round(time.monotonic() - self._began, 3),
            "clients": facts.clients,
            **self._shared.figures(),
            "device": facts.devices[0]["id"] if facts.devices else None,
            "devices": facts.devices,
            "worker": {"pid": facts.worker, "restarts": facts.restarts, "rss": _rss(facts.worker)},
            "refining": facts.refining,
            "log": self._about.log,
        }


def _rss(pid: int | None) -> int | None:
    """Bytes of memory a process has, None where there is no such process."""
    try:
        return None if pid is None else int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
