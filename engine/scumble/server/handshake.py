# SPDX-License-Identifier: Apache-2.0
"""Hello and welcome, the same on both sockets (docs/protocol.md, section 3).

Invariant: only a connection that its mechanism has proven reaches this code; the engine in turn proves itself with the
token, except over CURVE, where its key has done so already (and where a proof would help a remote client to pose as us).
"""

from __future__ import annotations

import os
from typing import Any

import zmq

from scumble.server import auth, limits, messages
from scumble.server.messages import BadMessage, Hello, error_fields
from scumble.server.shared import Facts


class Handshake:
    """Answers hello with welcome."""

    def __init__(self, token: str, version: str) -> None:
        self._token = token
        self._version = version

    def first(self, frames: list[zmq.Frame], facts: Facts) -> tuple[Hello, dict[str, Any]]:
        """The hello a connection began with, and its answer. Raises BadMessage, "hello-first" where it is none."""
        header = frames[0].buffer if frames else b""
        peeked = messages.peek(header)
        if peeked.type != "hello":
            raise BadMessage("hello-first", "The first message on a connection is hello.", "", peeked.id)
        hello = messages.decode_work(header, len(frames) - 1)
        assert isinstance(hello, Hello)
        return hello, self.welcome(hello, frames[0], facts)

    def welcome(self, hello: Hello, frame: zmq.Frame, facts: Facts) -> dict[str, Any]:
        return {
            "type": "welcome",
            "re": hello.id,
            "protocol": limits.PROTOCOL,
            "engine": self._version,
            "pid": os.getpid(),
            "proof": "" if is_remote(frame) else auth.proof(self._token, hello.nonce),
            **state_fields(facts),
            "devices": facts.devices,
            "limits": {
                "header": limits.HEADER,
                "strip": limits.STRIP,
                "side": limits.SIDE,
                "pixels": limits.PIXELS,
                "jobs": limits.QUEUE_EACH,
            },
            "revision": facts.revision,
        }


def state_fields(facts: Facts) -> dict[str, Any]:
    """The engine's state as fields of a welcome, a pong or a status answer; `problem` is there where it is broken."""
    state = facts.state if facts.state in ("ready", "broken") else "starting"
    if facts.problem is None:
        return {"state": state}
    return {"state": state, "problem": error_fields(facts.problem.code, facts.problem.message, facts.problem.hint)}


def is_remote(frame: zmq.Frame) -> bool:
    """Whether the message came over CURVE."""
    return frame.get("User-Id") == auth.CURVE_USER.decode()
