# SPDX-License-Identifier: Apache-2.0
"""The worker: a process that loads the methods and runs one job at a time, and may die of it.

Invariants: it ends with its parent; the main thread alone computes, while one thread listens, one sends heartbeats and one
reports which method can paint which style when styles have changed; a cancel takes effect at the next yield. Torch is used
only where a method has imported it.
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
from scumble.server.running import JobRunner
from scumble.server.streams import SafeStream

log = logging.getLogger(__name__)


class EngineSocket:
    """The connection to the engine. Any thread may `send`; one thread calls `receive`."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()
        self._unpacker = channel.Unpacker(at_worker=True)
        self._fds: list[int] = []

    def send(self, message: channel.ToEngine, payload: bytes = b"") -> None:
        with self._lock:
            self._socket.sendall(channel.pack(message, payload))

    def receive(self) -> list[Any]:
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
    """Sends warnings of methods and plug-ins to the engine's log."""

    def __init__(self, engine: EngineSocket) -> None:
        super().__init__()
        self._engine = engine

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # a line that cannot be sent must not fail the work it is about
            self._engine.send(channel.Note(record.levelno, self.format(record)[:8192]))


def main() -> None:
    arguments = _arguments()
    _prepare_process(arguments.parent)
    engine = EngineSocket(_socket(arguments.socket))
    logging.basicConfig(level=logging.INFO, handlers=[LogToEngine(engine)], format="%(name)s: %(message)s")
    logging.captureWarnings(True)

    work: queue.SimpleQueue[tuple[channel.Run, list[int]] | channel.Refine | channel.Forget] = queue.SimpleQueue()
    runner = JobRunner(engine.send)
    changed = threading.Event()
    threading.Thread(target=_beat, args=(engine, runner), name="heartbeat", daemon=True).start()
    threading.Thread(target=_listen, args=(engine, work, runner, changed), name="listener", daemon=True).start()

    methods = list(registry.methods().values())
    runner.device, devices = _devices(arguments.device, arguments.threads)
    engine.send(channel.Ready(devices, [pipeline.describe(m) for m in methods], available(), outdated(), problems()))
    threading.Thread(target=_report_styles, args=(engine, changed), name="styles", daemon=True).start()

    while True:
        match work.get():
            case channel.Forget():
                runner.sequence.forget()
                _forget()
            case channel.Refine() as asked:
                engine.send(*runner.refine(asked))
            case run, fds:
                engine.send(channel.Begun(run.job))
                engine.send(runner.paint(run, fds))
                runner.remember()


def problems() -> list[str]:
    """The reasons why methods could not be loaded; one reason where they share it."""
    if not registry.failures:
        return []
    try:
        import torch  # noqa: F401 - what most methods need: where it is missing, it is what to mend
    except Exception as e:
        return [f"torch does not load ({e})"]
    return list(registry.failures.values())


def available() -> dict[str, list[str]]:
    """The ids of the methods that can paint each style ("id@revision"); one whose `available` fails cannot."""
    return _methods_by_style(lambda method, style: method.available(style))


def outdated() -> dict[str, list[str]]:
    """The ids of the methods that have an outdated refinement of a style (api.method.Refiner)."""

    def is_outdated(method: Method, style: StoredStyle) -> bool:
        return style.own and method.refiner is not None and method.refiner.outdated(style)

    return {style: methods for style, methods in _methods_by_style(is_outdated).items() if methods}


def _methods_by_style(holds: Callable[[Method, StoredStyle], bool]) -> dict[str, list[str]]:
    """For each style the ids of the methods for which `holds` is true; one that raises is logged and left out."""
    by_style = {}
    for style in StyleStore().list():
        ids = []
        for method in registry.methods().values():
            try:
                if holds(method, style):
                    ids.append(method.id)
            except Exception:
                log.warning("%s cannot tell about the style %s", method.id, style.pinned, exc_info=True)
        by_style[style.pinned] = ids
    return by_style


def _report_styles(engine: EngineSocket, changed: threading.Event) -> None:
    """Send which method can paint which style, each time styles have `changed`; a method may read every painting for that."""
    with contextlib.suppress(OSError):
        while changed.wait():
            changed.clear()
            engine.send(channel.Available(available(), outdated()))


def _listen(engine: EngineSocket, work: Any, runner: JobRunner, changed: threading.Event) -> None:
    """Receive until the engine has gone, which ends this process; cancels take effect at once, `work` waits its turn."""
    try:
        while True:
            for message in engine.receive():
                match message:
                    case channel.Run():
                        work.put((message, engine.spools(message)))
                    case channel.Cancel():
                        runner.cancel(message.job)
                    case channel.Keep():
                        runner.keep(message.job)
                    case channel.StylesChanged():
                        changed.set()
                    case channel.Refine() | channel.Forget():
                        work.put(message)
    except (EOFError, OSError):
        pass
    except Exception:
        log.exception("the worker cannot listen any more")
    finally:
        os._exit(1)  # without its engine there is nothing to finish


def _beat(engine: EngineSocket, runner: JobRunner) -> None:
    """Send heartbeats, and progress that was held back, until the engine has gone."""
    with contextlib.suppress(OSError):
        while True:
            engine.send(channel.Beat())
            runner.send_held_back()
            time.sleep(limits.HEARTBEAT)


def _prepare_process(parent: int) -> None:
    """Give this process a low priority, let the kernel end it first when memory runs out, and tie its life to the engine's."""
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
