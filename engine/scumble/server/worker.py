# SPDX-License-Identifier: Apache-2.0
"""The worker: a process that loads the methods and runs one job at a time, and may die of it.

Invariants: it ends with its parent; the main thread alone computes, while one thread listens, one sends heartbeats and one
looks at the styles when they have changed; a cancel takes effect at the next yield. Torch is touched only where a method has
imported it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import faulthandler
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from scumble.api.method import Method
from scumble.library.styles import StoredStyle, StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.device import choose, give_memory_back, name_of
from scumble.server import channel, limits
from scumble.server.running import Painter
from scumble.server.streams import SafeStream

log = logging.getLogger(__name__)


class Line:
    """The connection to the engine. Any thread may `say`; one thread listens."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        self._unpacker = channel.Unpacker(at_worker=True)
        self._fds: list[int] = []

    def say(self, message: channel.ToEngine, payload: bytes = b"") -> None:
        with self._lock:
            self._socket.sendall(channel.pack(message, payload))

    def hear(self) -> list[Any]:
        """The next messages; waits. Raises EOFError once the engine is gone."""
        if sys.platform == "win32":
            data = self._socket.recv(1 << 16)
        else:
            data, fds, _, _ = socket.recv_fds(self._socket, 1 << 16, 4)
            self._fds += fds
        if not data:
            raise EOFError
        return [message for message, _ in self._unpacker.feed(data)]

    def spools(self, run: channel.Run) -> list[int]:
        """The open files that came with `run`: picture and result."""
        if run.paths is not None:
            return [os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)) for path in run.paths]
        taken, self._fds = self._fds[:2], self._fds[2:]
        return taken


class LogToEngine(logging.Handler):
    """Warnings of methods and plug-ins belong in the engine's log."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # a word that cannot be said must not fail what it was about
            self._line.say(channel.Note(record.levelno, self.format(record)[:8192]))


def main() -> None:
    arguments = _arguments()
    _settle(arguments.parent)
    line = Line(_socket(arguments.socket))
    logging.basicConfig(level=logging.INFO, handlers=[LogToEngine(line)], format="%(name)s: %(message)s")
    logging.captureWarnings(True)
    runs: queue.SimpleQueue[tuple[channel.Run, list[int]] | channel.Refine | channel.Forget] = queue.SimpleQueue()
    painter = Painter(line.say)
    changed = threading.Event()
    threading.Thread(target=_beat, args=(line, painter), name="heartbeat", daemon=True).start()
    threading.Thread(target=_listen, args=(line, runs, painter, changed), name="listener", daemon=True).start()
    methods = list(registry.methods().values())
    painter.device, devices = _devices(arguments.device, arguments.threads)
    line.say(channel.Ready(devices, [pipeline.describe(m) for m in methods], available(), outdated(), problems()))
    threading.Thread(target=_look, args=(line, changed), name="styles", daemon=True).start()
    while True:
        match runs.get():
            case channel.Forget():
                painter.sequence.forget()
                _forget()
            case channel.Refine() as asked:
                line.say(*painter.refine(asked))
            case run, fds:
                line.say(channel.Begun(run.job))
                line.say(painter.paint(run, fds))
                painter.remember()


def problems() -> list[str]:
    """What could not be loaded, and why; of several the reason they share."""
    if not registry.failures:
        return []
    try:
        import torch  # noqa: F401 - what most methods need: where it is missing, it is what to mend
    except Exception as e:
        return [f"torch does not load ({e})"]
    return list(registry.failures.values())


def available() -> dict[str, list[str]]:
    """Which methods can paint which style; one that fails to say so cannot."""
    return _methods_by_style(lambda method, style: method.available(style))


def outdated() -> dict[str, list[str]]:
    """Which methods have refined which style in a way that they have outgrown (api.method.Refiner)."""

    def says(method: Method, style: StoredStyle) -> bool:
        return style.own and method.refiner is not None and method.refiner.outdated(style)

    return {style: methods for style, methods in _methods_by_style(says).items() if methods}


def _methods_by_style(says: Callable[[Method, StoredStyle], bool]) -> dict[str, list[str]]:
    by_style = {}
    for style in StyleStore().list():
        ids = []
        for method in registry.methods().values():
            try:
                if says(method, style):
                    ids.append(method.id)
            except Exception:
                log.warning("%s cannot tell about the style %s", method.id, style.pinned, exc_info=True)
        by_style[style.pinned] = ids
    return by_style


def _look(line: Line, changed: threading.Event) -> None:
    """Say again which method has which style, each time they have changed; methods may read every painting for that."""
    with contextlib.suppress(OSError):
        while changed.wait():
            changed.clear()
            line.say(channel.Available(available(), outdated()))


def _listen(line: Line, runs: Any, painter: Painter, changed: threading.Event) -> None:
    try:
        while True:
            for message in line.hear():
                match message:
                    case channel.Run():
                        runs.put((message, line.spools(message)))
                    case channel.Cancel():
                        painter.cancel(message.job)
                    case channel.Keep():
                        painter.keep(message.job)
                    case channel.StylesChanged():
                        changed.set()
                    case channel.Refine() | channel.Forget():
                        runs.put(message)
    except (EOFError, OSError):
        pass
    except Exception:
        log.exception("the worker cannot listen any more")
    finally:
        os._exit(1)  # without its engine there is nothing to finish


def _beat(line: Line, painter: Painter) -> None:
    with contextlib.suppress(OSError):
        while True:
            line.say(channel.Beat())
            painter.catch_up()
            time.sleep(limits.HEARTBEAT)


def _settle(parent: int) -> None:
    """Make this process the one that waits, that goes first when memory ends, and that never outlives its engine."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the engine's terminal reaches us too; the engine decides
    with contextlib.suppress(OSError, ValueError, RuntimeError, AttributeError):
        faulthandler.enable()
    # What a method prints is lost where the engine's log cannot take it.
    sys.stdout, sys.stderr = SafeStream(sys.stdout), SafeStream(sys.stderr)
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump holds the painter's picture, and delays the news
    with contextlib.suppress(OSError):
        os.nice(limits.NICE)
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:
            f.write(str(limits.OOM_SCORE))
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def _devices(wanted: str, threads: int | None) -> tuple[str, list[dict[str, str]]]:
    """The torch device to use, and what to call it. Where no method needs torch there is a CPU."""
    cpu = {"id": "cpu", "name": f"{os.cpu_count()} cores"}
    device = choose(wanted, threads)
    return device, [cpu if device == "cpu" else {"id": device, "name": name_of(device)}]


def _forget() -> None:
    """Let methods drop what they have cached, and give memory back."""
    for method in registry.methods().values():
        method.forget()
    give_memory_back()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)


def _socket(number: int | None) -> socket.socket:
    if sys.platform == "win32":
        return socket.fromshare(base64.b64decode(sys.stdin.buffer.readline()))
    assert number is not None
    return socket.socket(fileno=number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scumble-worker")
    parser.add_argument("--socket", type=int)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
