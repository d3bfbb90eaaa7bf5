# SPDX-License-Identifier: Apache-2.0
"""A real engine process in the test's own folders, and a client that speaks bare protocol, for tests of the wire."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import zmq

from scumble.library.styles import StyleStore
from scumble.methods.registry import methods as registered

SUPPORT = Path(__file__).parent
TEST_METHODS = "-,scumble_test_methods"
STYLE = "test-style"


class Engine:
    """An engine process. `plugins` None means the built-in methods, with torch. `limits` are set before it serves, and
    `first` is Python that runs before it."""

    def __init__(
        self,
        *arguments: str,
        plugins: str | None = TEST_METHODS,
        ready: bool = True,
        style: bool = True,
        limits: dict[str, float | None] | None = None,
        first: str = "",
    ) -> None:
        self.runtime = Path(os.environ["SCUMBLE_RUNTIME_DIR"])
        if style:
            add_style()
        self.process = subprocess.Popen(
            [sys.executable, *_program(limits or {}, first), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(plugins),
        )
        try:
            if ready:
                self.wait_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def connection(self) -> dict[str, Any]:
        written: dict[str, Any] = json.loads((self.runtime / "engine.json").read_text())
        return written

    def wait_listening(self, seconds: float = 60.0) -> None:
        wait_for(lambda: self._published() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, f"the engine ended with code {self.process.returncode}"

    def _published(self) -> bool:
        """Whether the connection file is this engine's: a killed one may have left another."""
        try:
            return bool(self.connection["pid"] == self.process.pid)
        except FileNotFoundError:
            return False

    def wait_ready(self, seconds: float = 120.0) -> None:
        self.wait_listening()
        with self.control() as peer:
            wait_for(lambda: peer.ask("ping")["state"] == "ready", seconds)

    def peer(self, **kwargs: Any) -> Peer:
        """A client of the work socket that has sent hello."""
        return Peer(self.connection, "work", **kwargs)

    def control(self, **kwargs: Any) -> Peer:
        return Peer(self.connection, "control", **kwargs)

    def status(self) -> dict[str, Any]:
        with self.control() as peer:
            return peer.ask("status")

    def log(self) -> str:
        return (Path(os.environ["SCUMBLE_CACHE_DIR"]) / "log" / "engine.log").read_text()

    def stop(self, seconds: float = 60.0) -> int:
        """End it with SIGTERM, or SIGKILL where that is not enough. Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            if self.process.stdout:
                self.process.stdout.close()

    def output(self) -> str:
        """What an engine that has ended wrote to its terminal."""
        assert self.process.stdout
        return self.process.stdout.read().decode()


class Peer:
    """A pyzmq DEALER with nothing between the test and the wire. `secret` makes it the same client again."""

    def __init__(
        self,
        connection: dict[str, Any],
        which: str = "work",
        *,
        secret: str | None = None,
        password: str | None = None,
        hello: bool = True,
        host: str = "pytest",
    ) -> None:
        self.host = host
        self.secret = secret or secrets.token_hex(16)
        self._token = connection["token"]
        self._number = 0
        self._kept: list[dict[str, Any]] = []
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.plain_username = b"client"
        self.socket.plain_password = (password or keyed(self._token, "client")).encode()
        self.socket.ipv6 = "[" in connection[which]
        self.socket.connect(connection[which])
        self.welcome = self.hello() if hello else {}

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def hello(self) -> dict[str, Any]:
        nonce = secrets.token_hex(16)
        self.send(type="hello", protocol=1, client="test/1", host=self.host, secret=self.secret, nonce=nonce)
        welcome = self.next("welcome")
        assert welcome["proof"] == keyed(self._token, "engine:" + nonce)
        return welcome

    def send(self, *frames: bytes, **header: Any) -> None:
        self.socket.send_multipart([json.dumps(header).encode(), *frames])

    def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """Send a request, and give the answer that carries its number."""
        self._number += 1
        self.send(type=type, id=self._number, **fields)
        return self.next(re=self._number)

    def listed(self, style: str) -> dict[str, Any]:
        """What the catalogue says of a style, on whichever of its pages that stands."""
        page = self.ask("catalogue", page=0)
        for number in range(1, page["pages"]):
            page["styles"] += self.ask("catalogue", page=number)["styles"]
        entry: dict[str, Any] = next(s for s in page["styles"] if s["id"] == style)
        return entry

    def receive(self, seconds: float = 60.0) -> tuple[dict[str, Any], list[bytes]]:
        """The next message. Raises TimeoutError."""
        if not self.socket.poll(int(seconds * 1000)):
            raise TimeoutError(f"nothing came for {seconds} s")
        header, *frames = self.socket.recv_multipart()
        return json.loads(header), frames

    def next(self, *types: str, seconds: float = 60.0, **fields: Any) -> dict[str, Any]:
        """The next message of one of `types` (or of any) with these fields; `frames` holds its frames.

        Others are kept for a later call, except for those that only say how things stand.
        """
        until = time.monotonic() + seconds
        for n, message in enumerate(self._kept):
            if _fits(message, types, fields):
                return self._kept.pop(n)
        while True:
            header, frames = self.receive(max(0.0, until - time.monotonic()))
            message = header | {"frames": frames}
            if _fits(message, types, fields):
                return message
            if header["type"] not in ("progress", "preview", "alive"):
                self._kept.append(message)

    def submit(self, pixels: np.ndarray, method: str = "invert", *, send: bool = True, **fields: Any) -> str:
        """Submit (H, W, 4) and, if it is accepted and `send`, all of its strips. The job's id."""
        job = fields.pop("job", None) or secrets.token_hex(16)
        formats = {"uint8": "u8", "uint16": "u16", "float16": "f16", "float32": "f32"}
        raster = {"width": pixels.shape[1], "height": pixels.shape[0], "format": formats[pixels.dtype.name], "order": "rgba"}
        request = {"method": method, "styles": [{"style": STYLE, "weight": 1.0}], "raster": raster} | fields
        answer = self.ask("submit", job=job, **request)
        self.answer = answer
        if send and answer["type"] == "accepted" and answer["state"] == "receiving":
            self.send_rows(job, pixels, answer["rows"], answer["credit"])
        return job

    def send_rows(self, job: str, pixels: np.ndarray, start: int = 0, credit: int = 4) -> None:
        step = max(1, (8 << 20) // (pixels.nbytes // len(pixels)))
        for y in range(start, len(pixels), step):
            while credit < 1:
                credit += self.next("credit", job=job)["credit"]
            band = pixels[y : y + step]
            self.send(band.tobytes(), type="pixels", job=job, plane="picture", y=y, rows=len(band))
            credit -= 1

    def finish(self, job: str, seconds: float = 60.0) -> tuple[dict[str, Any], bytes]:
        """Follow a job to its end: the header that ends it, and the result's bytes."""
        result = b""
        until = time.monotonic() + seconds
        while True:
            message = self.next(
                "result", "done", "failed", "cancelled", "style", job=job, seconds=max(0.0, until - time.monotonic())
            )
            if message["type"] != "result":
                return message, result
            result += message["frames"][0]
            self.send(type="received", job=job, y=message["y"])


def _fits(message: dict[str, Any], types: tuple[str, ...], fields: dict[str, Any]) -> bool:
    return (not types or message["type"] in types) and all(message.get(k) == v for k, v in fields.items())


def add_style(name: str = "Test style") -> str:
    """A style of the user's, in the test's data folder; "id@revision"."""
    rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    return StyleStore().put(name, rgb).pinned


def environment(plugins: str | None = TEST_METHODS) -> dict[str, str]:
    """The environment of an engine with test methods."""
    path = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH", "")]))
    env = os.environ | {"PYTHONPATH": path}
    return env | {"SCUMBLE_PLUGINS": plugins} if plugins is not None else env


def _program(limits: dict[str, float | None], first: str) -> list[str]:
    """What Python runs: the engine, where need be with other limits than those it ships with."""
    if not limits and not first:
        return ["-m", "scumble.server"]
    setting = [f"limits.{name} = {value!r}" for name, value in limits.items()]
    engine = ["import sys", "from scumble.server import __main__, limits", *setting, "sys.exit(__main__.main())"]
    return ["-c", "\n".join([first, *engine])]


@contextlib.contextmanager
def running(*arguments: str, **options: Any) -> Iterator[Engine]:
    """An engine that is ready, and gone after the block."""
    engine = Engine(*arguments, **options)
    try:
        yield engine
    finally:
        engine.stop()


def wait_for(condition: Any, seconds: float = 60.0, step: float = 0.01) -> None:
    """Raises TimeoutError when `condition()` does not come true."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"it did not come true within {seconds} s")
        time.sleep(step)


def free_port() -> int:
    """A port that is free, as is the one above it."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first, contextlib.suppress(OSError):
            port = int(first.getsockname()[1])
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def keyed(token: str, text: str) -> str:
    return hmac.new(token.encode(), text.encode(), hashlib.sha256).hexdigest()


@contextlib.contextmanager
def methods_of_tests() -> Iterator[None]:
    """The test methods in this process, and a style for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCUMBLE_PLUGINS", "-,scumble_test_methods")
        patch.syspath_prepend(str(SUPPORT))
        registered.cache_clear()
        add_style()
        yield
        registered.cache_clear()
