# SPDX-License-Identifier: Apache-2.0
"""A small engine that speaks docs/protocol.md, in a thread: it inverts pictures, keeps a record, and misbehaves on request."""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from routers import DOMAIN, answer_zap, bind

from scumble.client.channel import password, proof
from scumble.client.locate import Connection
from scumble.client.process import start_time

Header = dict[str, Any]
INVERT = bytes(reversed(range(256)))
METHOD = {
    "id": "invert",
    "title": "Invert",
    "paper": "none",
    "purpose": "Tests.",
    "capabilities": {"blend": True},
    "options": [{"name": "seed", "title": "Seed", "help": "None.", "kind": "int", "default": 0, "unheard": "of"}],
    "unheard": "of",
}


@dataclass
class FakeJob:
    header: Header
    client: bytes
    planes: dict[str, bytearray] = field(
        default_factory=lambda: {"context": bytearray(), "masks": bytearray(), "picture": bytearray()}
    )
    state: str = "receiving"
    sent: int = 0
    unacknowledged: int = 0
    reported: bool = False

    @property
    def stride(self) -> int:
        return int(self.header["raster"]["width"]) * {"u8": 4, "u16": 8, "f16": 8, "f32": 16}[self.header["raster"]["format"]]

    @property
    def rows(self) -> int:
        return len(self.planes["picture"]) // self.stride

    @property
    def context_rows(self) -> int:
        context = self.header.get("context")
        return len(self.planes["context"]) // (4 * context["width"]) if context else 0

    @property
    def mask_stride(self) -> int:
        masks = self.header["masks"]
        return int(masks["width"] * masks["channels"]) * {"u8": 1, "u16": 2, "f32": 4}[masks["format"]]

    @property
    def mask_rows(self) -> int:
        return len(self.planes["masks"]) // self.mask_stride if self.header.get("masks") else 0

    @property
    def complete(self) -> bool:
        context, masks = self.header.get("context"), self.header.get("masks")
        beside = (not context or self.context_rows == context["height"]) and (not masks or self.mask_rows == masks["height"])
        return self.rows == self.header["raster"]["height"] and beside


