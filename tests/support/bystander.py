# SPDX-License-Identifier: Apache-2.0
"""A well-behaved client that goes on painting while a test does something to its engine."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil

from scumble.client.blocking import Engine as Client
from scumble.client.locate import read_connection
from scumble.client.raster import Raster
from support.engine import STYLE, Engine, wait_for
from support.pictures import picture

PIXELS = picture(24, 16)


class Bystander(threading.Thread):
    """A context manager. Leaving it fails where the client was ever refused, given wrong bytes, or not served at all."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="bystander")
        self.served = 0
        self.slowest = 0.0
        self._connection = read_connection(str(engine.runtime))
        assert self._connection is not None
        self._end = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            with Client.attach(start=False, connection=self._connection) as client:
                while not self._end.is_set():
                    began = time.monotonic()
                    done = client.stylize(Raster(16, 24, "u8", "rgba", PIXELS), [(STYLE, 1.0)], "invert")
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    painted = np.frombuffer(done.raster.data, np.uint8).reshape(PIXELS.shape)
                    np.testing.assert_array_equal(painted[..., :3], 255 - PIXELS[..., :3])
                    self.served += 1
                    self._end.wait(0.02)
        except BaseException as e:
            self._error = e

    def serve_more(self, seconds: float = 60.0) -> None:
        """Returns when the client has been served again, from start to end."""
        before = self.served
        wait_for(lambda: self.served >= before + 2 or self._error is not None, seconds)
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Bystander:
        self.start()
        self.serve_more()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.serve_more()
        finally:
            self._end.set()
            self.join(60)


def memory(engine: Engine) -> int:
    """Bytes of RAM the engine process has (not its worker)."""
    return int(psutil.Process(engine.process.pid).memory_info().rss)