class FakeEngine:
    """Listens as soon as it is made, with a connection file in `folder` unless `announce` is false.

    `knows_token` false makes it an impostor. `lets_in` false refuses every password. `running` false keeps jobs from running.
    `received` and `control_received` are the headers that came; `pixels` counts the bytes that came in further frames.
    """

    def __init__(
        self,
        folder: Path,
        transport: str = "ipc",
        *,
        announce: bool = True,
        state: str = "ready",
        knows_token: bool = True,
        lets_in: bool = True,
        running: bool = True,
        strip_rows: int = 16,
        credit: int = 4,
        styles: int = 3,
    ) -> None:
        self.received: list[Header] = []
        self.control_received: list[Header] = []
        self.pixels = 0
        self.most_unacknowledged = 0
        self.state, self.running, self.styles, self.credit = state, running, styles, credit
        self.tamper: Callable[[Header], Header | None] = lambda header: header
        """What becomes of a header before it is sent; None keeps it back."""
        self.jobs: dict[str, FakeJob] = {}
        self._strip_rows = strip_rows
        self._transport, self._folder = transport, folder
        self._lets_in = lets_in
        token = secrets.token_hex(32)
        self._proof_token = token if knows_token else "0" * 64
        self._tasks: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._end = threading.Event()
        self._context = zmq.Context()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        name = secrets.token_hex(2)
        self._names = (f"w{name}", f"c{name}")
        self._endpoints: list[str] = []
        self._open()
        own = os.getpid()
        work, control = self._endpoints
        self.connection = Connection(work, control, token, own, start_time(own) or time.time(), "0.0.1")
        self._token = token
        if announce:
            self.announce()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def announce(self) -> None:
        """Write the connection file."""
        path = self._folder / "engine.json"
        temporary = path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w") as f:
            json.dump({"protocol": 1, **vars(self.connection)}, f)
        temporary.rename(path)

    def stop(self) -> None:
        """End for good, as a killed engine does: the connection file stays."""
        self._end.set()
        self._thread.join(60)

    def hang_up(self) -> None:
        """Drop every connection and listen no more until `listen_again`; jobs are kept."""

        def drop() -> None:
            self._away = True
            self._work.close()
            self._control.close()

        self.do(drop)

    def listen_again(self) -> None:
        self.do(self._open)

    def do(self, task: Callable[[], None]) -> None:
        """Run `task` in the engine's thread."""
        done = threading.Event()
        self._tasks.put((task, done))
        assert done.wait(60)

    def send(self, client: bytes, header: Header, *frames: bytes, socket: zmq.Socket[bytes] | None = None) -> None:
        tampered = self.tamper(dict(header))
        if tampered is not None:
            (socket or self._work).send_multipart([client, json.dumps(tampered).encode(), *frames])

    def types(self) -> list[str]:
        """Of the headers that came for work."""
        return [header["type"] for header in self.received]

    def _open(self) -> None:
        self._away = False
        self._work, work = self._listen(0)
        self._control, control = self._listen(1)
        self._endpoints = [work, control]

    def _listen(self, which: int) -> tuple[zmq.Socket[bytes], str]:
        """A ROUTER where it listened before, or where there is room."""
        socket = self._context.socket(zmq.ROUTER)
        socket.linger, socket.plain_server, socket.zap_domain, socket.maxmsgsize = 0, True, DOMAIN, 16 << 20
        if self._endpoints:
            socket.bind(self._endpoints[which])
            return socket, self._endpoints[which]
        return socket, bind(socket, self._transport, self._folder, self._names[which])

    def _run(self) -> None:
        while not self._end.is_set():
            while not self._tasks.empty():
                task, done = self._tasks.get()
                task()
                done.set()
            poller = zmq.Poller()
            for socket in (self._zap,) if self._away else (self._zap, self._work, self._control):
                poller.register(socket, zmq.POLLIN)
            ready = dict(poller.poll(10))
            if self._zap in ready:
                answer_zap(self._zap, password(self._token).encode() if self._lets_in else b"nobody")
            for socket, hear in ((self._control, self._hear_control), (self._work, self._hear_work)):
                if socket in ready:
                    client, text, *frames = socket.recv_multipart()
                    self.pixels += sum(map(len, frames))
                    hear(client, json.loads(text), frames)
            for job in self.jobs.values() if not self._away else ():
                self._advance(job)
        self._context.destroy(0)

    def _greet(self, client: bytes, header: Header, socket: zmq.Socket[bytes]) -> None:
        welcome = {
            "type": "welcome",
            "protocol": 1,
            "engine": "0.0.1",
            "pid": self.connection.pid,
            "proof": proof(self._proof_token, header["nonce"]),
            "state": self.state,
            "devices": [{"id": "cpu", "name": "fake"}],
            "limits": {"header": 65536, "strip": 8388608, "side": 65535, "pixels": 536870912, "jobs": 8},
            "revision": 7,
            "unheard": "of",
        }
        self.send(client, welcome, socket=socket)

    def _hear_control(self, client: bytes, header: Header, _frames: list[bytes]) -> None:
        self.control_received.append(header)
        answers: dict[str, Header] = {
            "ping": {"type": "pong", "state": self.state},
            "status": {"type": "status", "state": self.state, "pid": self.connection.pid},
            "shutdown": {"type": "stopping"},
        }
        if header["type"] == "hello":
            self._greet(client, header, self._control)
        elif header["type"] == "cancel":
            job = self.jobs.get(header["job"])
            answer: Header = {"type": "cancelling", "job": header["job"]} if job else _error("job-unknown")
            self.send(client, {**answer, "re": header["id"]}, socket=self._control)
            if job and job.state != "cancelled":
                job.state = "cancelled"
                self.send(job.client, {"type": "cancelled", "job": header["job"]})
        else:
            self.send(client, {**answers[header["type"]], "re": header["id"]}, socket=self._control)

    def _hear_work(self, client: bytes, header: Header, frames: list[bytes]) -> None:
        self.received.append(header)
        kind = header["type"]
        if kind == "hello":
            self._greet(client, header, self._work)
        elif kind == "catalogue":
            self._catalogue(client, header)
        elif kind in ("submit", "style.put"):
            self._submit(client, header)
        elif kind == "pixels":
            job = self.jobs[header["job"]]
            plane = job.planes[header["plane"]]
            strides = {"picture": lambda: job.stride, "masks": lambda: job.mask_stride}
            stride = strides.get(header["plane"], lambda: 4 * job.header["context"]["width"])()
            assert header["y"] * stride == len(plane)
            assert header["rows"] * stride == len(frames[0])
            plane += frames[0]
            self.send(client, {"type": "credit", "job": header["job"], "credit": 1})
        elif kind == "received":
            self.jobs[header["job"]].unacknowledged -= 1
        elif kind == "style.remove":
            known = header["style"] == "s0"
            answer: Header = {"type": "removed", "style": "s0", "catalogue": 9} if known else _error("style-unknown")
            self.send(client, {**answer, "re": header["id"]})
        elif kind == "style.rename":
            about = {"style": header["style"], "title": header["name"].strip(), "catalogue": 10}
            self.send(client, {"type": "renamed", **about, "re": header["id"]})
        elif kind == "style.refine":
            refining = {"type": "refining", "style": "s0@1", "method": "invert", "revision": 1, "catalogue": 7}
            running = {**refining, "state": "running", "fraction": 0.5, "text": "step 1 of 2"}
            self.send(client, {**running, "re": header["id"]})
            if header["action"] == "start":
                self.send(client, {**running, "fraction": 0.75})
                done = {"style": "s0@2", "state": "done", "revision": 2, "catalogue": 8, "fraction": 1.0, "text": ""}
                self.send(client, {**refining, **done})
        elif kind == "release":
            self.jobs.pop(header["job"], None)

    def _catalogue(self, client: bytes, header: Header) -> None:
        first = header["page"] * 2
        styles = [
            {
                "id": f"s{i}",
                "revision": 1,
                "title": f"S {i}",
                "artist": None,
                "year": None,
                "licence": None,
                "own": False,
                "methods": ["invert"],
                "thumbnail": None if i == 0 else i - first,
            }
            for i in range(first, min(first + 2, self.styles))
        ]
        pages = max(1, (self.styles + 1) // 2)
        page = {"type": "catalogue", "re": header["id"], "page": header["page"], "pages": pages, "revision": 7}
        methods: Header = {"methods": [METHOD]} if header["page"] == 0 else {}
        self.send(client, {**page, **methods, "styles": styles}, *(b"png %d" % (first + k) for k in range(len(styles))))

    def _submit(self, client: bytes, header: Header) -> None:
        job = self.jobs.setdefault(header["job"], FakeJob(header, client))
        job.client = client
        job.sent, job.unacknowledged, job.reported = header.get("have", 0), 0, False
        accepted = {"type": "accepted", "re": header["id"], "job": header["job"], "state": job.state, "position": 0}
        place = {"rows": job.rows, "context_rows": job.context_rows, "mask_rows": job.mask_rows, "credit": self.credit}
        self.send(client, {**accepted, **place})

    def _advance(self, job: FakeJob) -> None:
        if job.state == "receiving" and job.complete:
            job.state = "running"
            self._progress(job, 0.5)
            if job.header.get("previews"):
                shape = {"width": 1, "height": 1, "format": "u8", "order": "rgba"}
                self.send(job.client, {"type": "preview", "job": job.header["job"], **shape}, b"\1\2\3\4")
        if job.state == "running" and self.running:
            job.state = "done"
        if job.state == "done" and not job.reported:
            self._deliver(job)

    def _deliver(self, job: FakeJob) -> None:
        name, height = job.header["job"], job.header["raster"]["height"]
        if job.header["type"] == "style.put":
            job.reported = True
            self.send(job.client, {"type": "style", "job": name, "style": "put@1", "catalogue": 8})
            return
        while job.sent < height and job.unacknowledged < 4:
            rows = min(self._strip_rows, height - job.sent)
            strip = job.planes["picture"][job.sent * job.stride : (job.sent + rows) * job.stride].translate(INVERT)
            job.unacknowledged += 1
            self.most_unacknowledged = max(self.most_unacknowledged, job.unacknowledged)
            self.send(job.client, {"type": "result", "job": name, "y": job.sent, "rows": rows}, bytes(strip))
            job.sent += rows
        if job.sent == height:
            job.reported = True
            styles = [f"{s['style'].partition('@')[0]}@1" for s in job.header["styles"]]
            done = {"type": "done", "job": name, "seconds": 0.5, "styles": styles, "device": "cpu"}
            self.send(job.client, done)

    def _progress(self, job: FakeJob, fraction: float) -> None:
        place = {"state": "running", "position": 0, "fraction": fraction, "text": "half"}
        self.send(job.client, {"type": "progress", "job": job.header["job"], **place})


def _error(code: str) -> Header:
    return {"type": "error", "code": code, "message": f"It is {code}.", "hint": "Do something."}
